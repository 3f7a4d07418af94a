"""`%check` as a student sees it: a real JupyterLab, driven by a real browser, in its light and its dark theme."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import ElementHandle, Page, sync_playwright

from autograder.documents.browser import NAMES
from tests.programs import missing
from tests.student.test_notebook import IMPORTS, SLUG, definition
from tests.templates import write_template

pytestmark = pytest.mark.thorough

NAME = "log_normal_pdf"
RIGHT = definition(NAME)
WRONG = RIGHT.replace("-0.5", "-0.25")
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/lab")
RAN = """count => {
    const waits = [...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'));
    return document.querySelectorAll('.jp-OutputArea-output').length >= count && !waits;
}"""
CONTRAST = """element => {
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const light = (...colours) => {
        canvas.clearRect(0, 0, 1, 1);
        for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
        const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const behind = [];
    for (let one = element; one; one = one.parentElement) behind.unshift(getComputedStyle(one).backgroundColor);
    const [low, high] = [light(...behind), light(...behind, getComputedStyle(element).color)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
}"""
"""The contrast of text on what is behind it (WCAG 2.2, success criterion 1.4.3)."""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Page]:
    """A notebook of a student's in JupyterLab, all cells run: wrong, checked, right, checked."""
    if reason := missing(*NAMES):
        pytest.skip(reason)
    folder = write_template(SLUG, tmp_path / SLUG)
    sources = [IMPORTS, WRONG, f"%load_ext autograder\n%check p2.{NAME}", RIGHT, f'check("p2.{NAME}")']
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "mine.ipynb")
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "IPYTHONDIR")
    own = {name: str(tmp_path / name.lower()) for name in (*places, "JUPYTERLAB_WORKSPACES_DIR")}
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=token"]
    command = [sys.executable, "-m", "jupyter", "lab", *options, "--LabApp.expose_app_in_browser=True"]
    server = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout is not None
        port = next(found[1] for line in server.stdout if (found := ADDRESS.search(line)))
        threading.Thread(target=server.stdout.read, daemon=True).start()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=next(filter(None, map(shutil.which, NAMES))), args=["--no-sandbox"]
            )
            page = browser.new_page(viewport={"width": 1200, "height": 1400})
            page.set_default_timeout(60_000)
            page.goto(f"http://127.0.0.1:{port}/lab/tree/mine.ipynb?token=token")
            page.wait_for_function("document.querySelectorAll('.jp-CodeCell').length === 5")
            page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
            page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
            page.wait_for_function(RAN, arg=2)
            yield page
            browser.close()
    finally:
        server.terminate()
        server.wait(60)


def box(element: ElementHandle | None) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of an element, in pixels."""
    assert element is not None
    found = element.bounding_box()
    assert found is not None
    return found["x"], found["y"], found["x"] + found["width"], found["y"] + found["height"]


def test_the_report_of_a_cell_is_laid_out_and_can_be_read_in_both_themes(lab: Page) -> None:
    wrong, right = lab.query_selector_all(".jp-OutputArea-output")
    assert "✗ failed" in wrong.inner_text() and "the integral of exp" in wrong.inner_text()
    assert "✓ passed" in right.inner_text() and "6 of 6 points" in right.inner_text()
    assert not lab.query_selector_all(".autograder a[href]")  # nothing there to go to
    for theme, light in (("JupyterLab Light", "true"), ("JupyterLab Dark", "false")):
        lab.evaluate("theme => void window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        lab.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        chip, title = wrong.query_selector(".rubric .chip"), wrong.query_selector(".rubric .title")
        assert box(chip)[2] <= box(title)[0]  # beside each other, not above
        term, value = wrong.query_selector(".parts dt"), wrong.query_selector(".parts dd")
        assert box(term)[2] <= box(value)[0] and abs(box(term)[1] - box(value)[1]) < 30
        assert box(term)[3] - box(term)[1] < 40  # in one line
        summary, body = wrong.query_selector("summary"), wrong.query_selector(".body")
        assert box(summary)[3] <= box(body)[1]
        for selector in ("p", ".chip", ".title", ".id", "summary", "h4", "dt", "dd pre"):
            part = wrong.query_selector(selector)
            assert part is not None
            assert part.evaluate(CONTRAST) >= 4.5, (theme, selector)
