"""Words that nearly say something: how far two words are apart, and which ones open or close a region."""

from __future__ import annotations

_EDGE_WORDS = frozenset({"BEGIN", "START", "END", "STOP", "FINISH", "ENDS", "EDN", "NED", "EN"})


def is_edge(word: str) -> bool:
    """Whether a word was meant to open or close a region."""
    return word.upper() in _EDGE_WORDS or distance(word.upper(), "BEGIN") <= 1


def nearly(word: str, wanted: str) -> bool:
    """Whether a word is the wanted one, or has one slip in a word that is long enough for it."""
    return word == wanted or (len(wanted) > 4 and distance(word, wanted) <= 1)


def distance(left: str, right: str) -> int:
    """Return the number of insertions, deletions, substitutions and swaps of neighbours between two words."""
    if abs(len(left) - len(right)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]
