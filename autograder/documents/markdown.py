"""Markdown as HTML: tables, headings that can be linked to, formulas as MathML, pictures within the page."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from autograder.documents.formulas import formula

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/svg+xml", "image/webp"})
MAX_IMAGE = 20 * 2**20
_SOURCE = re.compile(r"""(?i)(<img\b[^>]*?\bsrc\s*=\s*)(?:"([^"]*)"|'([^']*)')""")
_JOINT = re.compile(r"(?<=\w)([._/](?=\w))")

Attachments = dict[str, dict[str, str]]
"""Pictures of a notebook's cell: base64 by kind of picture, by name."""
Files = Callable[[str], bytes | None]
"""Gives the bytes of a file by its path from the text; None where there is no such file."""


@dataclass
class Article:
    """Text as HTML, and what could not be shown as it was meant."""

    html: str = ""
    paragraphs: list[tuple[str, str]] = field(default_factory=list)
    """Each paragraph as it was written, with the heading above it; "" for none."""
    missing: list[str] = field(default_factory=list)
    """Pictures that are not there, or would have to be loaded from elsewhere."""
    unknown: list[str] = field(default_factory=list)
    """Formulas that are shown as LaTeX: what was not understood in them, and the beginning."""


def files_of(folder: Path) -> Files:
    """Return what gives the files of a folder, up to `MAX_IMAGE` bytes each."""

    def read(name: str) -> bytes | None:
        try:
            path = folder / name
            return path.read_bytes() if path.is_file() and path.stat().st_size <= MAX_IMAGE else None
        except (OSError, ValueError):  # what no system takes for a name
            return None

    return read


def article(text: str, files: Files, attachments: Attachments | None = None) -> Article:
    """Return Markdown as HTML, with the pictures in it that it names and ``files`` gives."""
    made = Article()
    parser = _parser(made)
    tokens = parser.parse(text)
    given = attachments or {}
    _embed(tokens, lambda source: _address(source, files, given, made))
    made.html = parser.renderer.render(tokens, parser.options, {})
    heading = ""
    for opening, content in pairwise(tokens):
        if opening.type == "heading_open":
            heading = content.content
        elif opening.type == "paragraph_open":
            made.paragraphs.append((heading, content.content))
    return made


def _parser(made: Article) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.use(anchors_plugin, max_level=4)
    parser.use(dollarmath_plugin, allow_space=True, double_inline=True, renderer=_renderer(made))
    parser.use(amsmath_plugin, renderer=lambda text: _renderer(made)(text, {"display_mode": True}))
    parser.add_render_rule("code_inline", _code)
    return parser


def _code(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, environment: Any) -> str:
    """Let a long name go on in the next line where it has a joint."""
    text = _JOINT.sub(r"\1<wbr>", escapeHtml(tokens[index].content))
    return f"<code>{text}</code>"


def _renderer(made: Article) -> Callable[[str, dict[str, Any]], str]:
    def render(text: str, options: dict[str, Any]) -> str:
        found = formula(text, block=bool(options.get("display_mode")))
        if found.unknown:
            made.unknown.append(f"{found.unknown} in ${' '.join(text.split())[:60]}$")
        return found.html

    return render


def _embed(tokens: Iterable[Token], address: Callable[[str], str]) -> None:
    """Put the pictures of images, of Markdown's form or of HTML's, into their sources."""
    for token in tokens:
        if token.type == "image":
            token.attrs["src"] = address(str(token.attrs["src"]))
        elif token.type in ("html_block", "html_inline"):
            token.content = _SOURCE.sub(lambda m: f'{m[1]}"{address(m[2] or m[3] or "")}"', token.content)
        _embed(token.children or (), address)


def _address(source: str, files: Files, attachments: Attachments, made: Article) -> str:
    """Return a picture as an address that holds it; the address itself where there is none."""
    if source.startswith("data:"):
        return source
    if source.startswith("attachment:"):
        for form, data in attachments.get(unquote(source.removeprefix("attachment:")), {}).items():
            if form in IMAGES:
                return f"data:{form};base64,{''.join(data.split())}"
    else:
        name = unquote(source)
        kind = mimetypes.guess_type(name)[0] or ""
        if kind in IMAGES and (picture := files(name)) is not None:
            return f"data:{kind};base64,{base64.b64encode(picture).decode('ascii')}"
    made.missing.append(source)
    return source


def joined(articles: Sequence[Article]) -> Article:
    """Return several texts as one."""
    return Article(
        "\n".join(one.html for one in articles),
        [paragraph for one in articles for paragraph in one.paragraphs],
        [source for one in articles for source in one.missing],
        [text for one in articles for text in one.unknown],
    )
