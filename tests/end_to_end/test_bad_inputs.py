"""Every kind of bad hand-in, through the real command: each is one clear line, and the rest is still graded."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.tiny import ONE, TWO, Tiny

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("warm")]

FULL = {"one.double": 2.0, "one.quadruple": 3.0, "two.shift": 1.0}


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)


def zipped(**files: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return data.getvalue()


def notebook(*cells: str) -> str:
    code = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in cells
    ]
    return json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def test_a_zip(tiny: Tiny) -> None:
    path = tiny.root / "hand_in.zip"
    path.write_bytes(zipped(one=ONE, two=TWO))
    assert tiny.grade(path).scores == FULL


def test_a_zip_within_a_folder_with_nested_and_misnamed_files(tiny: Tiny) -> None:
    folder = tiny.root / "folder"
    folder.mkdir()
    (folder / "my work.zip").write_bytes(zipped(**{"src__One (1)": ONE, "src__two": TWO}))
    run = tiny.grade(folder)
    assert run.scores == FULL
    assert "expected one.py, found" in run.results["output"] and "One (1).py" in run.results["output"]


def test_a_single_file(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in() / "one.py")
    assert run.scores == {**FULL, "two.shift": 0.0}
    assert "two.py" in run.results["output"]


def test_a_notebook_with_commands_in_place_of_a_module(tiny: Tiny) -> None:
    folder = tiny.hand_in(one=None)
    (folder / "one.ipynb").write_text(notebook("!pip install torch\n%matplotlib inline\nimport torch", ONE))
    run = tiny.grade(folder)
    assert run.scores == FULL
    assert "!pip install torch" in run.results["output"]


def test_an_export_with_commands_in_it(tiny: Tiny) -> None:
    run = tiny.grade(tiny.hand_in(one="!pip install einops\n%load_ext autoreload\n" + ONE))
    assert run.scores == FULL
    assert "one.py:1" in run.results["output"] and "one.py:2" in run.results["output"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_other_encodings(tiny: Tiny, encoding: str) -> None:
    folder = tiny.hand_in(one=None)
    (folder / "one.py").write_bytes(("# réponse\n" + ONE).replace("\n", "\r\n").encode(encoding))
    assert tiny.grade(folder).scores == FULL


def test_bytes_that_are_no_text_cost_their_file(tiny: Tiny) -> None:
    folder = tiny.hand_in(one=None)
    (folder / "one.py").write_bytes(bytes(range(256)) * 10)
    run = tiny.grade(folder)
    assert run.scores == {"one.double": 0.0, "one.quadruple": 0.0, "two.shift": 1.0}
    assert run.status == 0


def test_a_helper_and_a_package_that_the_grader_lacks(tiny: Tiny) -> None:
    lacking = "import wandb\nfrom utils import plot, timer\nfrom utils.more import x as y\n\n@timer\n" + ONE.lstrip()
    lacking = lacking.replace("@timer\nimport torch\n", "import torch\n\n@timer")
    run = tiny.grade(tiny.hand_in(one=lacking))
    assert run.scores == FULL
    assert "`wandb` is not installed here" in run.results["output"]
    assert "`utils` is not installed here" in run.results["output"]


def test_a_helper_that_was_handed_in_is_used(tiny: Tiny) -> None:
    one = ONE.replace("x * 2", "twice(x)").replace("import torch", "from utils import twice")
    run = tiny.grade(tiny.hand_in(one=one, utils="def twice(x):\n    return x * 2\n"))
    assert run.scores == FULL


def test_files_that_shadow_real_modules_change_nothing(tiny: Tiny) -> None:
    bad = "raise SystemExit('shadowed')\n"
    run = tiny.grade(tiny.hand_in(torch=bad, json=bad, numpy=bad, conftest=bad, sitecustomize=bad))
    assert run.scores == FULL


def test_imports_at_the_top_that_make_folders_and_seed(tiny: Tiny) -> None:
    top = "from pathlib import Path\nresults_folder = Path('./results')\nresults_folder.mkdir(exist_ok=True)\n"
    top += "import torch\ntorch.manual_seed(0)\ndevice = torch.device('cuda:0')\nprint('device', device)\n"
    top += "table = torch.ones(3).to(device)\n"
    run = tiny.grade(tiny.hand_in(one=top + ONE.replace("x * 2", "x.to(device) * 2 * table[0]")))
    assert run.scores == FULL


def test_an_empty_folder_is_misuse(tiny: Tiny) -> None:
    (tiny.root / "empty").mkdir()
    run = tiny.grade(tiny.root / "empty")
    assert run.status == 2
    assert run.outcomes == dict.fromkeys(FULL, "FAIL") and run.results["score"] == 0
    assert len(run.stderr.strip().splitlines()) == 1


def test_an_archive_that_climbs_out_writes_nothing_outside(tiny: Tiny) -> None:
    path = tiny.root / "hand_in.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one.py", ONE)
        archive.writestr("two.py", TWO)
        archive.writestr("../../escaped.py", "x = 1")
    run = tiny.grade(path)
    assert run.scores == FULL
    assert "escaped.py" in run.results["output"]
    assert not list(tiny.root.parent.rglob("escaped.py"))


def test_links_are_not_followed(tiny: Tiny) -> None:
    folder = tiny.hand_in(two=None)
    (folder / "two.py").symlink_to(tiny.reference / "two.py")
    run = tiny.grade(folder)
    assert run.scores == {**FULL, "two.shift": 0.0}


def test_links_in_an_archive_are_not_followed(tiny: Tiny) -> None:
    path = tiny.root / "hand_in.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tiny.reference / "one.py", "one.py")
        link = tarfile.TarInfo("two.py")
        link.type, link.linkname = tarfile.SYMTYPE, str(tiny.reference / "two.py")
        archive.addfile(link)
    assert tiny.grade(path).scores == {**FULL, "two.shift": 0.0}


def test_a_zip_bomb_is_refused_in_one_line(tiny: Tiny) -> None:
    path = tiny.root / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"{number}.py", b"0" * 50_000_000)
    run = tiny.grade(path)
    assert run.status in (0, 2)
    assert run.results["score"] == 0
    assert "Traceback" not in run.stderr


def test_a_broken_zip_is_refused_in_one_line(tiny: Tiny) -> None:
    path = tiny.root / "broken.zip"
    path.write_bytes(zipped(one=ONE)[:-30])
    run = tiny.grade(path)
    assert run.status == 2
    assert "broken.zip" in run.stderr and "Traceback" not in run.stderr
