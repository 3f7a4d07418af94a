"""Diffusion truths against the Markov chain that they describe, step by step, and against brute force."""

import math
from fractions import Fraction

import pytest
import torch
from autograder_proofs.oracles import diffusion

from autograder.concepts.noise_schedule import GivenSchedule, ScaledLinearSchedule

STEPS = 50
BETAS = diffusion.linear_betas(1e-3, 0.2, STEPS)
TABLES = diffusion.Tables(BETAS)


def chain(betas):
    """Compose one-step transitions x_t = sqrt(1 - beta) x_{t-1} + sqrt(beta) e: factor of x_0 and variance, each t."""
    factor, variance, history = 1.0, 0.0, []
    for beta in betas.tolist():
        factor, variance = math.sqrt(1 - beta) * factor, (1 - beta) * variance + beta
        history.append((factor, variance))
    return history


def conditional(index):
    """Mean coefficients (of x_0, of x_t) and variance of x_{t-1} given both, by conditioning the joint Gaussian."""
    factor, variance = chain(BETAS)[index - 1] if index else (1.0, 0.0)
    step, beta = math.sqrt(1 - BETAS[index].item()), BETAS[index].item()
    covariance, total = step * variance, step * step * variance + beta
    gain = covariance / total
    return factor - gain * step * factor, gain, variance - gain * covariance


def test_linear_betas_are_the_arithmetic_series():
    exact = [Fraction(1, 1000) + Fraction(199, 1000) * k / (STEPS - 1) for k in range(STEPS)]
    assert BETAS.tolist() == pytest.approx([float(x) for x in exact], rel=1e-14)
    assert diffusion.linear_betas(0.1, 0.2, 1).tolist() == [0.1]


def test_the_forward_tables_are_those_of_the_composed_chain():
    for index, (factor, variance) in enumerate(chain(BETAS)):
        assert TABLES.sqrt_alphas_cumprod[index].item() == pytest.approx(factor, rel=1e-12)
        assert TABLES.sqrt_one_minus_alphas_cumprod[index].item() ** 2 == pytest.approx(variance, rel=1e-12)
        assert TABLES.alphas_cumprod_prev[index].item() == (TABLES.alphas_cumprod[index - 1].item() if index else 1.0)
        assert TABLES.sqrt_recip_alphas[index].item() == pytest.approx(1 / math.sqrt(1 - BETAS[index].item()))


def test_the_posterior_is_the_joint_gaussian_conditioned():
    t = torch.arange(STEPS)
    ones, zeros = torch.ones(STEPS, 1), torch.zeros(STEPS, 1)
    of_start = diffusion.posterior_mean(TABLES, ones, zeros, t).flatten().tolist()
    of_x = diffusion.posterior_mean(TABLES, zeros, ones, t).flatten().tolist()
    expected = [conditional(index) for index in range(STEPS)]
    assert of_start == pytest.approx([row[0] for row in expected], rel=1e-9)
    assert of_x == pytest.approx([row[1] for row in expected], rel=1e-9, abs=1e-15)
    assert TABLES.posterior_variance.tolist() == pytest.approx([row[2] for row in expected], rel=1e-9, abs=1e-15)
    assert TABLES.posterior_variance[0].item() == 0


def test_simulated_chains_have_the_statistics_of_q_sample():
    generator, n = torch.Generator().manual_seed(0), 200_000
    x = torch.full((n,), 0.8, dtype=torch.float64)
    for beta in BETAS[:10]:
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(n, generator=generator, dtype=torch.float64)
    t, start = torch.tensor([9, 9]), torch.full((2, 1), 0.8)
    low, high = diffusion.q_sample(TABLES, start, t, torch.tensor([[0.0], [1.0]])).flatten().tolist()
    assert x.mean().item() == pytest.approx(low, abs=6 * (high - low) / math.sqrt(n))
    assert x.std().item() == pytest.approx(high - low, rel=6 / math.sqrt(2 * n))


def test_the_eps_form_is_the_posterior_mean_at_the_true_noise():
    generator = torch.Generator().manual_seed(1)
    t = torch.tensor([0, 17, STEPS - 1])
    start, noise = torch.rand(2, 3, 2, 4, 5, generator=generator, dtype=torch.float64) * 2 - 1
    x = diffusion.q_sample(TABLES, start, t, noise)
    assert torch.allclose(diffusion.predict_start(TABLES, x, t, noise), start, rtol=1e-9)
    expected = torch.stack(
        [conditional(k)[0] * s + conditional(k)[1] * y for k, s, y in zip(t.tolist(), start, x, strict=True)]
    )
    assert torch.allclose(diffusion.p_sample_mean(TABLES, x, t, noise), expected, rtol=1e-9)
    assert torch.allclose(diffusion.clamped_p_sample_mean(TABLES, x, t, noise), expected, rtol=1e-9)
    assert torch.allclose(diffusion.p_sample_mean(TABLES, x, t, noise)[0], start[0], rtol=1e-9)  # t = 1 gives x_0


def test_the_clamp_bites_where_the_estimate_leaves_the_range():
    t, x = torch.tensor([30, 30]), torch.tensor([[9.0], [-9.0]])
    got = diffusion.clamped_p_sample_mean(TABLES, x, t, torch.zeros(2, 1)).flatten().tolist()
    of_start, of_x, _ = conditional(30)
    assert got == pytest.approx([of_start + 9 * of_x, -of_start - 9 * of_x])


def test_a_reverse_step_adds_the_posterior_noise_but_none_at_the_end():
    t, mean = torch.tensor([0, 20]), torch.tensor([[1.0], [1.0]])
    got = diffusion.p_sample(TABLES, mean, t, torch.tensor([[3.0], [3.0]])).flatten().tolist()
    assert got == pytest.approx([1.0, 1.0 + 3 * math.sqrt(conditional(20)[2])])


@pytest.mark.parametrize(("timesteps", "s"), [(1, 0.008), (50, 0.008), (1000, 0.02)])
def test_cosine_alphas_multiply_up_to_the_squared_cosine(timesteps, s):
    alphas = diffusion.cosine_alphas(timesteps, s).tolist()
    level, start = 1.0, math.cos(s / (1 + s) * math.pi / 2) ** 2
    for index, alpha in enumerate(alphas[:-1]):
        level *= alpha
        expected = (1 + math.cos(math.pi * ((index + 1) / timesteps + s) / (1 + s))) / 2 / start
        assert level == pytest.approx(expected, rel=1e-9)
    assert alphas[-1] == 0.001
    assert diffusion.cosine_alphas_cumprod(timesteps, s)[0].item() == 1
    assert abs(diffusion.cosine_alphas_cumprod(timesteps, s)[-1].item()) < 1e-12


def test_huber_is_the_integral_of_the_clipped_distance():
    distances = torch.tensor([-2.5, -1.0, -0.3, 0.0, 0.7, 1.2, 4.0], dtype=torch.float64)
    for delta in (1.0, 0.5):
        grid = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
        expected = [(grid * d.abs()).clamp_max(delta).mean().item() * d.abs().item() for d in distances]
        assert diffusion.mean_distance(distances, "huber", delta).item() == pytest.approx(sum(expected) / 7, rel=1e-8)
    smooth = torch.nn.functional.smooth_l1_loss(distances, torch.zeros(7, dtype=torch.float64))
    assert diffusion.mean_distance(distances, "huber").item() == pytest.approx(smooth.item())


def test_targets_are_the_derivatives_that_they_stand_for():
    angle, image, noise = torch.tensor([0.4, 0.7, -1.3], dtype=torch.float64)
    signal, spread = angle.cos(), angle.sin()
    shares = {name: diffusion.target_shares(name, signal, spread) for name in ("eps", "x0", "v", "score")}
    target = {name: (of_image * image + of_noise * noise).item() for name, (of_image, of_noise) in shares.items()}
    turned = angle.clone().requires_grad_()  # v is the velocity of x_t on a circle (Salimans and Ho, appendix D)
    (velocity,) = torch.autograd.grad(turned.cos() * image + turned.sin() * noise, turned)
    x_t = (signal * image + spread * noise).requires_grad_()
    (score,) = torch.autograd.grad(torch.distributions.Normal(signal * image, spread).log_prob(x_t), x_t)
    truth = {"eps": noise, "x0": image, "v": velocity, "score": score}
    assert target == pytest.approx({name: value.item() for name, value in truth.items()}, rel=1e-12)


def test_velocities_of_noise_lead_back_to_it():
    tables = diffusion.Tables(diffusion.linear_betas(0.01, 0.3, 12))
    generator, t = torch.Generator().manual_seed(3), torch.arange(12)
    start, noise = torch.randn(2, 12, 5, dtype=torch.float64, generator=generator)
    x, v = diffusion.q_sample(tables, start, t, noise), diffusion.velocity(tables, start, t, noise)
    torch.testing.assert_close(diffusion.velocity_of_noise(tables, x, t, noise), v)
    torch.testing.assert_close(diffusion.start_and_noise_of_velocity(tables, x, t, v), (start, noise))
    of_image, of_noise = diffusion.target_shares("v", 0.6, 0.8)
    level = diffusion.Tables(torch.tensor([1 - 0.36], dtype=torch.float64))
    expected = of_image * start[:1] + of_noise * noise[:1]
    torch.testing.assert_close(diffusion.velocity(level, start[:1], torch.tensor([0]), noise[:1]), expected)


def test_scaled_linear_betas_have_roots_in_an_arithmetic_series():
    roots = diffusion.scaled_linear_betas(4e-4, 0.09, 8).sqrt()
    torch.testing.assert_close(roots.diff(), torch.full((7,), (0.3 - 0.02) / 7, dtype=torch.float64))
    assert roots[0].item() == pytest.approx(0.02) and roots[-1].item() == pytest.approx(0.3)
    schedule = ScaledLinearSchedule(4e-4, 0.09, 8)
    torch.testing.assert_close(diffusion.tables_of(schedule).betas, roots.square())


def test_tables_of_a_schedule_are_made_once_in_whatever_form_its_betas_come():
    listed, given = GivenSchedule([0.1, 0.25]), GivenSchedule((0.1, 0.25))
    assert diffusion.tables_of(listed) is diffusion.tables_of(given)
    assert diffusion.tables_of(given).alphas_cumprod is diffusion.tables_of(given).alphas_cumprod
    assert diffusion.tables_of(given).alphas_cumprod.tolist() == pytest.approx([0.9, 0.675])
    with pytest.raises(TypeError, match=r"a schedule is a value of autograder.concepts.noise_schedule, not \(0.1, 0"):
        diffusion.tables_of((0.1, 0.25))


def test_steps_of_ddim_stay_on_the_path_of_their_image_and_noise():
    tables = diffusion.Tables(diffusion.linear_betas(0.01, 0.3, 12))
    start, noise = torch.randn(2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = diffusion.q_sample(tables, start, torch.full((5,), 11), noise)
    for index in range(11, -1, -1):
        t = torch.full((5,), index)
        of_image, of_noise = diffusion.target_shares(
            "v", float(tables.sqrt_alphas_cumprod[index]), float(tables.sqrt_one_minus_alphas_cumprod[index])
        )
        found = diffusion.start_and_noise_of_velocity(tables, x, t, of_image * start + of_noise * noise)
        torch.testing.assert_close(found, (start, noise))
        x = diffusion.ddim_step(tables, t, *found)
        if index:
            torch.testing.assert_close(x, diffusion.q_sample(tables, start, t - 1, noise))
    torch.testing.assert_close(x, start)


def test_betas_outside_the_range_are_refused():
    for betas in (torch.tensor([0.1, 1.0]), torch.tensor([0.0, 0.1]), torch.tensor([[0.1]])):
        with pytest.raises(ValueError, match="betas"):
            diffusion.Tables(betas)
