"""A page as PDF, printed by a browser of this machine; Chromium, Chrome and Edge can do so without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
MACOS = ("Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser")
WINDOWS = (r"Google\Chrome\Application\chrome.exe", r"Microsoft\Edge\Application\msedge.exe")
SECONDS = 120.0
OPTIONS = ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-pdf-header-footer")


class NotPrinted(Exception):
    """No PDF was made; the text says why."""


def find_browser() -> Path | None:
    """Return a browser that prints without a window, None where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    return next((path for path in _usual_places() if path.is_file()), None)


def _usual_places() -> list[Path]:
    if sys.platform == "darwin":
        roots = [Path("/Applications"), Path.home() / "Applications"]
        return [root / f"{name}.app" / "Contents" / "MacOS" / name for root in roots for name in MACOS]
    named = (os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"))
    roots = [Path(root) for root in named if root]
    return [root.joinpath(*place.split("\\")) for root in roots for place in WINDOWS]


def print_page(page: Path, pdf: Path) -> None:
    """Write the page as PDF; raise `NotPrinted` where no browser does so. What was there stays until then.

    Page and PDF lie where the browser may read and write: one in a snap of Ubuntu's sees no temporary folder.
    """
    browser = find_browser()
    if browser is None:
        raise NotPrinted("no Chromium, Chrome or Edge was found on this machine")
    with tempfile.TemporaryDirectory(dir=pdf.parent, ignore_cleanup_errors=True) as folder:
        printed = Path(folder) / "page.pdf"
        command = [str(browser), *OPTIONS, *_as_root(), f"--user-data-dir={folder}", f"--print-to-pdf={printed}"]
        try:
            done = subprocess.run(
                [*command, page.resolve().as_uri()], capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotPrinted(f"{browser.name} took longer than {SECONDS:g} s") from None
        except OSError as error:
            raise NotPrinted(f"{browser} cannot be started: {error.strerror}") from None
        if not printed.is_file() or not printed.read_bytes().startswith(b"%PDF"):
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
            raise NotPrinted(f"{browser.name} wrote none{f': {last}' if last else ''}")
        shutil.copyfile(printed, pdf)


def _as_root() -> list[str]:
    """Its own sandbox does not start for root; the page holds no script and loads nothing."""
    return ["--no-sandbox"] if hasattr(os, "getuid") and os.getuid() == 0 else []
