"""What a student zip asks pip for, and what its README.txt says: names that exist, every file to hand in."""

from __future__ import annotations

import base64
from importlib import metadata

import pytest

from autograder import distributions
from autograder.distributions import distributions_of
from autograder.errors import UserError
from autograder.release.packing import unzip_bytes
from tests.documents.test_documents import PIXEL
from tests.release.course import Course, code, notebook

MANIFEST = "assignments/tiny/assignment.toml"


def handed_out(course: Course, name: str) -> str:
    """Build, and return one file of the student zip."""
    (release,) = course.build()
    return unzip_bytes(release.student_zip)[f"tiny/{name}"].decode()


@pytest.mark.parametrize(
    ("module", "distribution"),
    [
        ("mpl_toolkits.mplot3d", "matplotlib"),
        ("sklearn.datasets", "scikit-learn"),
        ("PIL.Image", "pillow"),
        ("IPython.display", "ipython"),
        ("torch.utils.data", "torch"),
        ("yaml", "pyyaml"),
    ],
)
def test_a_module_is_looked_up_in_the_files_of_distributions(module: str, distribution: str) -> None:
    assert distributions_of(module) == (distribution,)
    assert metadata.version(distribution)


def test_of_several_distributions_in_one_namespace_those_with_the_module_count(tmp_path, monkeypatch) -> None:
    for name, module in (("shared-one", "one"), ("shared-two", "two")):
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "RECORD").write_text(f"shared/{module}.py,,\n")
        (tmp_path / "shared").mkdir(exist_ok=True)
        (tmp_path / "shared" / f"{module}.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    distributions._by_first_name.cache_clear()
    try:
        assert distributions_of("shared.two.deeper") == distributions_of("shared.two") == ("shared-two",)
        assert distributions_of("shared") == ("shared-one", "shared-two")
    finally:
        distributions._by_first_name.cache_clear()


def test_modules_of_the_manifest_notebooks_and_checks_become_names_that_pip_knows(course: Course) -> None:
    course.edit(MANIFEST, '"PIL.Image"', '"mpl_toolkits.mplot3d", "json.decoder"')
    course.edit(MANIFEST, 'required = ["vae.py"]', 'required = ["vae.py", "run.ipynb"]')
    course.write("solutions/tiny/run.ipynb", notebook(code("%matplotlib inline\nfrom sklearn import datasets\n")))
    course.edit("assignments/tiny/checks/public/test_public.py", '"""Public."""', '"""Public."""\nimport einops')
    lines = handed_out(course, "requirements.txt").split()
    assert lines[0].endswith("-py3-none-any.whl[student,notebook]")
    assert lines[1:] == ["einops>=0.7", "matplotlib>=3.8", "scikit-learn>=1.4", "torch>=2.3"]


def test_what_the_engine_does_not_ask_for_is_wanted_from_the_version_that_is_here(course: Course) -> None:
    course.edit("assignments/tiny/provided/networks.py", "def scale", "import nbclient\n\n\ndef scale")
    assert f"nbclient>={metadata.version('nbclient')}" in handed_out(course, "requirements.txt").split()


def test_the_requirements_of_the_course_stay(course: Course) -> None:
    course.edit(MANIFEST, 'provided = ["networks.py"]', 'provided = ["networks.py", "requirements.txt"]')
    course.write("assignments/tiny/provided/requirements.txt", "clean-fid>=0.1\ntorch>=2.3\n")
    lines = handed_out(course, "requirements.txt").split()
    assert lines[0] == "clean-fid>=0.1" and lines.count("torch>=2.3") == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "where"),
    [
        (MANIFEST, '"PIL.Image"', '"no_such.module"', "preload in assignment.toml"),
        ("assignments/tiny/provided/networks.py", "def scale", "import no_such.module\n\n\ndef scale", "networks.py"),
        (
            "assignments/tiny/checks/public/test_public.py",
            "def",
            "from no_such.module import x\n\n\ndef",
            "test_public",
        ),
    ],
)
def test_a_module_of_no_distribution_stops_the_build(course: Course, file: str, old: str, new: str, where: str) -> None:
    course.edit(file, old, new)
    with pytest.raises(UserError, match=rf"tiny: .*{where}.* needs the module 'no_such.module', which no installed"):
        course.build()


def test_an_import_that_the_code_goes_on_without_is_not_asked_for(course: Course) -> None:
    optional = "try:\n    import no_such.module\nexcept ImportError:\n    no_such = None\n\n\n"
    course.edit("assignments/tiny/provided/networks.py", "def scale", f"{optional}def scale")
    assert "no_such" not in handed_out(course, "requirements.txt")


def test_the_readme_names_what_to_hand_in_and_how_a_pdf_is_made(course: Course) -> None:
    course.edit(
        MANIFEST,
        'required = ["vae.py"]',
        'required = ["vae.py", "run.ipynb"]\noptional = ["report.pdf", "all.pdf", "<name>.pdf"]',
    )
    course.write("solutions/tiny/run.ipynb", notebook(code("print(1)")))
    text = handed_out(course, "README.txt")
    for name in ("vae.py", "run.ipynb", "report.pdf", "all.pdf"):
        assert f"\n   - {name}\n" in text
    assert "Fill in the blanks in vae.py." in text
    assert "answer the questions of report.md" in text
    assert "       autograder report\n" in text and "       autograder report run.ipynb --out all.pdf\n" in text
    assert "       autograder report run.ipynb --out NAME.pdf\n" in text and "\n   - <name>.pdf\n" in text
    assert "       jupyter lab\n" in text and text.index("handout.html") < text.index("Install")
    assert "3 GB" in text and "download.pytorch.org/whl/cpu" in text


def test_the_page_of_the_handout_has_its_pictures_and_formulas_in_it(course: Course) -> None:
    course.edit(MANIFEST, 'provided = ["networks.py"]', 'provided = ["networks.py", "figures/a.png"]')
    (course.root / "assignments/tiny/provided/figures").mkdir()
    (course.root / "assignments/tiny/provided/figures/a.png").write_bytes(PIXEL)
    course.edit("assignments/tiny/handout.md", "Fill in", "![a](./figures/a.png) $\\sigma^2$\n\nFill in")
    shown = handed_out(course, "handout.html")
    assert f'src="data:image/png;base64,{base64.b64encode(PIXEL).decode()}"' in shown and "<msup>" in shown


def test_without_a_notebook_nothing_is_said_of_jupyter(course: Course) -> None:
    text = handed_out(course, "README.txt")
    assert "jupyter" not in text.casefold() and "\n   - vae.py\n" in text


def test_a_course_may_have_a_page_of_its_own(course: Course) -> None:
    course.edit(MANIFEST, 'provided = ["networks.py"]', 'provided = ["networks.py", "handout.html"]')
    course.write("assignments/tiny/provided/handout.html", "<p>Ours.</p>\n")
    assert "handout.md says what is asked" in handed_out(course, "README.txt")
    assert handed_out(course, "handout.html") == "<p>Ours.</p>\n"


def test_a_course_may_have_a_readme_of_its_own(course: Course) -> None:
    course.edit(MANIFEST, 'provided = ["networks.py"]', 'provided = ["networks.py", "README.txt"]')
    course.write("assignments/tiny/provided/README.txt", "Read me.\n")
    assert handed_out(course, "README.txt") == "Read me.\n"
