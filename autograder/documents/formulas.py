"""Formulas of LaTeX as MathML, which browsers draw by themselves."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from html import escape, unescape
from xml.etree import ElementTree

from latex2mathml.converter import convert

_TAG = re.compile(r"\\tag\*?\s*\{([^{}]*)\}")
_WITHOUT_EFFECT = re.compile(r"\\(?:nonumber|notag)\b|\\(?:label|vspace)\s*\{[^{}]*\}")
_ARG = re.compile(r"\\arg(?![A-Za-z])")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_VARIANT = re.compile(r'<m([in]) mathvariant="([a-z-]+)">([^<]+)</m[in]>')
_FUNCTION = re.compile(r"<mi>[a-z]{2,}</mi>(?=<m(?:i|n|sub|sup|subsup|over|frac|sqrt)\b)")
_STYLES = {
    "bold": "BOLD",
    "bold-italic": "BOLD ITALIC",
    "double-struck": "DOUBLE-STRUCK",
    "script": "SCRIPT",
    "fraktur": "FRAKTUR",
    "sans-serif": "SANS-SERIF",
    "monospace": "MONOSPACE",
}
_KIND = re.compile(r"(?:LATIN|GREEK) (CAPITAL|SMALL) LETTER (\w+)$|GREEK (?:LUNATE )?(\w+ SYMBOL)$|(DIGIT \w+)$")


@dataclass(frozen=True)
class Formula:
    """A formula as HTML; ``unknown`` names what of it no MathML was found for, and the page then shows the LaTeX."""

    html: str
    unknown: str = ""


def formula(latex: str, *, block: bool = False) -> Formula:
    """Return a formula as MathML, its number (``\\tag``) beside it."""
    tags = _TAG.findall(latex)
    plain = _ARG.sub(r"\\operatorname{arg}", _WITHOUT_EFFECT.sub("", _TAG.sub("", latex))).strip()
    try:
        mathml = convert(plain, display="block" if block else "inline")
        ElementTree.fromstring(mathml)  # it lets some signs through as they are
    except Exception as error:  # the converter says in many ways that it does not understand
        return _as_written(latex, type(error).__name__, block=block)
    if unknown := _COMMAND.search(mathml):
        return _as_written(latex, unknown.group(), block=block)
    mathml = _FUNCTION.sub(lambda found: f'{found.group()}<mspace width="0.167em"/>', _VARIANT.sub(_in_style, mathml))
    if not block:
        return Formula(mathml)
    number = "".join(f'<span class="tag">({escape(tag)})</span>' for tag in tags)
    return Formula(f'<div class="formula">{mathml}{number}</div>\n')


def _in_style(found: re.Match[str]) -> str:
    """Return an identifier or a number in the letters of its style: browsers know no other variant than normal."""
    element, variant, text = found.groups()
    if variant == "normal":
        return found.group()
    return f"<m{element}>{''.join(_letter(character, variant) for character in unescape(text))}</m{element}>"


def _letter(character: str, variant: str) -> str:
    """Return a letter of mathematics by its name in Unicode, the plain one where there is none."""
    style, kind = _STYLES.get(variant), _KIND.match(unicodedata.name(character, ""))
    if style is None or kind is None:
        return escape(character)
    name = " ".join(part for part in kind.groups() if part)
    older = {"FRAKTUR": "BLACK-LETTER"}.get(style, style)  # letters that Unicode had before the others
    for candidate in (f"MATHEMATICAL {style} {name}", f"{older} {name}"):
        try:
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return escape(character)


def _as_written(latex: str, unknown: str, *, block: bool) -> Formula:
    text = f'<code class="latex">{escape(latex.strip())}</code>'
    return Formula(f'<div class="formula">{text}</div>\n' if block else text, unknown)
