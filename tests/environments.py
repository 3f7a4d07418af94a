"""Virtual environments for tests that are made of links to what is installed here: nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(sysconfig.get_path("purelib"))
ROOT = Path(__file__).resolve().parents[1]


def environment_with(folder: Path, requirements: Iterable[str], *, wheel: Path | None = None) -> Path:
    """Make an environment with what pip would install for these requirements, and nothing else; return its folder.

    ``wheel`` is installed by pip into it, without what it needs. Versions are those that are installed here.
    """
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    for name in sorted(_closure(map(Requirement, requirements), set())):
        _link(metadata.distribution(name), site, folder / "bin")
    for part in ("share", "etc"):  # templates and settings of Jupyter
        if (there := Path(sys.prefix, part)).is_dir():
            (folder / part).symlink_to(there)
    if wheel is not None:
        install(folder, wheel)
    return folder


def install(folder: Path, wheel: Path) -> None:
    """Install a wheel into an environment, without what it needs."""
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", str(wheel)], check=True)


def environment_with_broken(folder: Path, modules: Mapping[str, str]) -> Path:
    """Make an environment like this one, in which some modules hold the given code instead; return its Python."""
    venv.create(folder, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    for name, code in modules.items():
        (site / f"{name}.py").write_text(code, encoding="utf-8")
    (site / "others.pth").write_text(f"{ROOT}\n{HERE}\n", encoding="utf-8")
    return folder / "bin" / "python"


def _closure(wanted: Iterable[Requirement], seen: set[tuple[str, ...]]) -> set[str]:
    """Return the distributions that some requirements bring, without the engine."""
    found: set[str] = set()
    for requirement in wanted:
        name = str(canonicalize_name(requirement.name))
        key = (name, *sorted(requirement.extras))
        if key not in seen:
            seen.add(key)
            extras = [{"extra": extra} for extra in ("", *requirement.extras)]
            lines = map(Requirement, metadata.requires(name) or [])
            found |= {name} | _closure((one for one in lines if _holds(one, extras)), seen)
    return found - {"autograder"}


def _holds(requirement: Requirement, environments: list[dict[str, str]]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate(dict(one)) for one in environments)


def _link(distribution: metadata.Distribution, site: Path, programs: Path) -> None:
    for file in distribution.files or ():
        first = file.parts[0]
        if first == ".." and file.parts[-2] == "bin":
            _copy_program(Path(str(distribution.locate_file(file))), programs)
        elif first not in ("..", "__pycache__") and not (site / first).exists():
            (site / first).symlink_to(HERE / first)


def _copy_program(source: Path, programs: Path) -> None:
    data = source.read_bytes()
    if data.startswith(b"#!"):
        target = programs / source.name
        target.write_bytes(f"#!{programs / 'python'}\n".encode() + data.partition(b"\n")[2])
        target.chmod(0o755)
