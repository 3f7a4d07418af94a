"""SimSiam: what comes out of `forward`, the geometry of the cosine, the loss of pairs whose angles are known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from hypothesis import strategies as st

from autograder.checks import (
    CheckFailed,
    assert_close,
    assert_gradients_close,
    assert_tensor,
    exists,
    given,
    gradients,
    info,
    item,
    seeds,
    show_note,
    tensors,
)

OUTPUTS = ("p1", "p2", "z1", "z2")


def known_model(q3_solution, simsiam_probes, encoder_weight, predictor_weight=None, **options):
    """SimSiam whose f and h are linear maps of given weights."""
    model = q3_solution.SimSiam(simsiam_probes.BaseEncoder, dim=encoder_weight.shape[0], pred_dim=3, **options)
    simsiam_probes.put_known_parts(model, encoder_weight, predictor_weight)
    return model


def four_outputs(result, shape):
    """The four tensors that `forward` returned, by name."""
    if type(result) not in (tuple, list) or len(result) != 4:
        raise CheckFailed("forward() must return four tensors: p1, p2, z1, z2")
    return {name: assert_tensor(part, shape=shape, name=name) for name, part in zip(OUTPUTS, result, strict=True)}


# simsiam.forward


@item("simsiam.forward", weight=1)
def test_projections_and_predictions_come_in_their_order(q3_solution, simsiam_probes):
    """forward(x1, x2) returns p1, p2, z1, z2: with an f that doubles and an h that triples, every number is known."""
    x1 = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(2, 1, 1, 2)
    x2 = torch.tensor([[10.0, 20.0], [30.0, 40.0]]).reshape(2, 1, 1, 2)
    model = known_model(q3_solution, simsiam_probes, 2 * torch.eye(2), 3 * torch.eye(2))
    got = four_outputs(model.forward(x1, x2), (2, 2))
    assert_close(got["p1"], torch.tensor([[6.0, 12.0], [18.0, 24.0]]), name="p1")
    assert_close(got["p2"], torch.tensor([[60.0, 120.0], [180.0, 240.0]]), name="p2")
    assert_close(got["z1"], torch.tensor([[2.0, 4.0], [6.0, 8.0]]), name="z1")
    assert_close(got["z2"], torch.tensor([[20.0, 40.0], [60.0, 80.0]]), name="z2")


@item("simsiam.forward", weight=1)
@given(
    examples=6,
    x1=tensors(3, 3, 2, 2),
    x2=tensors(3, 3, 2, 2),
    encoder_weight=tensors(4, 12, requires_grad=True),
    predictor_weight=tensors(4, 4),
)
def test_the_flag_makes_constants_of_z_and_leaves_p_alone(
    q3_solution, simsiam_probes, x1, x2, encoder_weight, predictor_weight
):
    """Gradients pass z1 and z2 only without stop_gradient; they pass p1 and p2 always, and in the same way."""
    arriving = []
    for stop_gradient in (True, False):
        model = known_model(q3_solution, simsiam_probes, encoder_weight, predictor_weight, stop_gradient=stop_gradient)
        got = four_outputs(model.forward(x1, x2), (3, 4))
        for name in OUTPUTS:
            due = not stop_gradient or name in ("p1", "p2")
            if info(got[name]).requires_grad is not due:
                raise CheckFailed(
                    f"with stop_gradient={stop_gradient}, {name} is {'cut off from' if due else 'attached to'} f",
                    expected=f"{name}.requires_grad is {due}",
                    got=f"{name}.requires_grad is {not due}",
                )
        arriving.append(gradients([got["p1"], got["p2"]], [encoder_weight])[0])
    if arriving[1] is None or not bool((arriving[1] != 0).any()):
        raise CheckFailed("no gradient of p1 and p2 reaches f")
    assert_gradients_close(arriving[:1], arriving[1:], ["f's weight"], of="p1 and p2 with stop_gradient=True")


# simsiam.cosine_similarity


@dataclass(frozen=True, eq=False)
class AngledPairs:
    """Pairs of vectors ``(batch, dim)`` at known angles; ``towards`` are unit vectors that turn x1 towards x2."""

    x1: torch.Tensor
    x2: torch.Tensor
    angle: torch.Tensor
    towards: torch.Tensor


def angled_pairs(seed: int, batch: int, dim: int) -> AngledPairs:
    """Pairs of random directions, angles in [0.2, 2.9], lengths in [0.5, 4]."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.linalg.qr(torch.randn(batch, dim, 2, generator=generator, dtype=torch.float64)).Q
    start, side = frames[..., 0], frames[..., 1]  # orthonormal, (batch, dim) each
    uniform = torch.rand(3, batch, 1, generator=generator, dtype=torch.float64)
    angle, lengths = 0.2 + 2.7 * uniform[0], 0.5 + 3.5 * uniform[1:]
    x1, x2 = lengths[0] * start, lengths[1] * (angle.cos() * start + angle.sin() * side)
    return AngledPairs(x1.float().requires_grad_(), x2.float(), angle[:, 0], side)


pairs = st.builds(angled_pairs, seeds(), st.integers(2, 6), st.integers(2, 9))


@item("simsiam.cosine_similarity", weight=2)
@given(examples=12, q=pairs)
def test_the_cosine_is_that_of_the_angle(q3_solution, q):
    """Vectors of any length at a known angle have its cosine; moving x1 changes it only by turning x1."""
    cosine = q3_solution.CosineSimilarity(dim=1, eps=1e-8).forward(q.x1, q.x2)
    assert_close(cosine, q.angle.cos(), name="the similarity", scale=1.0)
    turning = (q.angle.sin() / q.x1.detach().double().norm(dim=1))[:, None] * q.towards
    assert_gradients_close(gradients(cosine, [q.x1]), [turning], ["x1"], of="the similarity")


@item("simsiam.cosine_similarity", weight=1)
def test_a_zero_vector_has_similarity_zero(q3_solution):
    """A zero vector on either side gives 0, not NaN, and leaves the other rows alone."""
    x1 = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 2.0], [0.0, 0.0]])
    x2 = torch.tensor([[5.0, 1.0], [4.0, 3.0], [0.0, 0.0], [0.0, 0.0]])
    cosine = q3_solution.CosineSimilarity().forward(x1, x2)
    assert_close(cosine, torch.tensor([0.0, 0.96, 0.0, 0.0]), name="the similarity")


@item("simsiam.cosine_similarity", weight=0.5)
def test_a_batch_of_one_keeps_its_dimension(q3_solution):
    """One pair of vectors, (1, dim) twice, gives one similarity of shape (1,)."""
    cosine = q3_solution.CosineSimilarity().forward(torch.tensor([[5.0, 12.0]]), torch.tensor([[-4.0, 3.0]]))
    assert_close(cosine, torch.tensor([16 / 65]), name="the similarity")


# simsiam.loss


def loss_of(q3_solution, simsiam_probes, dim):
    """The loss, which may be a method of SimSiam or a function of the module."""
    model = q3_solution.SimSiam(simsiam_probes.BaseEncoder, dim=dim, pred_dim=3)
    return model.loss if exists(model.loss) or not exists(q3_solution.loss) else q3_solution.loss


TARGETS = torch.tensor([[1.0, 2.0, 2.0, 0.0], [3.0, 0.0, 4.0, 0.0]]), torch.tensor([[2.0, 0.0, -1.0, 2.0]] * 2)
"""z1 and z2, (2, 4) each, at angles to one another that are neither 0 nor right."""
ORTHOGONAL = torch.tensor([[2.0, -1.0, 0.0, 5.0], [4.0, 1.0, -3.0, 0.0]]), torch.tensor([[1.0, 7.0, 2.0, 0.0]] * 2)
"""Rows at right angles to those of z1 and of z2."""


@item("simsiam.loss", weight=1)
def test_the_loss_of_pairs_at_known_angles(q3_solution, simsiam_probes):
    """Each prediction meets the other view's target: -1 where all directions agree, 1 where opposite, between else."""
    z1, z2 = TARGETS
    across_z1, across_z2 = ORTHOGONAL
    loss = loss_of(q3_solution, simsiam_probes, dim=4)
    assert_close(loss(3 * z2, 0.5 * z1, z1, z2), -1.0, name="the loss of parallel pairs")
    assert_close(loss(-z2, -2 * z1, z1, z2), 1.0, name="the loss of opposite pairs")
    assert_close(loss(z2, across_z1, z1, z2), -0.5, name="the loss where p1 is parallel to z2, p2 orthogonal to z1")
    assert_close(loss(across_z2, z1, z1, z2), -0.5, name="the loss where p1 is orthogonal to z2, p2 parallel to z1")
    first_only = torch.stack([z2[0], across_z2[1]]), torch.stack([z1[0], across_z1[1]])
    assert_close(loss(*first_only, z1, z2), -0.5, name="the loss where one pair of two is parallel, one orthogonal")


# A central difference is off by STEP**2 / 6 times a third derivative. That of the similarity of unit vectors along unit
# vectors is at most 12, and each direction is half of the loss: 9e-4 in all. Rounding adds 2**-24 / STEP = 2e-6.
STEP = 0.03
DIFFERENCE_TOLERANCE = 2e-3


def unit_rows(seed: int) -> torch.Tensor:
    """Random unit vectors (4, 3, 5): p1, p2, z1 and z2."""
    rows = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(seed))
    return rows / rows.norm(dim=-1, keepdim=True)


@item("simsiam.loss", weight=1)
@given(examples=6, rows=seeds().map(unit_rows), step=seeds().map(unit_rows))
def test_the_gradient_is_the_slope_of_the_loss(q3_solution, simsiam_probes, rows, step):
    """The gradients that reach p1 and p2 agree with finite differences, down to the -1 of perfect predictions."""
    loss = loss_of(q3_solution, simsiam_probes, dim=5)
    z1, z2 = rows[2], rows[3]
    assert_close(loss(z2, z1, z1, z2), -1.0, name="the loss of perfect predictions")
    p1, p2 = (part.clone().requires_grad_() for part in rows[:2])
    value = assert_tensor(loss(p1, p2, z1, z2), shape=(), name="the loss")
    found = gradients(value, [p1, p2])
    for k, (name, gradient) in enumerate(zip(("p1", "p2"), found, strict=True)):
        if gradient is None or not bool((gradient != 0).any()):
            raise CheckFailed(f"no gradient of the loss reaches {name}")
        ahead, behind = rows[:2].clone(), rows[:2].clone()
        ahead[k] += STEP * step[k]
        behind[k] -= STEP * step[k]
        ends = [assert_tensor(loss(*moved, z1, z2), shape=(), name="the loss") for moved in (ahead, behind)]
        slope = float(ends[0].detach().double() - ends[1].detach().double()) / (2 * STEP)
        claimed = float((gradient.double() * step[k].double()).sum())
        if not math.isclose(claimed, slope, rel_tol=0.0, abs_tol=DIFFERENCE_TOLERANCE):
            raise CheckFailed(
                f"the gradient of the loss with respect to {name} is not its slope",
                expected=f"{slope:.4g} along a random direction, by finite differences",
                got=f"{claimed:.4g} from the gradient",
            )
    note_stopped_gradients(loss, rows)


def note_stopped_gradients(loss, rows):
    """Say that a loss stops the gradients of its targets, which makes nothing wrong but one of the experiments."""
    p1, p2, z1, z2 = (part.clone().requires_grad_() for part in rows)
    if gradients(loss(p1, p2, z1, z2), [z1, z2]) == [None, None]:
        show_note(
            "your loss stops the gradients of z1 and z2 itself",
            "this costs no points, but stop_gradient=False then changes nothing: in the experiment of 3.4 the run"
            " without stop-gradient repeats the run with it. Let forward alone stop them.",
        )
