"""Trusted targets of training, against closed forms and other ways to compute them."""

import pytest
import torch
from autograder_proofs.oracles import diffusion, training

TABLES = diffusion.Tables(diffusion.linear_betas(1e-4, 0.02, 1000))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("examples", [10, 60])
def test_principal_components_are_those_of_the_singular_value_decomposition(count, examples):
    train, test = torch.randn(examples, 1, 5, 5, generator=generator()), torch.randn(7, 1, 5, 5, generator=generator(1))
    mean = train.flatten(1).mean(0)
    directions = torch.linalg.svd((train.flatten(1) - mean).double(), full_matrices=False).Vh[:count]
    centred = (test.flatten(1) - mean).double()
    expected = (centred - centred @ directions.T @ directions).square().mean()
    assert training.principal_components_error(train, test, count) == pytest.approx(float(expected), rel=1e-6)


def test_no_method_of_one_colour_or_one_image_sees_more_than_that():
    flat = torch.rand(4, 3, 1, 1, generator=generator()).expand(4, 3, 8, 8)
    assert training.constant_colour_error(flat) == pytest.approx(0, abs=1e-12)
    assert training.mean_image_error(flat, flat) == pytest.approx(
        float((flat - flat.mean(0)).square().mean()), rel=1e-5
    )


@pytest.mark.parametrize("full", [False, True])
def test_the_gaussian_denoiser_is_the_conditional_mean(full):
    """Regress the noise on x_t, for Gaussian data of known covariance: the least squares solution is the denoiser."""
    n, t = 60_000, 300
    factor = torch.tensor([[1.0, 0.0], [0.0, 0.5]]) if not full else torch.tensor([[1.0, 0.0], [0.9, 0.3]])
    data = (torch.randn(n, 2, generator=generator()) @ factor.T + 0.7).reshape(n, 1, 1, 2)
    noise = torch.randn(data.shape, generator=generator(1))
    times = torch.full((n,), t)
    x = diffusion.q_sample(TABLES, data, times, noise).float()
    design = torch.cat([x.flatten(1), torch.ones(n, 1)], 1).double()
    solution = torch.linalg.lstsq(design, noise.flatten(1).double()).solution
    predicted = training.GaussianDenoiser(TABLES, data, full)(x, times).flatten(1)
    assert float((predicted - design @ solution).abs().max()) < 0.06


def test_noised_images_use_all_times_evenly_and_their_own_noise():
    images = torch.rand(50, 3, 4, 4, generator=generator())
    drawn = training.NoisedImages.draw(TABLES, images, generator(1))
    assert sorted(drawn.t.tolist()) == list(range(0, 1000, 20))
    assert torch.allclose(drawn.noisy.double(), diffusion.q_sample(TABLES, images, drawn.t, drawn.noise), atol=1e-6)
    assert drawn.error(lambda x, t: drawn.noise, "huber") == 0.0
    for distance, expected in {"huber": 2 - 1 / 2, "absolute": 2.0, "squared": 4.0}.items():
        assert drawn.error(lambda x, t: drawn.noise + 2.0, distance) == pytest.approx(expected)
    turned = training.NoisedImages.draw(TABLES, images, generator(1), velocities=True)
    velocity = diffusion.velocity(TABLES, images, drawn.t, drawn.noise)
    assert turned.error(lambda x, t: velocity + 2.0, "squared") == pytest.approx(4.0)


def test_ddim_with_a_perfect_denoiser_of_one_image_ends_at_that_image():
    image = torch.rand(1, 3, 4, 4, generator=generator()) * 2 - 1

    def knows(x, t):
        level = TABLES.alphas_cumprod[t][:, None, None, None]
        return ((x - level.sqrt() * image) / (1 - level).sqrt()).float()

    samples = training.ddim_samples(TABLES, knows, (5, 3, 4, 4), 20, generator())
    assert torch.allclose(samples, image.expand(5, -1, -1, -1), atol=1e-4)


def test_ddim_clamps_the_predicted_image():
    samples = training.ddim_samples(TABLES, lambda x, t: torch.full_like(x, -50.0), (2, 3, 4, 4), 10, generator())
    assert float(samples.abs().max()) <= 1.0


def test_ddim_with_a_gaussian_denoiser_gives_that_gaussian():
    """Where data are N(m, s^2), the deterministic sampler is a linear map from N(0, I) to (nearly) N(m, s^2)."""
    data = 0.3 + 0.2 * torch.randn(4000, 1, 1, 1, generator=generator())
    denoiser = training.GaussianDenoiser(TABLES, data)
    samples = training.ddim_samples(TABLES, denoiser, (2000, 1, 1, 1), 200, generator(1))
    assert float(samples.mean()) == pytest.approx(0.3, abs=0.02) and float(samples.std()) == pytest.approx(
        0.2, abs=0.02
    )
