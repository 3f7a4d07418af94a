"""SimSiam against closed forms in float64: a linear f and h, the cosine and the loss with their gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from autograder_proofs.oracles.similarity import cosine_similarity, simsiam_loss
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
    tensors,
)

OUTPUTS = ("p1", "p2", "z1", "z2")


@dataclass(frozen=True, eq=False)
class LinearSiamese:
    """f(x) = flatten(x) F^T and h(z) = z H^T, two views (batch, 3, 2, size) and a cotangent for each output.

    ``encoder`` is F, (dim, 6 size), ``predictor`` is H, (dim, dim).
    """

    x1: torch.Tensor
    x2: torch.Tensor
    encoder: torch.Tensor
    predictor: torch.Tensor
    cotangents: tuple[torch.Tensor, ...]

    @property
    def dim(self) -> int:
        return self.encoder.shape[0]

    def outputs(self, *, identity: bool = False) -> dict[str, torch.Tensor]:
        """p1, p2, z1, z2 in float64; h is the identity where ``identity`` says so."""
        z = [x.detach().double().flatten(1) @ self.encoder.detach().double().T for x in (self.x1, self.x2)]
        head = torch.eye(self.dim, dtype=torch.float64) if identity else self.predictor.detach().double()
        return dict(zip(OUTPUTS, (z[0] @ head.T, z[1] @ head.T, *z), strict=True))

    def gradients(self, *, stop_gradient: bool) -> list[torch.Tensor]:
        """Gradients of the sum of <output, cotangent> with respect to x1, x2, F and H, in float64."""
        to_p1, to_p2, to_z1, to_z2 = (c.double() for c in self.cotangents)
        weight, head = self.encoder.detach().double(), self.predictor.detach().double()
        through = 0.0 if stop_gradient else 1.0
        at_z = to_p1 @ head + through * to_z1, to_p2 @ head + through * to_z2
        flat = [x.detach().double().flatten(1) for x in (self.x1, self.x2)]
        z = [x @ weight.T for x in flat]
        at_x = [(g @ weight).reshape(self.x1.shape) for g in at_z]
        return [*at_x, at_z[0].T @ flat[0] + at_z[1].T @ flat[1], to_p1.T @ z[0] + to_p2.T @ z[1]]


def linear_siamese(seed: int, batch: int, dim: int, size: int) -> LinearSiamese:
    """Everything standard normal; all but the cotangents are leaves."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, 3, 2, size)] * 2 + [(dim, 6 * size), (dim, dim)] + [(batch, dim)] * 4
    drawn = [torch.randn(shape, generator=generator) for shape in shapes]
    return LinearSiamese(*(leaf.requires_grad_() for leaf in drawn[:4]), tuple(drawn[4:]))


siamese = st.builds(linear_siamese, seeds(), st.integers(2, 5), st.integers(2, 6), st.integers(1, 3))


def run_forward(q3_solution, simsiam_probes, world, *, identity=False, **options):
    """Build SimSiam, put the linear maps into it, and return what forward gives, by name."""
    model = q3_solution.SimSiam(simsiam_probes.BaseEncoder, dim=world.dim, pred_dim=3, **options)
    simsiam_probes.put_known_parts(model, world.encoder, None if identity else world.predictor)
    result = model.forward(world.x1, world.x2)
    if type(result) not in (tuple, list) or len(result) != 4:
        raise CheckFailed("forward() must return four tensors: p1, p2, z1, z2")
    shape = (world.x1.shape[0], world.dim)
    return {name: assert_tensor(part, shape=shape, name=name) for name, part in zip(OUTPUTS, result, strict=True)}


def assert_outputs(got, truth):
    """Raise `CheckFailed` unless all four outputs are the true ones."""
    for name in OUTPUTS:
        assert_close(got[name], truth[name], name=name)


@item("simsiam.forward", weight=1)
@given(examples=8, world=siamese)
def test_forward_applies_f_to_each_view_and_h_to_each_projection(q3_solution, simsiam_probes, world):
    """z1 = f(x1), z2 = f(x2), p1 = h(z1), p2 = h(z2), returned as p1, p2, z1, z2, whatever stop_gradient says."""
    for stop_gradient in (True, False):
        got = run_forward(q3_solution, simsiam_probes, world, stop_gradient=stop_gradient)
        assert_outputs(got, world.outputs())


@item("simsiam.forward", weight=2)
@given(examples=8, world=siamese)
def test_only_the_targets_are_constants(q3_solution, simsiam_probes, world):
    """Training must reach f through p1 and p2 with either flag, and through z1 and z2 only without stop_gradient."""
    leaves, runs = [world.x1, world.x2, world.encoder, world.predictor], []
    for stop_gradient in (True, False):  # both before either is judged: together they tell mistakes apart
        got = run_forward(q3_solution, simsiam_probes, world, stop_gradient=stop_gradient)
        found = gradients([got[name] for name in OUTPUTS], leaves, world.cotangents)
        runs.append((stop_gradient, got, found))
    for stop_gradient, got, found in runs:
        for name in ("z1", "z2"):
            if info(got[name]).requires_grad is stop_gradient:
                state = "attached to" if stop_gradient else "cut off from"
                raise CheckFailed(f"with stop_gradient={stop_gradient}, {name} is {state} f")
        truth = world.gradients(stop_gradient=stop_gradient)
        assert_gradients_close(found, truth, ["x1", "x2", "f", "h"], of=f"forward, stop_gradient={stop_gradient}")


@item("simsiam.forward", weight=1)
@given(examples=4, world=siamese)
def test_forward_with_an_identity_and_with_a_frozen_predictor(q3_solution, simsiam_probes, world):
    """MLP_mode "no_pred_mlp" makes p equal z, attached; a frozen predictor still lets gradients through to f."""
    identity = run_forward(q3_solution, simsiam_probes, world, identity=True, MLP_mode="no_pred_mlp")
    assert_outputs(identity, world.outputs(identity=True))
    frozen = run_forward(q3_solution, simsiam_probes, world, MLP_mode="fixed_random_init")
    assert_outputs(frozen, world.outputs())
    for got, head in ((identity, torch.eye(world.dim)), (frozen, world.predictor.detach())):
        found = gradients([got["p1"], got["p2"]], [world.x1, world.x2], world.cotangents[:2])
        maps = head.double() @ world.encoder.detach().double()
        truth = [(c.double() @ maps).reshape(world.x1.shape) for c in world.cotangents[:2]]
        assert_gradients_close(found, truth, ["x1", "x2"], of="p1 and p2")


@item("simsiam.cosine_similarity", weight=2)
@given(
    examples=12,
    x=st.integers(2, 7).flatmap(lambda dim: tensors(2, (2, 6), dim)),
    cotangent=tensors(6),
)
def test_similarity_and_its_gradients(q3_solution, x, cotangent):
    """Row by row the similarity of two vectors does not depend on their lengths, and both sides get its gradient."""
    x1, x2 = (part.clone().requires_grad_() for part in x)
    truth_x1, truth_x2 = (part.double().requires_grad_() for part in x)
    expected, weights = cosine_similarity(truth_x1, truth_x2), cotangent[: x.shape[1]]
    got = q3_solution.CosineSimilarity(dim=1, eps=1e-8).forward(x1, x2)
    assert_close(got, expected, name="the similarity", scale=1.0)
    truth = torch.autograd.grad(expected, [truth_x1, truth_x2], weights.double())
    found = gradients(got, [x1, x2], weights.to(got.dtype))
    # a row's gradient is at most 1 / |row| of two terms that nearly cancel where the rows are nearly parallel
    scale = float((weights.double().abs()[:, None] / torch.stack([x1, x2]).detach().double().norm(dim=-1).amin()).max())
    assert_gradients_close(found, truth, ["x1", "x2"], of="the similarity", scale=scale)


@item("simsiam.cosine_similarity", weight=0.5)
@given(examples=8, x=tensors(2, 4, 5))
def test_eps_matters_for_short_vectors_alone(q3_solution, x):
    """eps bounds the denominator from below: it is no part of the similarity of vectors longer than that."""
    unit = x.double() / x.double().norm(dim=-1, keepdim=True)
    expected = (unit[0] * unit[1]).sum(1)
    for eps, length, factor in ((1e-8, 1e-3, 1.0), (1.0, 2.0, 1.0), (1.0, 0.5, 0.25)):
        x1, x2 = (length * unit).float()
        got = q3_solution.CosineSimilarity(dim=1, eps=eps).forward(x1, x2)
        assert_close(got, factor * expected, name="the similarity", scale=1.0)


def loss_of(q3_solution, simsiam_probes, dim):
    """The loss, which may be a method of SimSiam or a function of the module."""
    model = q3_solution.SimSiam(simsiam_probes.BaseEncoder, dim=dim, pred_dim=3)
    return model.loss if exists(model.loss) or not exists(q3_solution.loss) else q3_solution.loss


views = st.integers(2, 6).flatmap(lambda dim: tensors(4, (2, 6), dim))
"""p1, p2, z1 and z2, stacked."""


@item("simsiam.loss", weight=2)
@given(examples=12, x=views)
def test_loss_is_the_symmetric_negative_similarity(q3_solution, simsiam_probes, x):
    """The loss averages, over the batch and over the two directions, how badly a prediction points at its target."""
    p1, p2, z1, z2 = x
    loss = loss_of(q3_solution, simsiam_probes, dim=x.shape[2])
    expected = simsiam_loss(p1, p2, z1, z2)
    assert_close(loss(p1, p2, z1, z2), expected, name="the loss", scale=1.0)
    named = loss(p1, p2, z1, z2, similarity_function="CosineSimilarity")
    assert_close(named, expected, name="the loss", scale=1.0)


@item("simsiam.loss", weight=1)
@given(examples=12, x=views)
def test_gradients_of_the_loss(q3_solution, simsiam_probes, x):
    """Both predictions get the gradient of the loss, so that a step against it turns each towards its target."""
    p1, p2 = (part.clone().requires_grad_() for part in x[:2])
    truth_p1, truth_p2 = (part.double().requires_grad_() for part in x[:2])
    loss = loss_of(q3_solution, simsiam_probes, dim=x.shape[2])
    got = assert_tensor(loss(p1, p2, x[2], x[3]), shape=(), name="the loss")
    expected = simsiam_loss(truth_p1, truth_p2, x[2], x[3])
    truth = torch.autograd.grad(expected, [truth_p1, truth_p2])
    scale = float(1 / (2 * x.shape[1] * x[:2].norm(dim=-1).min()))
    assert_gradients_close(gradients(got, [p1, p2]), truth, ["p1", "p2"], of="the loss", scale=scale)
