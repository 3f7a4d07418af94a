"""An image to run ``setup.sh`` on: few commands, tiny packages, and stand-ins for what would be downloaded.

The script itself, Python, pip and virtual environments are real. Commands that would load something from elsewhere are
small scripts of a test; every other command that the image has is this machine's.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shlex
import shutil
import sys
import zipfile
from pathlib import Path

from autograder.platforms.gradescope.bundle import EXECUTABLE, bundle_files
from tests.end_to_end.harness import Command, Gradescope
from tests.platforms.gradescope.toy import toy_assignment

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
INTERPRETER = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
WHEEL = "autograder-0.1.0-py3-none-any.whl"
COMMANDS = (
    *("basename", "bash", "bzip2", "cat", "chmod", "cp", "dirname", "env", "grep", "gzip", "head", "ln", "ls", "mkdir"),
    *("mv", "readlink", "rm", "sed", "sh", "stat", "tail", "tar", "timeout", "touch", "tr", "uname"),
)
CANDIDATE = f"""
import sys
from collections import namedtuple
fields = "major minor micro releaselevel serial"
sys.version_info = namedtuple("version_info", fields)(*sys.version_info[:2], 0, "candidate", 1)
sys.version = "{VERSION}.0rc1 (main, Aug 12 2022, 10:02:14) [GCC 11.2.0]"
del sys.get_int_max_str_digits
"""
"""Makes an interpreter the release candidate that Ubuntu 22.04 has; a sitecustomize.py."""


def wheel(
    name: str, version: str, files: dict[str, str], *, scripts: dict[str, str] | None = None
) -> tuple[str, bytes]:
    """Return file name and bytes of a wheel with these modules and these programs."""
    folder = f"{name}-{version}"
    info = {
        f"{folder}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{folder}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    programs = {f"{folder}.data/scripts/{each}": text for each, text in (scripts or {}).items()}
    contents = files | programs | info
    record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in contents.items()]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path, text in contents.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if path in programs else 0o100644) << 16
            archive.writestr(entry, text)
        archive.writestr(f"{folder}.dist-info/RECORD", "\n".join([*record, f"{folder}.dist-info/RECORD,,", ""]))
    return f"{folder}-py3-none-any.whl", target.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def index(folder: Path, *wheels: tuple[str, bytes]) -> str:
    """Write a package index of these wheels; return its address."""
    for name, data in wheels:
        place = folder / name.partition("-")[0]
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
        links = "".join(f'<a href="{each.name}">{each.name}</a>' for each in sorted(place.glob("*.whl")))
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")
    return folder.as_uri()


class Image:
    """An image whose commands are those of ``bin``; ``build`` runs the real script there and says what it printed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name in COMMANDS:
            if found := shutil.which(name):
                (self.bin / name).symlink_to(found)
        self.requirements = {VERSION: self.needed()}
        self.env = {"PATH": str(self.bin), "PIP_CONFIG_FILE": os.devnull, "AUTOGRADER_PRIVATE_USER": "optional"}
        self.files: dict[str, Path] = {}
        self.settings = ""
        self.indexes()

    @staticmethod
    def needed(version: str = VERSION) -> str:
        """Return the requirements of the bundle for one Python; packages are empty modules."""
        machine = f"sys_platform=linux platform_machine={os.uname().machine}"
        packages = ["torch==2.1", "torchvision==0.1", "matplotlib==3.1", "scipy==1.1", "hypothesis==6.1", "pytest==8.1"]
        return "\n".join([f"# python_version={version} implementation_name=cpython {machine}", *packages, ""])

    def indexes(self, *, vision: str = "", cpu: tuple[str, ...] = ("torch", "torchvision")) -> None:
        """Make pip's index, with ``vision`` as its torchvision, and PyTorch's, with CPU builds of ``cpu``."""
        modules = {
            "torch": {"torch.py": ""},
            "torchvision": {"torchvision.py": vision},
            "matplotlib": {"matplotlib/__init__.py": "", "matplotlib/font_manager.py": ""},
            "scipy": {"scipy/__init__.py": "", "scipy/special.py": ""},
            "hypothesis": {"hypothesis.py": ""},
            "pytest": {"pytest.py": ""},
        }
        versions = dict(line.split("==") for line in self.needed().splitlines()[1:])
        plain = [wheel(name, versions[name], files) for name, files in modules.items()]
        small = [wheel(name, f"{versions[name]}+cpu", modules[name]) for name in cpu]
        shutil.rmtree(self.folder / "indexes", ignore_errors=True)
        self.env["PIP_INDEX_URL"] = index(self.folder / "indexes" / "plain", *plain)
        self.env["AUTOGRADER_TORCH_INDEX"] = index(self.folder / "indexes" / "cpu", *small)

    def command(self, name: str, script: str) -> Path:
        """Put a command on the image; return its path."""
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        path.chmod(0o755)
        return path

    def python(self, name: str = f"python{VERSION}", *, candidate: bool = False) -> Path:
        """Put this machine's Python there, under that name; as a candidate of its first release if told so."""
        start = f'exec {shlex.quote(str(INTERPRETER))} "$@"'
        if candidate:
            patch = self.folder / "patch"
            patch.mkdir(exist_ok=True)
            (patch / "sitecustomize.py").write_text(CANDIDATE)
            start = f"PYTHONPATH={shlex.quote(str(patch))} {start}"
        return self.command(name, start)

    def build(self) -> tuple[Gradescope, Command]:
        """Put the bundle there and run its ``setup.sh``."""
        machine = Gradescope(self.folder / "platform", self.bundle(), hide=("var",), files=self.files)
        return machine, machine.setup(self.env)

    def bundle(self) -> bytes:
        """Return the toy's zip with a tiny grader, these requirements and settings."""
        grader = {"autograder.py": "import sys\n\ndef main():\n    print('asked:', *sys.argv[1:])\n"}
        program = "#!python\nfrom autograder import main\nmain()\n"
        files = bundle_files(toy_assignment(), WHEEL)
        del files[f"requirements-{VERSION}.txt"]
        built_with = next(iter(self.requirements))
        files["setup.sh"] = files["setup.sh"].replace(VERSION.encode(), built_with.encode())
        files[f"wheels/{WHEEL}"] = wheel("autograder", "0.1.0", grader, scripts={"autograder": program})[1]
        files |= {f"requirements-{version}.txt": text.encode() for version, text in self.requirements.items()}
        files["settings.conf"] += self.settings.encode()
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for name, content in files.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = (0o755 if name in EXECUTABLE else 0o644) << 16
                archive.writestr(entry, content)
        return target.getvalue()
