"""Text without the people in it: names, numbers, addresses, paths and links of a class are replaced.

What is replaced is meant to be too much rather than too little: a student called Mark makes "benchmark" unreadable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import permutations
from typing import NamedTuple

from autograder.batch.listing import Submitter

NAME, EMAIL, PATH, LINK, AUTHOR = "[name]", "[email]", "[path]", "[link]", "[author]"
WHOLE_WORD_BELOW = 4
"""Parts of names that are shorter are replaced as whole words only: Lee, but not in "sleep"."""
MAX_PARTS = 6
"""Parts of one name of which every pair is looked for."""

_JOINT = "\0"
"""Between parts of a name: nothing, a space, an underscore, a comma and a space."""
_JOINT_PATTERN = r"[\W_]{0,3}"
_LETTER = r"[^\W\d_]"
_EXTRA_FOLDS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})

_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_LINK = re.compile(r"(?:\b[a-z][a-z0-9+.-]{1,15}://|\bwww\.|\bgit@)[^\s'\"<>`]+", re.IGNORECASE)
_HOME = re.compile(r"(?:\b[A-Za-z]:[\\/]|/(?:home|Users)/|~[\w.-]*[\\/])[^\n'\"`<>|:*?]*")
_SAID_BEFORE = (
    "__author__|authors?|committer|co-authored-by|signed-off-by|written by|created by|done by|names?|e-?mail|login"
    "|student(?: name| id| number)?|net ?id|sid|matricule|user(?:name)?"
)
_AUTHOR = re.compile(rf"(?im)((?:^|\\n|[#\"'])\W{{0,8}}(?:{_SAID_BEFORE})\b\W{{0,3}}[:=])[^\n]+")
_TOKEN = re.compile(r"[^\s'\"`,;:()\[\]{}<>|=]+")
_FILE = re.compile(r".*\.[A-Za-z]\w{0,5}")


class Scrubber:
    """Takes the people of a class out of texts, whoever of them wrote or is named in one."""

    def __init__(self, submitters: Iterable[Submitter], keys: Iterable[str] = ()) -> None:
        """Take the class: everyone in it, and the keys of submissions, which platforms make from names or numbers."""
        terms = {term for submitter in submitters for term in _terms(submitter)}
        terms |= {term for key in keys for term in _key_terms(key)}
        self._terms = terms

    def __call__(self, text: str) -> str:
        """Return the text with placeholders for people, email addresses, links and paths, and after "author:"."""
        text = _EMAIL.sub(EMAIL, _LINK.sub(LINK, text))
        text = _TOKEN.sub(_without_path, _HOME.sub(PATH, text))
        return self._without_names(_AUTHOR.sub(rf"\1 {AUTHOR}", text))

    def _without_names(self, text: str) -> str:
        if self._pattern is None:
            return text
        folded, places = _folded(text)
        kept, ends = [], 0
        for match in self._pattern.finditer(folded):
            start, stop = places[match.start()], places[match.end() - 1] + 1
            kept += [text[ends:start], NAME]
            ends = max(stop, ends)
        return "".join([*kept, text[ends:]])

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        anywhere = _trie_pattern(term.text for term in self._terms if term.where == "anywhere")
        words = _trie_pattern(term.text for term in self._terms if term.where == "word")
        numbers = _trie_pattern(term.text for term in self._terms if term.where == "number")
        patterns = [
            f"(?<!{_LETTER}){words}(?!{_LETTER})" if words else "",
            anywhere,
            rf"(?<![\w.]){numbers}(?![\w.])" if numbers else "",
        ]
        whole = "|".join(filter(None, patterns))
        return re.compile(whole) if whole else None


class _Term(NamedTuple):
    """What is looked for, folded: ``anywhere``, as a ``word`` between what is no letter, or as a ``number`` alone."""

    text: str
    where: str


def _terms(submitter: Submitter) -> Iterator[_Term]:
    name = submitter.name.casefold()
    for spelled in {name, name.translate(_SPELLED_OUT), re.sub("([aou])e", r"\1", name)}:  # Müller, Mueller, Muller
        yield from _name_terms(_parts(spelled))
    yield from _email_terms(submitter.email)
    yield from _sid_terms(submitter.sid)


def _parts(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", _folded(name)[0])


def _name_terms(parts: list[str]) -> Iterator[_Term]:
    for part in parts:
        yield from _part_terms(part)
    for one, other in permutations(parts[:MAX_PARTS], 2):
        if len(one) > 1 and len(other) > 1:
            where = "anywhere" if len(one + other) > WHOLE_WORD_BELOW or not (one + other).isascii() else "word"
            yield _Term(one + _JOINT + other, where)
        if len(other) >= 3:
            yield _Term(one[0] + _JOINT + other, "word")
            yield _Term(other + _JOINT + one[0], "word")


def _part_terms(part: str) -> Iterator[_Term]:
    if not part.isascii():  # one character of many scripts is a syllable or a word
        if len(part) > 1:
            yield _Term(part, "anywhere")
    elif len(part) >= WHOLE_WORD_BELOW:
        yield _Term(part, "anywhere")
    elif len(part) == WHOLE_WORD_BELOW - 1:
        yield _Term(part, "word")


def _email_terms(email: str) -> Iterator[_Term]:
    local = _folded(email.partition("@")[0])[0]
    segments = re.findall(r"[^\W_]+", local)
    if segments:
        joined = _JOINT.join(segments)
        yield _Term(joined, "anywhere" if len("".join(segments)) >= WHOLE_WORD_BELOW else "word")
    for segment in segments:
        yield from _part_terms(segment)
        yield from _part_terms(segment.rstrip("0123456789"))


def _sid_terms(sid: str) -> Iterator[_Term]:
    segments = re.findall(r"[^\W_]+", _folded(sid)[0])
    whole = "".join(segments)
    if not whole:
        return
    yield _Term(_JOINT.join(segments), "anywhere" if len(whole) >= WHOLE_WORD_BELOW else "number")
    if len(bare := whole.lstrip("0")) > WHOLE_WORD_BELOW:
        yield _Term(bare, "anywhere")


def _key_terms(key: str) -> Iterator[_Term]:
    segments = re.findall(r"[^\W_]+", _folded(key)[0])
    if len("".join(segments)) >= WHOLE_WORD_BELOW:
        yield _Term(_JOINT.join(segments), "anywhere")
    for segment in segments:
        if segment.isdecimal() and len(segment) > WHOLE_WORD_BELOW:
            yield _Term(segment, "anywhere")


def _folded(text: str) -> tuple[str, range | list[int]]:
    """Return a text without accents, case and characters that cannot be seen, and each character's place in it."""
    if text.isascii():
        return text.lower(), range(len(text))
    folded, places = [], []
    for place, char in enumerate(text):
        for part in unicodedata.normalize("NFKD", char).casefold().translate(_EXTRA_FOLDS):
            if unicodedata.category(part) not in ("Mn", "Cf"):
                folded.append(part)
                places.append(place)
    return "".join(folded), places


def _without_path(match: re.Match[str]) -> str:
    """Return what stands for a token: paths from the root, and those of files in folders, tell who made them."""
    token = match[0]
    if "/" not in token and "\\" not in token:
        return token
    from_root = token.startswith(("/", "\\\\")) and len(re.findall(r"[\\/]+[^\\/]", token)) > 1
    return PATH if from_root or _FILE.fullmatch(re.split(r"[\\/]", token)[-1]) else token


def _trie_pattern(terms: Iterable[str]) -> str:
    """Return a pattern of all terms that looks at a character once, however many terms there are; "" for none."""
    root = _Node()
    for term in terms:
        node = root
        for char in term:
            node = node.setdefault(char, _Node())
        node[""] = _Node()
    return _node_pattern(root) if root else ""


class _Node(dict[str, "_Node"]):
    """What may follow, by character; "" where a term ends."""


def _node_pattern(node: dict[str, _Node]) -> str:
    chain = ""
    while len(node) == 1 and "" not in node:
        ((char, node),) = node.items()
        chain += _JOINT_PATTERN if char == _JOINT else re.escape(char)
    ways = [
        (_JOINT_PATTERN if char == _JOINT else re.escape(char)) + _node_pattern(following)
        for char, following in sorted(node.items(), reverse=True)
        if char
    ]
    if not ways:
        return chain
    return f"{chain}(?:{'|'.join(ways)}){'?' if '' in node else ''}"
