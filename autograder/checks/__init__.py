"""The door for authors of checks, concepts and assignments: everything that they need is imported from here.

The rooms behind it, each of which knows only those above it:

- `authoring`: how a check is declared (`item`, `given`, strategies, contracts), fails (`CheckFailed`), names values
  (`describe_type`), draws secrets (`secret_generator`) and shows plots (`show_curves`);
- `assertions`: about one value (`assert_tensor`, `assert_close`, `exceeds`) or about how a notebook was run;
- `statistics`: about samples (`assert_standard_normal`, `assert_mean`, `assert_uniform_integers`), with a stated
  probability of a false alarm, and distances between samples (`energy_distance`);
- `training`: networks that record how they are called (`AffineNoise`, `WatchedNetworks`), untrained ones (`Sizes`), and
  short trainings (`Criterion`, `assert_learned`, `digits`).

From the sandbox come the verbs for what is in the worker (`fetch`, `gradients`, `expose`, ...), what it did wrong
(`SubmissionFault`), its figures (`drawn`) and the values of `STAND_INS`.
"""

from autograder.checks.assertions.closeness import assert_close, assert_gradients_close, assert_no_gradient
from autograder.checks.assertions.notebook_runs import assert_all_cells_run, notebook_of
from autograder.checks.assertions.tensor_assertions import (
    assert_integers,
    assert_shape,
    assert_tensor,
    assert_unchanged,
)
from autograder.checks.assertions.thresholds import exceeds, falls_below
from autograder.checks.authoring.contracts import Contract, Property, Subject, prop
from autograder.checks.authoring.conventions import Reduction, Spread
from autograder.checks.authoring.declaring import given, item
from autograder.checks.authoring.describing import (
    describe,
    describe_dtype,
    describe_number,
    describe_shape,
    describe_type,
)
from autograder.checks.authoring.either_shape import UNFIT, as_taken, first_that_fits, in_either_shape
from autograder.checks.authoring.failure import CheckFailed
from autograder.checks.authoring.gaussians import DiagonalGaussian, standardised_noise
from autograder.checks.authoring.secret import secret_generator
from autograder.checks.authoring.showing import only_for_show, show_bars, show_curves, show_images, show_note
from autograder.checks.authoring.strategies import (
    LinearSchedule,
    NoisingProblem,
    diagonal_gaussians,
    images,
    noising_problems,
    schedules,
    seeds,
    tensors,
    timesteps,
)
from autograder.checks.statistics.embeddings import agreement, effective_rank, nearest_neighbour_accuracy, spectrum
from autograder.checks.statistics.energy import energy_distance
from autograder.checks.statistics.means import assert_bounded_mean, assert_equals_monte_carlo_mean, assert_mean
from autograder.checks.statistics.normality import Unit, assert_independent, assert_standard_normal
from autograder.checks.statistics.recording import PValue, record_p_values
from autograder.checks.statistics.uniformity import assert_uniform_integers
from autograder.checks.training.device import placed
from autograder.checks.training.digits import CLASSES, LabelledImages, coloured_digits, digits
from autograder.checks.training.disguised_digits import ColouredDigits, Digits, Disguised
from autograder.checks.training.learning import (
    Criterion,
    Training,
    assert_learned,
    batches,
    blurred,
    checked_weights,
    in_chunks,
    learn,
    ours,
    reported_losses,
    train,
)
from autograder.checks.training.noise_predictors import AffineNoise, NoisePredictor, per_image, teach
from autograder.checks.training.pixel_transform import shuffled_negatives, tiling, turned_negatives
from autograder.checks.training.secret_isometry import SecretIsometry
from autograder.checks.training.untrained import (
    FEW,
    SIGNS,
    Sizes,
    assert_every_input_counts,
    assert_moves,
    assert_seen,
    assert_varies,
)
from autograder.checks.training.watched_networks import (
    Watched,
    WatchedNetworks,
    asked_by_stand_ins,
    network_of_stand_ins,
)
from autograder.sandbox.trusted.captured_figures import Figure, Panel, drawn
from autograder.sandbox.trusted.faults import SubmissionFault, SubmissionRaised
from autograder.sandbox.trusted.remote import (
    Remote,
    exists,
    expose,
    fetch,
    fresh,
    gradients,
    info,
    is_remote,
    substitute,
)
from autograder.sandbox.trusted.stand_ins import Callback, Constant, StandIns

__all__ = [
    "CLASSES",
    "FEW",
    "SIGNS",
    "UNFIT",
    "AffineNoise",
    "Callback",
    "CheckFailed",
    "ColouredDigits",
    "Constant",
    "Contract",
    "Criterion",
    "DiagonalGaussian",
    "Digits",
    "Disguised",
    "Figure",
    "LabelledImages",
    "LinearSchedule",
    "NoisePredictor",
    "NoisingProblem",
    "PValue",
    "Panel",
    "Property",
    "Reduction",
    "Remote",
    "SecretIsometry",
    "Sizes",
    "Spread",
    "StandIns",
    "Subject",
    "SubmissionFault",
    "SubmissionRaised",
    "Training",
    "Unit",
    "Watched",
    "WatchedNetworks",
    "agreement",
    "as_taken",
    "asked_by_stand_ins",
    "assert_all_cells_run",
    "assert_bounded_mean",
    "assert_close",
    "assert_equals_monte_carlo_mean",
    "assert_every_input_counts",
    "assert_gradients_close",
    "assert_independent",
    "assert_integers",
    "assert_learned",
    "assert_mean",
    "assert_moves",
    "assert_no_gradient",
    "assert_seen",
    "assert_shape",
    "assert_standard_normal",
    "assert_tensor",
    "assert_unchanged",
    "assert_uniform_integers",
    "assert_varies",
    "batches",
    "blurred",
    "checked_weights",
    "coloured_digits",
    "describe",
    "describe_dtype",
    "describe_number",
    "describe_shape",
    "describe_type",
    "diagonal_gaussians",
    "digits",
    "drawn",
    "effective_rank",
    "energy_distance",
    "exceeds",
    "exists",
    "expose",
    "falls_below",
    "fetch",
    "first_that_fits",
    "fresh",
    "given",
    "gradients",
    "images",
    "in_chunks",
    "in_either_shape",
    "info",
    "is_remote",
    "item",
    "learn",
    "nearest_neighbour_accuracy",
    "network_of_stand_ins",
    "noising_problems",
    "notebook_of",
    "only_for_show",
    "ours",
    "per_image",
    "placed",
    "prop",
    "record_p_values",
    "reported_losses",
    "schedules",
    "secret_generator",
    "seeds",
    "show_bars",
    "show_curves",
    "show_images",
    "show_note",
    "shuffled_negatives",
    "spectrum",
    "standardised_noise",
    "substitute",
    "teach",
    "tensors",
    "tiling",
    "timesteps",
    "train",
    "turned_negatives",
]
