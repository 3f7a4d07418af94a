"""Other right networks that a threshold of training is screened over: ``networks.toml`` of an assignment.

An assignment leaves its networks to students, so one reference says little about what right code reaches in a short
training. An entry is either one of the alternatives, or code that is put at the end of the reference's file, where a
class or function of the same name takes the place of the reference's::

    [[networks]]
    id = "course"
    items = ["vae.training"]
    alternative = "vae_original_starter"

    [[networks]]
    id = "flat"
    items = ["vae.training"]
    code = '''
    class Encoder(nn.Sequential):
        ...
    '''
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from autograder.assignment import Assignment
from autograder.errors import UserError, did_you_mean
from autograder.references import as_text, reference_path
from autograder.release.files import read_tree
from autograder.texts import read_text, read_toml
from autograder.verify.matrix import REFERENCE_NETWORK, Role
from autograder.verify.mutation.variants import ALTERNATIVES, Variant

NETWORKS = "networks.toml"


class Network(BaseModel):
    """Networks of a right submission; ``why`` says in what they differ from the reference's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    items: Annotated[tuple[str, ...], Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]
    alternative: str = ""
    code: str = ""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Network:
        if bool(self.alternative) == bool(self.code):
            raise ValueError("give an alternative, or code, and not both")
        if self.id == REFERENCE_NETWORK:
            raise ValueError(f"{REFERENCE_NETWORK!r} is the reference itself")
        return self


class _Networks(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: tuple[Network, ...] = ()


def read_networks(assignment: Assignment) -> tuple[Network, ...]:
    """Return the networks in the order of the file, none where there is no file; raise `UserError` for a wrong one."""
    path = assignment.folder / NETWORKS
    try:
        found = _Networks.model_validate(read_toml(path)).networks
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise UserError(f"{path}: {where}: {problem['msg'].removeprefix('Value error, ')}") from None
    _validate(assignment, found, path)
    return found


def network_variant(assignment: Assignment, network: Network) -> Variant:
    """Return the files of a network next to the reference's own; the items are those that it is measured on."""
    if network.alternative:
        files = read_tree(assignment.folder / ALTERNATIVES / network.alternative)
        return Variant(Role.ALTERNATIVE, network.id, files, network.items)
    files = {}
    for name in {assignment.manifest.item(item).file for item in network.items}:
        assert name is not None
        text = read_text(reference_path(assignment, name))
        joint = "\n\n# %%\n" if name != as_text(name) else "\n\n"
        files[as_text(name)] = (text.rstrip("\n") + joint + network.code.lstrip("\n")).encode()
    return Variant(Role.ALTERNATIVE, network.id, files, network.items)


def _validate(assignment: Assignment, networks: tuple[Network, ...], path: Path) -> None:
    known = [item.id for item in assignment.manifest.items if item.training and item.is_auto]
    there = [folder.name for folder in (assignment.folder / ALTERNATIVES).glob("*/")]
    seen: set[str] = set()
    for network in networks:
        where = f"{path}: network {network.id!r}"
        if network.id in seen:
            raise UserError(f"{where} is there twice")
        seen.add(network.id)
        for item in network.items:
            if item not in known:
                raise UserError(f"{where}: no item of training {item!r}{did_you_mean(item, known)}")
        if network.alternative and network.alternative not in there:
            near = did_you_mean(network.alternative, there)
            raise UserError(f"{where}: no alternative {network.alternative!r}{near}")
