"""The questions of a worker while it runs: outputs of functions that stay on the trusted side, and their gradients.

An answer to a callback is remembered as long as its gradient may be asked for, within bounds: how often an answer is
asked for, and with what, is up to the submission.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from autograder.sandbox.shared.gradients import paired
from autograder.sandbox.shared.values import Decoder, Encoder
from autograder.sandbox.shared.wire import Closed, DeadlinePassed, Frame, Misbehaved
from autograder.sandbox.trusted.memory import bounded_memory
from autograder.sandbox.trusted.stand_ins import Callback, HostModel

MAX_ANSWERED_BYTES = 256 * 2**20
"""What callbacks of one example may make this side remember for their gradients; then the oldest are forgotten."""

MAX_CALLBACKS = 100_000

CALLBACK_BYTES = 512 * 2**20
"""What one callback may allocate on this side: its inputs are the submission's, and two thin ones broadcast to a
tensor that no machine holds."""

Answer = tuple[Any, list[memoryview]]


class Callbacks:
    """The functions that one worker may ask for, by number, and the answers of the current example."""

    def __init__(self, decode_special: Callable[[list[Any], Decoder], Any]) -> None:
        self._decode_special = decode_special
        self._functions: list[Callback | HostModel] = []
        self.begin()

    def begin(self) -> None:
        """Start an example: no gradient of an earlier answer can be asked for any more."""
        self.answered: dict[int, tuple[list[torch.Tensor], list[torch.Tensor]]] = {}
        self.answered_bytes = 0
        self.pending: dict[int, HostModel] = {}
        """Answers of exposed models whose gradient may still come, and of which model each is."""
        self.kept: deque[int] = deque()
        """Answers of all other functions whose gradient may still come, the oldest first."""
        self.too_old: set[int] = set()
        """Answers that were forgotten to make room."""

    def number(self, function: Callback | HostModel) -> int:
        """Return the number by which a worker knows a function; one that is new gets the next."""
        if function not in self._functions:
            self._functions.append(function)
        return self._functions.index(function)

    def serve(self, frame: Frame) -> Answer:
        """Answer a question; what the submission did wrongly in it is its own exception, and told as such."""
        try:
            return self._answer(frame) if kind_of(frame) == "callback" else self._answer_product(frame)
        except (Misbehaved, Closed, DeadlinePassed):
            raise
        except Exception as error:
            return {"k": "refused", "text": f"{type(error).__name__}: {error}"[:500]}, []

    def _answer(self, frame: Frame) -> Answer:
        header = frame.header
        number = header.get("number")
        if type(number) is not int or not 0 <= number < len(self._functions):
            raise Misbehaved("a callback that does not exist")
        inputs: list[torch.Tensor] = []

        def collect(value: torch.Tensor, info: Any) -> torch.Tensor:
            wants = isinstance(info, list) and len(info) == 2 and info[1] is True
            inputs.append(value.requires_grad_(True) if wants and value.is_floating_point() else value)
            return value

        decoder = Decoder(frame.payload, self._decode_special, collect)
        args, kwargs = decoder.decode(header.get("args")), decoder.decode(header.get("kwargs"))
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise Misbehaved("a callback without arguments")
        asked = self._functions[number]
        with bounded_memory(CALLBACK_BYTES):
            value = asked.function(*args, **kwargs)
        call = self._remember(value, inputs, asked if isinstance(asked, HostModel) else None)
        encoder = Encoder()
        return {"k": "answer", "call": call, "v": encoder.encode(value)}, encoder.buffers

    def _remember(self, value: Any, inputs: list[torch.Tensor], exposed: HostModel | None) -> int:
        """Keep what the product of an answer with a cotangent will need; return the answer's number."""
        call = len(self.answered)
        outputs = [part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, torch.Tensor)]
        if exposed is None and not any(tensor.requires_grad for tensor in inputs):
            outputs, inputs = [], []
        if exposed is not None:
            self.pending[call] = exposed
            for old in [other for other, model in self.pending.items() if model is exposed][: -exposed.pending]:
                self._forget(old)
        self.answered_bytes += sum(tensor.nbytes for tensor in (*outputs, *inputs))
        self._make_room()
        if self.answered_bytes > MAX_ANSWERED_BYTES or call > MAX_CALLBACKS:
            raise Misbehaved("more callbacks than this side will remember")
        self.answered[call] = (outputs, inputs)
        if exposed is None and outputs:
            self.kept.append(call)
        return call

    def _make_room(self) -> None:
        """Forget the oldest answers until the others are few enough: a training asks for each gradient at once."""
        while self.answered_bytes > MAX_ANSWERED_BYTES and self.kept:
            call = self.kept.popleft()
            self._empty(call)
            self.too_old.add(call)

    def _forget(self, call: int) -> None:
        """Give back what was kept of an answer of an exposed model; a gradient of it that is asked for is None."""
        del self.pending[call]
        self._empty(call)

    def _empty(self, call: int) -> None:
        outputs, inputs = self.answered[call]
        self.answered_bytes -= sum(tensor.nbytes for tensor in (*outputs, *inputs))
        self.answered[call] = ([], [torch.empty(0)] * len(inputs))

    def _answer_product(self, frame: Frame) -> Answer:
        call = frame.header.get("call")
        if call in self.too_old:
            raise Misbehaved("more callbacks than this side will remember")
        outputs, inputs = self.answered[call]
        exposed = call in self.pending
        cotangents: Sequence[Any] = Decoder(frame.payload).decode(frame.header.get("cotangents"))
        both = zip(outputs, cotangents, strict=True) if outputs else ()  # nothing is left of a forgotten answer
        pairs = [(o, c) for o, c in both if o.requires_grad and c is not None]
        wanted = [tensor for tensor in inputs if tensor.requires_grad]
        found: Iterator[torch.Tensor | None] = iter([None] * len(wanted))
        if pairs and (wanted or exposed):
            found = iter(_products(pairs, wanted, learning=exposed))
        if exposed:
            self._forget(call)
        encoder = Encoder()
        gradients = [next(found) if tensor.requires_grad else None for tensor in inputs]
        return {"k": "answer", "v": encoder.encode(gradients)}, encoder.buffers


def _products(
    pairs: list[tuple[torch.Tensor, torch.Tensor]], wanted: list[torch.Tensor], learning: bool
) -> Sequence[torch.Tensor | None]:
    """Return the gradients of ``wanted``; with ``learning``, those of parameters on this side are kept there."""
    with bounded_memory(CALLBACK_BYTES):
        total = paired([output for output, _ in pairs], [cotangent for _, cotangent in pairs])
        if not learning:
            return torch.autograd.grad(total, wanted, retain_graph=True, allow_unused=True)
        torch.autograd.backward(total)
        return [tensor.grad for tensor in wanted]


def kind_of(frame: Frame) -> str:
    """Return the kind of a frame from an executor, "" where it has none; "callback" and "product" are questions."""
    kind = frame.header.get("k") if isinstance(frame.header, dict) else None
    return kind if isinstance(kind, str) else ""


def is_question(frame: Frame) -> bool:
    """Whether an executor asks something before it answers."""
    return kind_of(frame) in ("callback", "product")
