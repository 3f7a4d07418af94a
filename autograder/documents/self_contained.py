"""A text as one self-contained HTML page: no script, nothing loaded from elsewhere."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" \
content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<main class="text">
{body}
</main>
</body>
</html>
"""


def page(title: str, body: str) -> str:
    """Return the page; ``body`` is HTML."""
    return _PAGE.format(title=escape(title), style=_style(), body=body.strip())


@cache
def _style() -> str:
    """The look of all pages of the engine, and what texts need beyond it."""
    places = (("autograder.reports", "style.css"), ("autograder.documents", "text.css"))
    return "\n".join(files(package).joinpath(name).read_text(encoding="utf-8").strip() for package, name in places)
