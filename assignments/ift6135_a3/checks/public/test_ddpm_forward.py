"""Adding noise, the loss, and random time steps. Each answer is taken apart and held against stored numbers."""

from autograder.checks import AffineNoise
from autograder.concepts.forward_noising import forward_noising
from autograder.concepts.noise_prediction_loss import noise_prediction_loss
from autograder.concepts.noise_schedule import LinearSchedule
from autograder.concepts.uniform_times import uniform_times

SCHEDULE = LinearSchedule(1e-4, 0.02, 1000)
# At these time indices (in no order, as in a batch of random ones): the factors of image and noise.
STORED = {
    250: [(0.722096275, 0.691792577)],
    999: [(6.35281809e-3, 0.999979821)],
    0: [(0.999949999, 0.01)],
    500: [(0.278920523, 0.960314189)],
    1: [(0.99989004, 0.0148292929)],
}


def known_model(gain, tilt, bias):
    """A model that predicts ``gain * x + tilt * time / 1000 + bias``."""
    return AffineNoise(gain, tilt, bias, time="time", time_unit=1000.0)


@forward_noising("ddpm.q_sample", call="q_sample(x_start, t, noise)", schedule=SCHEDULE, stored=STORED)
def test_q_sample(ddpm_solution, x_0, t, noise):
    return ddpm_solution.q_sample(x_0, t) if noise is None else ddpm_solution.q_sample(x_0, t, noise=noise)


@noise_prediction_loss(
    "ddpm.p_losses",
    call="p_losses(denoise_model, x_start, t)",
    names=("x_start", "t"),
    schedule=SCHEDULE,
    stored=STORED,
    distance="huber",
    prices={-3.0: (2.5, -1.0), 0.5: (0.125, 0.5)},
    given=False,
    draws=True,
    time_name="time",
)
def test_p_losses(ddpm_solution, model, x_0, t):
    return ddpm_solution.p_losses(model, x_0, t)


@uniform_times("ddpm.t_sample", call="t_sample(timesteps, batch_size)")
def test_t_sample(ddpm_solution, timesteps, batch_size):
    return ddpm_solution.t_sample(timesteps, batch_size)
