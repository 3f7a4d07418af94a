"""The vocabulary for authors of checks: everything that a check needs is imported from here."""

from autograder.checks.closeness import assert_close, assert_gradients_close, assert_no_gradient
from autograder.checks.conventions import Reduction, Spread
from autograder.checks.declaring import given, item
from autograder.checks.either_shape import as_taken, first_that_fits, in_either_shape
from autograder.checks.failure import CheckFailed
from autograder.checks.gaussians import DiagonalGaussian, standardised_noise
from autograder.checks.means import assert_bounded_mean, assert_equals_monte_carlo_mean, assert_mean
from autograder.checks.noise_predictors import AffineNoise, NoisePredictor, teach
from autograder.checks.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.notebook_runs import assert_all_cells_run, notebook_of
from autograder.checks.recording import PValue, record_p_values
from autograder.checks.secret import secret_generator
from autograder.checks.showing import only_for_show, show_bars, show_curves, show_images, show_note
from autograder.checks.strategies import (
    diagonal_gaussians,
    images,
    noising_problems,
    schedules,
    seeds,
    tensors,
    timesteps,
)
from autograder.checks.tensor_assertions import assert_integers, assert_shape, assert_tensor, assert_unchanged
from autograder.checks.thresholds import exceeds, falls_below
from autograder.checks.uniformity import assert_uniform_integers
from autograder.checks.watching import Watched, WatchedNetworks
from autograder.sandbox.trusted.captured_figures import Figure, Panel, drawn
from autograder.sandbox.trusted.remote import Remote, exists, fetch, fresh, gradients, info, is_remote, lend, substitute
from autograder.sandbox.trusted.stand_ins import Callback, Canned, StandIns

__all__ = [
    "AffineNoise",
    "Callback",
    "Canned",
    "CheckFailed",
    "DiagonalGaussian",
    "Figure",
    "NoisePredictor",
    "PValue",
    "Panel",
    "Reduction",
    "Remote",
    "Spread",
    "StandIns",
    "Unit",
    "Watched",
    "WatchedNetworks",
    "as_taken",
    "assert_all_cells_run",
    "assert_bounded_mean",
    "assert_close",
    "assert_equals_monte_carlo_mean",
    "assert_gradients_close",
    "assert_independent",
    "assert_integers",
    "assert_mean",
    "assert_no_gradient",
    "assert_shape",
    "assert_standard_normal",
    "assert_tensor",
    "assert_unchanged",
    "assert_uniform_integers",
    "diagonal_gaussians",
    "drawn",
    "exceeds",
    "exists",
    "falls_below",
    "fetch",
    "first_that_fits",
    "fresh",
    "given",
    "gradients",
    "images",
    "in_either_shape",
    "info",
    "is_remote",
    "item",
    "lend",
    "noising_problems",
    "notebook_of",
    "only_for_show",
    "record_p_values",
    "schedules",
    "secret_generator",
    "seeds",
    "show_bars",
    "show_curves",
    "show_images",
    "show_note",
    "standardised_noise",
    "substitute",
    "teach",
    "tensors",
    "timesteps",
]
