"""The engine's part of Gradescope's zip: scripts, settings, exact requirements, a fallback."""

from __future__ import annotations

import functools
import platform
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from autograder.assignment import PROOFS_PACKAGE, Assignment
from autograder.distributions import Need, distributions_needed, needs_of
from autograder.errors import UserError
from autograder.platforms.gradescope.results_json import pessimistic, results_bytes
from autograder.platforms.gradescope.settings import NAMES, script_text, settings_file
from autograder.references import reference_code, reference_path
from autograder.texts import read_text

EXECUTABLE = frozenset({"setup.sh", "run_autograder"})
"""Names of the bundle's files that carry the run bit in the zip."""

_GPU_ONLY = re.compile(r"(nvidia|cuda|triton)(-|$)")
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_MARKERS = {
    "python_version": _PYTHON,
    "implementation_name": "cpython",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
}
"""What the pins are for, and what ``check_python.py`` asks of the image's interpreter: the Python that builds, on the
platform's machine."""
_TARGET = _MARKERS | {
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": platform.python_version(),
}


def bundle_files(
    assignment: Assignment, wheel_name: str, *, settings: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Return the files at the root of the zip, by name; those in `EXECUTABLE` need the run bit there.

    The same assignment, arguments, Python and installed packages give the same bytes. ``settings`` are other values
    for ``settings.conf``. Raises `UserError` where the name of the wheel is no plain file name, a setting is wrong, or
    where a package that must be pinned is not installed here.
    """
    if not re.fullmatch(r"[\w.+-]+\.whl", wheel_name):
        raise UserError(f"{wheel_name!r} is not the name of a wheel; give it without its folder")
    requirements = f"requirements-{_PYTHON}.txt"
    return {
        "setup.sh": _script("setup.sh", WHEEL=wheel_name, REQUIREMENTS=requirements, SETTINGS=" ".join(NAMES)),
        "run_autograder": _script("run_autograder", SLUG=shlex.quote(assignment.slug)),
        "check_python.py": _script("check_python.py"),
        "settings.conf": settings_file(settings or {}),
        "Dockerfile": _script("Dockerfile"),
        requirements: _requirements_file(pins(assignment)),
        "unfinished_results.json": results_bytes(pessimistic(assignment)),
    }


def _requirements_file(versions: Mapping[str, str]) -> bytes:
    lines = [f"# {' '.join(f'{name}={value}' for name, value in _MARKERS.items())}"]
    return "".join(f"{line}\n" for line in [*lines, *(f"{name}=={it}" for name, it in versions.items())]).encode()


def _script(name: str, **values: str) -> bytes:
    """Return a script with its ``@NAME@`` filled in, with LF line ends wherever it was built."""
    text = script_text(name)
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()


def pins(assignment: Assignment) -> dict[str, str]:
    """Return the exact version of every package that the grader and the assignment need, sorted by name.

    Versions are those installed here, without local labels (``+cpu``), which no index but the package's own knows.
    What only a GPU needs is left out. Raises `UserError` where a package is not installed here.
    """
    local = {path.stem for path in _sources(assignment)} | {PROOFS_PACKAGE, assignment.slug}
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
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise UserError(f"{name} is not installed, so its version cannot be pinned; install it, build again") from None


@functools.cache  # the version is read anew from the package's files whenever it is asked for
def _version(name: str) -> str:
    return _installed(name).version.split("+")[0]


@functools.cache
def _requirements(name: str, extras: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return names and extras of what a package requires on the machine that the bundle is for."""
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
    folders = (assignment.provided, assignment.public_checks, assignment.hidden_checks)
    paths = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    paths += sorted(assignment.proofs.rglob("*.py")) if assignment.proofs is not None else []
    sources = {path: read_text(path) for path in paths}
    if assignment.reference is not None:
        for name in assignment.manifest.files.required:
            path = reference_path(assignment, name)
            sources |= {path: reference_code(assignment, name)} if path.is_file() else {}
    return sources
