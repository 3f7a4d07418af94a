"""A reverse loop: from noise to data, by one step for each time (p_sample_loop).

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (2020), Algorithm 2; and every other solver, since a known
step takes the place of the assignment's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.checks import (
    AffineNoise,
    CheckFailed,
    Contract,
    NoisePredictor,
    Remote,
    Subject,
    assert_close,
    assert_independent,
    assert_standard_normal,
    assert_tensor,
    describe_dtype,
    expose,
    is_remote,
    prop,
    substitute,
)
from autograder.concepts.reverse_step import size_of

MAX_CALLS = 1200
LONG = 50
"""Steps from which on a loop takes so long that fewer numbers must do."""


def down_to(first_time: int) -> Callable[[int], list[int]]:
    """The times of so many steps in the order of sampling, as an assignment counts that calls the last one so."""
    return lambda timesteps: [first_time + index for index in reversed(range(timesteps))]


@dataclass(frozen=True)
class Call:
    """One call of a known step: the states before and after it, and what told it the time."""

    before: Tensor
    times: tuple[Any, ...]
    after: Tensor

    def is_at(self, time: float) -> bool:
        """Whether it was told this time, for all examples at once or as one number, or both, and nothing else."""
        forms = ["batch" if isinstance(each, Tensor) and each.ndim else "number" for each in self.times]
        return 0 < len(forms) == len(set(forms)) and all(self._means(each, time) for each in self.times)

    def _means(self, each: Any, time: float) -> bool:
        if isinstance(each, Tensor) and each.ndim:
            right_type = each.dtype == torch.int64 if isinstance(time, int) else each.is_floating_point()
            if each.shape != self.before.shape[:1] or not right_type:
                return False
        return bool((torch.as_tensor(each).double() - time).abs().max() < 1e-5)

    def __str__(self) -> str:
        return ", ".join(_described(each) for each in self.times) or "no time"


def _described(time: Any) -> str:
    if not isinstance(time, Tensor):
        return f"{time:g}"
    kind = "" if time.dtype == torch.int64 else f" of {describe_dtype(time.dtype)}"
    return f"{time.tolist()}{kind}"


class KnownStep:
    """A step that is the grader's own, in the place of the assignment's; it writes down what it is asked.

    It takes no chance and needs no model, differs for every time, and leaves values in [-1, 1] there. ``exposed`` is
    for the submission: it takes the states, times in any form, and a model, by whatever names and in any order.
    """

    def __init__(self, shape: Sequence[int], *, takes_model: bool, kept: float = 0.8, frequency: float = 1.7) -> None:
        self.shape, self.takes_model, self.kept, self.frequency = tuple(shape), takes_model, kept, frequency
        self.calls: list[Call] = []
        self.exposed = expose(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Answer a call; raise `TypeError` for one that no step could answer."""
        given = [*args, *kwargs.values()]
        x = next((value for value in given if isinstance(value, Tensor) and value.shape == self.shape), None)
        if x is None:
            raise TypeError(f"the step needs states of the shape that was asked for, {self.shape}")
        if self.takes_model and not any(is_remote(value) for value in given):
            raise TypeError("the step needs the model")
        if len(self.calls) >= MAX_CALLS:
            raise TypeError(f"the step was called more than {MAX_CALLS} times")
        others = [value.item() if isinstance(value, np.generic) else value for value in given if value is not x]
        times = tuple(value for value in others if isinstance(value, Tensor) or type(value) in (int, float))
        after = self._moved(x, times)
        self.calls.append(Call(x.detach().clone(), times, after.clone()))
        return after

    def _moved(self, x: Tensor, times: tuple[Any, ...]) -> Tensor:
        """What becomes of states: whatever tells the time, in whichever form, has its own effect."""
        phases = [math.sin(self.frequency * mean + offset) for mean, offset in map(_reading, times)] or [0.0]
        return (self.kept * x.detach().double() + (1 - self.kept) * sum(phases) / len(phases)).to(x.dtype)


def _reading(time: Any) -> tuple[float, float]:
    """The mean of what tells the time, and a number for its form."""
    if not isinstance(time, Tensor) or time.ndim == 0:
        return float(time), 1.0
    return float(time.double().mean()), 2.0 + 0.3 * time.is_floating_point() + 1.4 / max(len(time), 1)


def replace_step(own: Remote, step: Any) -> None:
    """Put a known step in the place of the assignment's own; no gradient flows through what it gives."""
    substitute(own, step)
    substitute(own.anchor.requires_grad, False)


@dataclass(frozen=True)
class Run:
    """One run of a loop: what it returned, and what the known step and the known model saw of it."""

    result: Tensor
    step: KnownStep
    model: NoisePredictor
    start: Tensor | None
    """The noise that was given to start from, if any was."""
    times: list[float]

    @property
    def own_way(self) -> bool:
        """Whether it asked the model and not the step: a loop with the formula of a step in itself."""
        return not self.step.calls and bool(self.model.times)


def run(loop: Subject, shape: Sequence[int], timesteps: int, model: tuple[float, float, float], **known: float) -> Run:
    """Run a loop with a known step and a known model; raise `CheckFailed` for a result of the wrong type or shape."""
    options = loop.options
    step = KnownStep(shape, takes_model=options["step_takes_model"], **known)
    predictor, times = options["model"](*model), options["times"](timesteps)
    start = None
    if not options["draws"]:
        start = torch.randn(tuple(shape), generator=torch.Generator().manual_seed(timesteps)).tanh()
    result = loop(predictor.exposed, step.exposed, tuple(shape), start=start, timesteps=timesteps)
    if options["lists"]:
        result = _stacked(result, shape)
    leading = {"all": (len(times) + 1,), "after_steps": (len(times),), "last": ()}[options["returns"]]
    result = assert_tensor(result, shape=(*leading, *shape), name=f"the result of {loop.words('{function}')}")
    return Run(result.detach(), step, predictor, start, times)


def _stacked(result: Any, shape: Sequence[int]) -> Any:
    """States in a list or in an array of numpy, as one tensor; anything else as it is."""
    if type(result) in (list, tuple):
        parts = [torch.from_numpy(part.copy()) if isinstance(part, np.ndarray) else part for part in result]
        fit = all(isinstance(part, Tensor) and tuple(part.shape) == tuple(shape) for part in parts)
        return torch.stack(parts) if parts and fit else result
    return torch.from_numpy(result.copy()) if isinstance(result, np.ndarray) else result


def assert_called(loop: Subject, ran: Run) -> None:
    """Raise `CheckFailed` unless the step (or the model, where there is no such step) was asked once for each time."""
    if ran.own_way:
        who, found = "the model", [_described(t) for t in ran.model.times]
        right = [t.tolist() for t in ran.model.times] == [[time] * len(ran.model.images[0]) for time in ran.times]
    else:
        who, found = f"{loop.names['step']}()", [str(call) for call in ran.step.calls]
        right = len(found) == len(ran.times) and all(
            call.is_at(time) for call, time in zip(ran.step.calls, ran.times, strict=True)
        )
    if not right:
        raise CheckFailed(
            f"{who} must be called once for each time, from {ran.times[0]:g} to {ran.times[-1]:g}, with the time of"
            " each example in a tensor (batch,) and, if asked for, as a number",
            expected=f"{len(ran.times)} calls: {_listed([str([time] * ran.step.shape[0]) for time in ran.times])}",
            got=f"{len(found)} calls: {_listed(found)}" if found else "no call",
        )


def _listed(entries: Sequence[str]) -> str:
    return "; ".join(entries if len(entries) < 5 else [*entries[:2], "...", *entries[-2:]])


def assert_chained(loop: Subject, ran: Run) -> None:
    """Raise `CheckFailed` unless each step started from what the one before gave, and the states are returned."""
    assert_called(loop, ran)
    step, returns = loop.names["step"], loop.options["returns"]
    before = ran.model.images if ran.own_way else [call.before for call in ran.step.calls]
    after = before[1:] if ran.own_way else [call.after for call in ran.step.calls]
    if ran.start is not None:
        assert_close(before[0], ran.start, name=f"what the first step starts from, next to {loop.names['start']},")
    for number, (state, earlier) in enumerate(zip(before[1:], after, strict=False), start=2):
        name = f"what call number {number} of {step}() starts from, next to the result of the one before,"
        assert_close(state, earlier, name=name, scale=1.0)
    if returns == "all":
        assert_close(ran.result[0], before[0], name="the first state, next to what the first step started from,")
    shown = {"all": ran.result[1:], "after_steps": ran.result, "last": ran.result[None]}[returns]
    finish, times = loop.options["finish"], ran.times[len(ran.times) - len(shown) :]
    known = dict(zip(ran.times, after, strict=False))  # nobody saw what the last step of the loop's own gave
    for state, time in zip(shown, times, strict=True):
        if time in known:
            expected = known[time].double()
            what = loop.words("the result of {function}") if returns == "last" else "the state"
            name = f"{what} after the step at {time:g}"
            assert_close(state, finish(expected) if finish else expected, name=name, scale=1.0)


@prop(weight=1)
def each_step_starts_from_the_one_before(loop: Subject) -> None:
    """{step}() is called once for each time in the right order, each call on the result of the one before.

    A known step takes the place of yours. A loop without a call of it asks a known model.
    """
    for timesteps in loop.options["timesteps"]:
        _, example = size_of(loop.options["example"], 60)
        assert_chained(loop, run(loop, (3, *example), timesteps, (0.1, 0.0, -0.2)))


@prop(weight=0.5, needs="draws")
def the_start_is_noise(loop: Subject) -> None:
    """The first step starts from standard normal noise of the right shape, with new noise in every call."""
    assert_starts_from_noise(loop, 4, (0.1, 0.0, -0.2))


def assert_starts_from_noise(loop: Subject, batch: int, model: tuple[float, float, float], **known: float) -> None:
    """Raise `CheckFailed` unless two runs for a batch of this size start from standard normal noise of their own.

    A mean off by .15 and a standard deviation off by 15 % are seen, twice as much in a long loop.
    """
    starts, timesteps = [], min(loop.options["timesteps"])
    entries, effect = (6800, 0.15) if timesteps < LONG else (1500, 0.3)
    repeats, example = size_of(loop.options["example"], math.ceil(entries / batch))
    for _ in range(2):
        starts.append(start_of(loop, run(loop, (batch * repeats, *example), timesteps, model, **known)))
    assert_standard_normal(starts[0], name="the noise at the start", mean_effect=effect, std_effect=1 + effect)
    assert_independent(*starts, name="the noise at the start of two calls")


def start_of(loop: Subject, ran: Run) -> Tensor:
    """What a loop started from; raise `CheckFailed` where nothing tells."""
    if loop.options["returns"] == "all":
        return ran.result[0]
    seen = ran.model.images if ran.own_way else [call.before for call in ran.step.calls]
    if not seen:
        raise CheckFailed(f"neither {loop.names['step']}() nor the model is ever called")
    return assert_tensor(seen[0], shape=ran.step.shape, name="what the first step starts from")


def refused(options: Mapping[str, Any]) -> str:
    """What is wrong with the options of an assignment."""
    if options["returns"] not in ("all", "after_steps", "last"):
        return f"returns is 'all', 'after_steps' or 'last', not {options['returns']!r}"
    if not options["timesteps"] or min(options["timesteps"]) < 1:
        return "timesteps must hold numbers of steps, 1 or more"
    return ""


reverse_loop = Contract(
    concept="reverse_loop",
    version=1,
    inputs=("model", "step", "shape"),
    optional={"start": None, "timesteps": None},
    public=(each_step_starts_from_the_one_before, the_start_is_noise),
    options={
        "rule": None,
        "timesteps": (),
        "times": down_to(0),
        "model": AffineNoise,
        "example": (3, None, None),
        "returns": "last",
        "lists": False,
        "finish": None,
        "draws": True,
        "step_takes_model": True,
    },
    required=("rule", "timesteps", "returns"),
    refuse=refused,
)
"""``(model, step, shape) -> states`` from noise of this shape (batch, ...) on; the adapter puts ``step`` in the place
of the assignment's own function (`replace_step`) before it calls the loop.

``rule`` gives for a number of steps the rule of one, for loops that do not call the function (see `reverse_step`).
``timesteps`` are numbers of steps to try, of which the adapter makes what it can (its input ``timesteps``), and
``times`` gives for such a number the times in the order of sampling (`down_to`). ``model`` and ``example`` are those of
`reverse_step`. ``returns`` is "all" for a stack of all states, the noise at the start among them, "after_steps" for
one of the states after each step, "last" for the last state alone; with ``lists`` the states may come as a list or as
arrays, and ``finish`` is what is done to a state before it is returned. ``draws`` says whether the loop draws its
start; otherwise it gets one, the adapter's ``start``. ``step_takes_model`` is false where the step knows its model.
"""
