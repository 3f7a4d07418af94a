"""What the functions of denoise.py do."""

import torch
from hypothesis import strategies as st

from autograder.checks import Training, coloured_digits, ours
from autograder.concepts.diffusion_training import Diffusion, diffusion_training
from autograder.concepts.forward_noising import forward_noising
from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import GivenSchedule, ScaledLinearSchedule, noise_schedule
from autograder.concepts.reverse_loop import down_to, replace_step, reverse_loop
from autograder.concepts.reverse_step import DdimStep, StoredStep, reverse_step
from autograder.concepts.uniform_times import uniform_times

SCHEDULE = ScaledLinearSchedule(2e-3, 0.25, 40)
RULE = DdimStep(SCHEDULE, parametrisation="v", first_time=1)
FACTORS = {
    13: [(0.887993945, 0.459855144)],
    39: [(0.134131209, 0.990963581)],
    0: [(0.998999499, 0.0447213595)],
    26: [(0.517821887, 0.855488453)],
    5: [(0.982511, 0.186204551)],
}
STEPS = (
    StoredStep(1, 1.5, {1: 0.93191746, -2: -2.06508104}),
    StoredStep(1, 0.0, {0.5: 0.49949975, -4: -3.995998}),
    StoredStep(2, -3.0, {0.25: 0.331667398, 2: 2.08101737}),
    StoredStep(17, 2.0, {1.5: 1.414812, -0.75: -0.833208832}),
    StoredStep(40, -4.0, {2: 2.08343684, -1: -0.915903529}),
)


@noise_schedule(
    "denoise.rates",
    call="noise_rates(low, high, steps)",
    schedule=st.builds(ScaledLinearSchedule, st.floats(1e-4, 1e-2), st.floats(0.05, 0.5), st.integers(5, 200)),
    stored={SCHEDULE: {"betas": {0: 0.002, 1: 0.00318041529, 20: 0.0773938965, 39: 0.25}}},
    betas="noise_rates(beta_start, beta_end, timesteps)",
)
def test_noise_rates(denoise, schedule):
    return denoise.noise_rates(schedule.beta_start, schedule.beta_end, schedule.timesteps)


@noise_schedule(
    "denoise.levels",
    call="signal_levels(rates)",
    schedule=st.lists(st.floats(1e-3, 0.4), min_size=2, max_size=60).map(tuple).map(GivenSchedule),
    stored={GivenSchedule((0.125, 0.25, 0.5)): {"alphas_cumprod": {0: 1.0, 1: 0.875, 2: 0.65625, 3: 0.328125}}},
    start=0,
    alphas_cumprod="signal_levels(rates)",
)
def test_signal_levels(denoise, schedule):
    return denoise.signal_levels(torch.tensor(schedule.betas))


@uniform_times("denoise.times", call="random_times(how_many, steps)", names=("steps", "how_many"), first_time=1)
def test_random_times(denoise, timesteps, batch_size):
    return denoise.random_times(batch_size, timesteps)


@forward_noising(
    "denoise.diffuse",
    call="diffuse(noise, clean, t)",
    names=("clean", "t", "noise"),
    schedule=SCHEDULE,
    stored=FACTORS,
    first_time=1,
    draws=False,
)
def test_diffuse(denoise, noise, x_0, t):
    return denoise.diffuse(noise, x_0, t)


@noise_prediction_loss(
    "denoise.loss",
    call="velocity_loss(network, t, clean, noise)",
    names=("clean", "t", "noise", "network"),
    schedule=SCHEDULE,
    stored=FACTORS,
    parametrisation="v",
    targets={index: (-spread, signal) for index, [(signal, spread)] in FACTORS.items()},
    distance="squared",
    prices={0.5: (0.25, 1.0), -3.0: (9.0, -6.0)},
    first_time=1,
    int64_times=True,
)
def test_velocity_loss(denoise, model, t, x_0, noise):
    return denoise.velocity_loss(model, t, x_0, noise)


@reverse_step(
    "denoise.earlier",
    call="earlier(network, t, pictures)",
    names=("network", "pictures", "t"),
    rule=RULE,
    stored=STEPS,
    example=(3, 20, 20),
    noisy=False,
    gradient_free=True,
)
def test_earlier(denoise, model, t, x):
    return denoise.earlier(model, torch.full((len(x),), t), x)


@reverse_loop(
    "denoise.generate",
    call="generate(network, shape, steps)",
    names=("network", "earlier", "shape"),
    rule=lambda steps: RULE,
    timesteps=(40, 7),
    times=down_to(1),
    example=(3, 20, 20),
    returns="last",
)
def test_generate(denoise, model, step, shape, timesteps):
    replace_step(denoise.earlier, step)
    return denoise.generate(model, shape, timesteps)


def colours(generator, held_out):
    """Digits in random colours (n, 3, 20, 20)."""
    return coloured_digits(20, held_out=held_out, generator=generator).images


@diffusion_training(
    "denoise.training",
    call="velocity_loss(network, t, clean, noise)",
    schedule=SCHEDULE,
    first_time=1,
    parametrisation="v",
    pictures=colours,
    network=ours("sixteen.checks.public.denoise_probes.SmallNetwork"),
    training=Training(200, 32, 4e-3),
    error_below=0.7,
    few=Training(100, 32, 4e-3),
    few_below=0.6,
)
def test_training(denoise, denoise_probes, model):
    network = denoise_probes.SmallNetwork() if model is None else model
    learner = denoise_probes.trainee(network, denoise.velocity_loss)
    return Diffusion(learner, noised=lambda x, t, noise: denoise.diffuse(noise, x, t))
