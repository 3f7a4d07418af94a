"""Adding noise, the loss, and random time steps. Each answer is taken apart and held against stored numbers."""

import torch

from autograder.checks import AffineNoise, CheckFailed, NoisePredictor, falls_below, item, teach
from autograder.checks.closeness import assert_close, assert_gradients_close
from autograder.checks.noise_predictors import per_image
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.tensor_assertions import assert_tensor
from autograder.checks.uniformity import assert_uniform_integers
from autograder.concepts.forward_noising import LinearSchedule, forward_noising

# At these time indices (in no order, as in a batch of random ones) an image is multiplied by SIGNAL, noise by SPREAD.
INDICES = (250, 999, 0, 500, 1)
SIGNAL = torch.tensor([0.722096275, 6.35281809e-3, 0.999949999, 0.278920523, 0.99989004])
SPREAD = torch.tensor([0.691792577, 0.999979821, 0.01, 0.960314189, 0.0148292929])
# Entries of each image in the checks of random numbers: 3 * 35 * 35 = 3675, enough to see in each of 5 images by itself
# a mean off by 0.2 and a standard deviation off by a fifth (3364 are needed).
SIZE, EFFECTS = 35, {"mean_effect": 0.2, "std_effect": 1.2, "unit": Unit.ROW}


def known_model(gain, tilt, bias):
    """A model that predicts ``gain * x + tilt * time / 1000 + bias``."""
    return AffineNoise(gain, tilt, bias, time="time", time_unit=1000.0)


class NearlyPerfect(NoisePredictor):
    """Knows the clean images, so that it can tell the noise exactly; then it adds ``offset`` to the right answer."""

    def __init__(self, clean, signal, spread, offset):
        """Take the clean images, and for each of them the factor of image and of noise and the error to make."""
        super().__init__(time="time")
        self.clean, self.signal, self.spread = clean, signal, spread
        self.offset = torch.nn.Parameter(offset)

    def predict(self, x, t):
        """The noise in images (batch, channels, height, width)."""
        signal, spread, offset = (per_image(value, x) for value in (self.signal, self.spread, self.offset))
        return ((x - signal * self.clean) / spread + offset).to(x.dtype)


STORED = {index: [(float(s), float(n))] for index, s, n in zip(INDICES, SIGNAL, SPREAD, strict=True)}


@forward_noising(
    "ddpm.q_sample", call="q_sample(x_start, t, noise)", schedule=LinearSchedule(1e-4, 0.02, 1000), stored=STORED
)
def test_q_sample(ddpm_solution, x_0, t, noise):
    return ddpm_solution.q_sample(x_0, t) if noise is None else ddpm_solution.q_sample(x_0, t, noise=noise)


@item("ddpm.p_losses", weight=1)
def test_the_price_of_a_known_error(ddpm_solution):
    """Being off by 0.5 everywhere costs 0.125, by 3 costs 2.5; a batch costs the average, and its gradient arrives."""
    images, mixed = _images(6), [0.5, 0.0, -3.0, 0.0, 0.0]
    for offsets, price in (([-3.0] * 5, 2.5), ([0.5] * 5, 0.125), ([0.0] * 5, 0.0), (mixed, 0.525)):
        model = NearlyPerfect(images, SIGNAL, SPREAD, torch.tensor(offsets))
        loss = ddpm_solution.p_losses(model.lent, images, torch.tensor(INDICES))
        # At index 0 float32 code may know a hundredth of noise only to 6e-4 of itself, hence a scale above 1.
        assert_close(loss, price, name=f"the loss of a model that is off by {offsets}", scale=10.0)
    arriving = teach(assert_tensor(loss), [model.offset])
    assert_gradients_close(
        arriving, [torch.tensor([0.1, 0.0, -0.2, 0.0, 0.0])], ["the error"], of="the loss", scale=10.0
    )


@item("ddpm.p_losses", weight=0.5)
def test_the_model_sees_fresh_noise(ddpm_solution):
    """The model gets the time indices as they are, and images with fresh standard normal noise of the right size."""
    model, t = known_model(0.5, 1.0, 0.25), torch.tensor(INDICES)
    nothing = torch.zeros(5, 3, SIZE, SIZE)
    noise = []
    for _ in range(2):
        loss = assert_tensor(ddpm_solution.p_losses(model.lent, nothing, t), shape=(), name="the loss")
        seen, times = model.images, model.times
        if not seen:
            raise CheckFailed("the model is never asked: its prediction is what the loss is about")
        if times[-1].tolist() != t.tolist():
            raise CheckFailed("the model must get the time indices t as they are", got=f"t = {times[-1].tolist()}")
        noise.append(_scaled(1 / SPREAD, assert_tensor(seen[-1], shape=nothing.shape, name="the model's input")))
    assert_standard_normal(noise[0], name="the noise in the model's input", **EFFECTS)
    assert_independent(*noise, name="the noise of two calls")
    if falls_below(loss, 1e-12):
        raise CheckFailed("the loss of a model that is wrong must be positive", got=f"{loss.item():g}")


@item("ddpm.t_sample", weight=1)
def test_time_indices_are_uniform(ddpm_solution):
    """`t_sample(10, n)` gives n int64 indices 0..9, each as often as the others, each drawn afresh."""
    draws = [_indices(ddpm_solution.t_sample(10, 8000), 8000) for _ in range(2)]
    assert_uniform_integers(torch.stack(draws), 0, 9)


def _indices(value, batch_size):
    return assert_tensor(value, shape=(batch_size,), dtypes=(torch.int64,))


def _images(size):
    return torch.rand(5, 3, size, size + 1, generator=torch.Generator().manual_seed(1)) * 2 - 1


def _noise(size):
    return torch.randn(5, 3, size, size + 1, generator=torch.Generator().manual_seed(2))


def _scaled(factors, images):
    """Multiply each image by its own factor, in float64."""
    return torch.einsum("b,bchw->bchw", factors.double(), images.double())
