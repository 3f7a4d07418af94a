"""What goes into Gradescope's zip besides the assignment: its two scripts, pinned requirements, unfinished results."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from autograder.assignment import Assignment
from autograder.distributions import Need, distributions_needed, needs_of
from autograder.errors import UserError
from autograder.platforms.gradescope.results_json import pessimistic, results_bytes
from autograder.references import reference_code, reference_path
from autograder.texts import read_text

EXECUTABLE = frozenset({"setup.sh", "run_autograder"})
"""Names of the bundle's files that carry the run bit in the zip."""

_GPU_ONLY = re.compile(r"(nvidia|cuda|triton)(-|$)")
_TARGET = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""The machine that the bundle is for, whatever machine builds it."""


def bundle_files(assignment: Assignment, wheel_name: str, *, torch_index: str = "") -> dict[str, bytes]:
    """Return the files at the root of the zip, by name; those in `EXECUTABLE` need the run bit there.

    The same assignment, arguments and installed packages give the same bytes. ``torch_index`` is the default of the
    variable ``AUTOGRADER_TORCH_INDEX`` in ``setup.sh``. Raises `UserError` where the name of the wheel is no plain file
    name, the index no address, or where a package that must be pinned is not installed here.
    """
    if not re.fullmatch(r"[\w.+-]+\.whl", wheel_name):
        raise UserError(f"{wheel_name!r} is not the name of a wheel; give it without its folder")
    if not re.fullmatch(r"(https?://[\w.:/~%+-]+)?", torch_index):
        raise UserError(f"{torch_index!r} is not the address of a package index; it begins with https://")
    return {
        "setup.sh": _script("setup.sh", WHEEL=wheel_name, TORCH_INDEX=torch_index),
        "run_autograder": _script("run_autograder", SLUG=shlex.quote(assignment.slug)),
        "requirements.txt": "".join(f"{name}=={version}\n" for name, version in pins(assignment).items()).encode(),
        "unfinished_results.json": results_bytes(pessimistic(assignment)),
    }


def _script(name: str, **values: str) -> bytes:
    """Return a script with its ``@NAME@`` filled in, with LF line ends wherever it was built."""
    text = files("autograder.platforms.gradescope").joinpath("scripts", name).read_text(encoding="utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.replace("\r\n", "\n").encode()


def pins(assignment: Assignment) -> dict[str, str]:
    """Return the exact version of every package that the grader and the assignment need, sorted by name.

    Versions are those installed here, without local labels (``+cpu``), which no index but the package's own knows.
    What only a GPU needs is left out. Raises `UserError` where a package is not installed here.
    """
    local = {path.stem for path in _sources(assignment)} | {"_oracles", assignment.slug}
    imported = distributions_needed(assignment.slug, _needs(assignment), local)
    roots = [*_requirements("autograder", ()), *((name, ()) for name in imported)]
    found: dict[str, str] = {}
    _collect(roots, found, set())
    return dict(sorted(found.items()))


def _collect(wanted: Iterable[tuple[str, tuple[str, ...]]], found: dict[str, str], seen: set[str]) -> None:
    for name, extras in wanted:
        key = f"{name}[{','.join(extras)}]"
        if key in seen or _GPU_ONLY.match(name):
            continue
        seen.add(key)
        found[name] = _version(name)
        _collect(_requirements(name, extras), found, seen)


@functools.cache  # several assignments of one build ask for the same packages
def _installed(name: str) -> metadata.Distribution:
    """Return the installed package, provided that the Python of the bundle's machine can use it."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise UserError(f"{name} is not installed, so its version cannot be pinned; install it, build again") from None
    from packaging.specifiers import SpecifierSet

    wanted = str(package.metadata.json.get("requires_python", ""))
    if not SpecifierSet(wanted).contains(_TARGET["python_full_version"]):
        raise UserError(
            f"{name} {package.version} needs Python {wanted}, the bundle has {_TARGET['python_version']};"
            f" build it with Python {_TARGET['python_version']}"
        )
    return package


@functools.cache  # the version is read anew from the package's files whenever it is asked for
def _version(name: str) -> str:
    return _installed(name).version.split("+")[0]


@functools.cache
def _requirements(name: str, extras: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return names and extras of what a package requires on the machine that the bundle is for."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    needed = []
    for line in _installed(name).requires or []:
        requirement = Requirement(line)
        environments: list[Mapping[str, str]] = [{**_TARGET, "extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(requirement.marker.evaluate(dict(each)) for each in environments):
            needed.append((str(canonicalize_name(requirement.name)), tuple(sorted(requirement.extras))))
    return tuple(needed)


def _needs(assignment: Assignment) -> Iterator[Need]:
    """Yield what is imported beforehand, and what the reference, files that students get and checks import."""
    yield from (("preload in assignment.toml", module) for module in assignment.manifest.files.preload)
    for path, code in _sources(assignment).items():
        yield from needs_of(str(path), code)


def _sources(assignment: Assignment) -> dict[Path, str]:
    """Return the code that grading runs, by its file: trusted, and checked by whoever builds."""
    checks = (assignment.public_checks, assignment.hidden_checks, assignment.folder.parent / "_oracles")
    paths = [path for folder in (assignment.provided, *checks) for path in sorted(folder.glob("*.py"))]
    sources = {path: read_text(path) for path in paths}
    if assignment.reference is not None:
        for name in assignment.manifest.files.required:
            path = reference_path(assignment, name)
            sources |= {path: reference_code(assignment, name)} if path.is_file() else {}
    return sources
