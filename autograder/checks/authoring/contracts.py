"""Contracts: properties that many assignments ask for, written once for whatever an assignment calls its function.

A *contract* is an abstract function with the *properties* that it must have; an *adapter* says how an assignment's
function is called in the contract's terms. Each property becomes a check of its own for each adapter. The public
properties are next to the contract; the hidden ones in `autograder_proofs`, which only the trusted side can import.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from autograder.assignment import PROOFS_PACKAGE
from autograder.checks.authoring.declaring import Declaration, declaration_of, declare, validated_weight
from autograder.errors import did_you_mean
from autograder.sandbox.trusted.remote import fresh

Body = Callable[..., None]
Adapter = Callable[..., Any]
Trivial = Callable[[Mapping[str, Any]], Mapping[str, Callable[[int], bool]]]
"""For an assignment's options, trivial methods by name: whether each would pass, given the seed of the data."""


@dataclass(frozen=True)
class Property:
    """A check of a contract; its body gets a `Subject`, and what `given` draws.

    The first line of its docstring is the title of the check; ``{call}`` and the names of the contract's inputs in it
    become those of the assignment.
    """

    body: Body
    weight: float
    needs: str = ""
    """An option without which, or where it is false, an assignment does not have this property."""
    drawn: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """Strategies that depend on the options, in place of those that `given` names."""
    examples: int = 25
    trivial: Trivial | None = None
    """Methods that learn nothing, which a verification tries: none of them may pass."""

    @property
    def name(self) -> str:
        """The name by which an adapter gives it another weight."""
        return self.body.__name__


def prop(
    *,
    weight: float = 1.0,
    needs: str = "",
    drawn: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    examples: int = 25,
    trivial: Trivial | None = None,
) -> Callable[[Body], Property]:
    """Declare a property, outside of `given`; ``weight`` is what it weighs unless an adapter says otherwise.

    An assignment whose option ``needs`` is false does not have it. ``drawn`` gives strategies that depend on the
    options, and ``examples`` how many are drawn of them. ``trivial`` has methods that must not pass.
    """
    return lambda body: Property(body, validated_weight(body.__name__, weight), needs, drawn, examples, trivial)


@dataclass(frozen=True)
class Subject:
    """An assignment's function as its contract calls it, in one example."""

    call: str
    """How students call it, ``reparametrize(mu, logvar)``: messages name it so."""
    names: Mapping[str, str]
    """What the contract's inputs are called there."""
    options: Mapping[str, Any]
    _function: Callable[..., Any]
    _elsewhere: Callable[[], Subject]

    def __call__(self, *inputs: Any, **optional: Any) -> Any:
        """Return what the function gives for inputs in the order of the contract, and for optional ones."""
        return self._function(*inputs, **optional)

    def elsewhere(self) -> Subject:
        """Return the same function in another worker of the same submission, which knows nothing of this one."""
        return self._elsewhere()

    def words(self, text: str) -> str:
        """Put the assignment's names, or what its options say (``{over_rows.phrase}``), into a text of the contract."""
        function = self.call.partition("(")[0] + "()"
        return text.format(**{**self.options, **self.names, "call": self.call, "function": function})


@dataclass(frozen=True)
class Contract:
    """An abstract function: its inputs in order, its public properties, and the options with their defaults.

    ``optional`` inputs have a value unless a property gives another; an adapter takes them or not. Calling a contract
    gives a decorator of adapters.
    """

    concept: str
    version: int
    inputs: tuple[str, ...]
    public: tuple[Property, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    """Options that every assignment must choose."""
    refuse: Callable[[Mapping[str, Any]], str] = lambda options: ""
    """What is wrong with an assignment's options, in words; nothing where they fit."""

    def __call__(
        self,
        item_id: str,
        *,
        call: str,
        names: Sequence[str] | None = None,
        once: Adapter | None = None,
        weights: Mapping[str, float] = MappingProxyType({}),
        exempt: Mapping[str, str] = MappingProxyType({}),
        **options: Any,
    ) -> Callable[[Adapter], Applied]:
        """Return a decorator: the item has the properties of this contract, and the decorated function says how.

        ``call`` is how students call their function, with their names of the inputs, ``reparametrize(mu, logvar)``;
        ``names`` are these names, in the order of the contract, where they are not in the call. Which input an argument
        of the call is, the adapter says where it passes it on by position; else the order is the contract's. The
        adapter's parameters are fixtures (modules and probes; ``model_module`` is a module ``model`` where the contract
        has an input of that name), the contract's inputs, and ``made``: what ``once`` returned, a function of fixtures
        and inputs (makes a model, say) that is called again only when those are others. ``weights`` gives properties
        another weight, by name; ``exempt`` names those that the assignment does not ask for, each with the reason: a
        verification tries them on the reference, and one that holds is a problem. Raises `TypeError` or `ValueError`,
        which name the item, for what does not fit.
        """
        of = f"{item_id}: {self.concept}"
        named = tuple(names or _listed(call))
        if len(named) < len(self.inputs) or not all(name.isidentifier() for name in named):
            raise ValueError(
                f"{of}: call must name the inputs in order, as in 'f({', '.join(self.inputs)})', or names=(...) must"
            )
        for key in options:
            if key not in self.options:
                raise TypeError(f"{of} has no option {key!r}{did_you_mean(key, list(self.options))}")
        if missing := [key for key in self.required if key not in options]:
            raise TypeError(f"{of} needs the option {missing[0]!r}")
        if wrong := self.refuse({**self.options, **options}):
            raise ValueError(f"{of}: {wrong}")
        weighed = {key: validated_weight(key, weight) for key, weight in weights.items()}
        if bare := [key for key, reason in exempt.items() if not reason.strip()]:
            raise ValueError(f"{of}: exempt[{bare[0]!r}] needs a reason")
        if both := [key for key in exempt if key in weighed]:
            raise ValueError(f"{of}: {both[0]!r} is exempted, and has a weight")

        def decorate(adapter: Adapter) -> Applied:
            asked = {*_parameters(adapter), *(_parameters(once) if once else ())}
            if missing := [name for name in self.inputs if name not in asked]:
                raise TypeError(
                    f"{item_id}: {adapter.__name__}() needs the inputs of {self.concept}: {', '.join(missing)}"
                )
            inputs = (*self.inputs, *self.optional)
            known = {name: name for name in inputs} | dict(zip(inputs, named, strict=False))
            passed = _passed(adapter, call, inputs)
            if names is None:
                known |= passed
            owner = {word: name for name, word in passed.items()}
            if apart := [name for name in passed if owner.get(known[name], name) != name]:
                raise ValueError(
                    f"{of}: {adapter.__name__}() passes {apart[0]} where the call has {passed[apart[0]]!r}, and names"
                    f" calls it {known[apart[0]]!r}; names are in the order of the contract: {', '.join(inputs)}"
                )
            return Applied(self, item_id, adapter, call, known, {**self.options, **options}, weighed, exempt, once)

        return decorate

    @property
    def hidden(self) -> tuple[Property, ...]:
        """The properties that only the grader has; the trusted side alone can import them.

        Raises `ImportError`, naming them, where they are missing or broken.
        """
        name = f"{PROOFS_PACKAGE}.{self.concept}.properties"
        try:
            return tuple(importlib.import_module(name).HIDDEN)
        except Exception as error:
            raise ImportError(f"{name}: {type(error).__name__}: {error}") from error


class Derived(NamedTuple):
    """A check that comes of a property; ``exempt`` says why the assignment does not ask for it, "" where it does."""

    name: str
    public: bool
    check: Body
    exempt: str


@dataclass(frozen=True)
class Applied:
    """A contract applied to an item of an assignment: what an adapter becomes."""

    contract: Contract
    item: str
    adapter: Adapter
    call: str
    names: Mapping[str, str]
    options: Mapping[str, Any]
    weights: Mapping[str, float]
    exempt: Mapping[str, str]
    once: Adapter | None

    def checks(self, *, hidden: bool) -> Iterator[Derived]:
        """Yield what comes of each property, of hidden ones where asked for; those that are exempted are marked.

        Raises `ValueError` for a weight or an exemption of no property.
        """
        parts = [(True, each) for each in self.contract.public]
        if hidden:
            parts += [(False, each) for each in self.contract.hidden]
            self._refuse_unknown([each.name for _, each in parts])
        for public, each in parts:
            if not each.needs or self.options[each.needs]:
                yield Derived(each.name, public, self._check(each), self.exempt.get(each.name, ""))

    def _refuse_unknown(self, known: Sequence[str]) -> None:
        for name in (*self.weights, *self.exempt):
            if name not in known:
                raise ValueError(f"{self.contract.concept} has no property {name!r}{did_you_mean(name, known)}")

    def _check(self, each: Property) -> Body:
        inputs = {*self.contract.inputs, *self.contract.optional, "made"}
        asked = [name for adapter in (self.adapter, self.once) if adapter for name in _parameters(adapter)]
        fixtures = list(dict.fromkeys(name for name in asked if name not in inputs))
        weight = self.weights.get(each.name, each.weight)
        declared = declaration_of(each.body) or Declaration()
        if each.drawn is not None:
            declared = Declaration(strategies=dict(each.drawn(self.options)), examples=each.examples)
        # a module may have the name of something that the property draws, such as `latent`
        drawn = {name + "_" * (name in fixtures): name for name in declared.strategies}

        def check(**values: Any) -> None:
            given = {name: values.pop(name) for name in fixtures}
            each.body(self._subject(given), **{drawn[name]: value for name, value in values.items()})

        strategies = {name: declared.strategies[of] for name, of in drawn.items()}
        trivial = each.trivial(self.options) if each.trivial is not None else {}
        declared = replace(declared, strategies=strategies, item=self.item, call=self.call, weight=weight)
        declare(check, replace(declared, trivial=trivial))
        check.__name__ = each.name
        check.__doc__ = self._subject({}).words(inspect.getdoc(each.body) or each.name)
        kinds = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in fixtures]
        check.__signature__ = inspect.Signature(kinds)  # type: ignore[attr-defined]
        return check

    def _subject(self, fixtures: Mapping[str, Any]) -> Subject:
        kept: tuple[dict[str, Any], Any] | None = None

        def function(*inputs: Any, **optional: Any) -> Any:
            nonlocal kept
            of_contract = dict(zip(self.contract.inputs, inputs, strict=True))
            values = {**fixtures, **of_contract, **self.contract.optional, **optional}
            if self.once is not None:
                asked = {name: values[name] for name in _parameters(self.once)}
                if kept is None or any(kept[0][name] is not value for name, value in asked.items()):
                    kept = asked, self.once(**asked)
                values["made"] = kept[1]
            return self.adapter(**{name: values[name] for name in _parameters(self.adapter)})

        return Subject(self.call, self.names, self.options, function, partial(self._elsewhere, fixtures))

    def _elsewhere(self, fixtures: Mapping[str, Any]) -> Subject:
        return self._subject(dict(zip(fixtures, fresh(*fixtures.values()), strict=True)))


def _listed(call: str) -> list[str]:
    """Return the arguments of a call as it is written."""
    inside = call.partition("(")[2].rstrip(")")
    return [part.strip() for part in inside.split(",")] if inside else []


def _passed(adapter: Adapter, call: str, inputs: Sequence[str]) -> dict[str, str]:
    """Return what the call has in the places to which an adapter passes inputs of the contract, as far as it shows.

    The adapter must call a function of that name, none of a module of probes, with as many arguments.
    """
    name, listed = call.partition("(")[0].rpartition(".")[2], _listed(call)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(adapter)))
    except (OSError, TypeError, SyntaxError):  # nothing is known of the source
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != name:
            continue
        owner = node.func.value
        if len(node.args) != len(listed) or (isinstance(owner, ast.Name) and owner.id.endswith("_probes")):
            continue
        for argument, word in zip(node.args, listed, strict=True):
            if isinstance(argument, ast.Name) and argument.id in inputs and word.isidentifier():
                found[argument.id] = word
    return found


def _parameters(function: Adapter) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)
