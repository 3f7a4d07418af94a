"""Marks of other tools and notes to staff, in a comment of code or a line of prose.

Nothing acts on them here, so students would get what they mean to keep: they are refused, with what to write instead.
Prose that only speaks of solutions, hidden checks or staff is left alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from autograder.errors import UserError
from autograder.release.labels import is_for_staff, staff_tags
from autograder.release.words import is_edge, nearly

CELL = 'tag the cell \'instructor-only\', enclose it in "### BEGIN SOLUTION" and "### END SOLUTION", or remove it'
REGION = 'enclose the answer in "### BEGIN SOLUTION <item>" and "### END SOLUTION"'
TESTS = "hidden tests go to checks/hidden/"
SCHEME = "what graders read goes to a Markdown file without marks beside the reference"
PROMPT = 'write "### PROMPT: text" inside the region'
RUBRIC = "items are in assignment.toml, their tests in checks/; remove it"
SUFFIX = 'write "# SOLUTION" behind the statement, or enclose it in "### BEGIN SOLUTION" and "### END SOLUTION"'

# What stands behind BEGIN, END and the like; of the second kind, small letters are prose ("# begin test").
_OBJECTS = {
    **dict.fromkeys(("HIDDEN TESTS", "HIDDEN TEST"), TESTS),
    **dict.fromkeys(("MARK SCHEME", "MARKSCHEME", "MARKING SCHEME", "ANSWER KEY", "RUBRIC"), SCHEME),
    **dict.fromkeys(("PROMPT", "PROMPTS"), PROMPT),
    **dict.fromkeys(("TEST CONFIG", "ASSIGNMENT CONFIG"), RUBRIC),
    **dict.fromkeys(("INSTRUCTOR", "INSTRUCTORS", "STAFF", "TEACHER", "TEACHERS", "PRIVATE", "SECRET"), CELL),
    **dict.fromkeys(("HIDDEN", "HIDE", "REMOVE", "EXCLUDE", "IGNORE", "OMIT", "STRIP", "DELETE"), CELL),
}
_IN_CAPITALS = dict.fromkeys(("QUESTION", "TESTS", "TEST", "ASSIGNMENT", "CONFIG"), RUBRIC)

_D = r"[\W\d_]*"
"""Decoration before the words."""
_E = r"\s*(?:[:.)\]>*#=-]|$)"
"""The end of a note, or of what leads in to it."""
_ROLE = r"(?:instructors?|(?:course )?staff|teachers?|lecturers?|professors?|graders?|tutors?|(?-i:TAs?))"
_ANYWHERE = (
    (rf"^{_D}(?:for )?(?:the )?{_ROLE}(?:['\u2019]s?)?(?:[ _-]+(?:only|version|copy|notes?|solutions?|answers?|key|"
     rf"code|cell|use|eyes|comments?))+{_E}", CELL),
    (rf"[(\[]\s*(?:for )?(?:the )?{_ROLE}(?: use)?[ _-]only\s*[)\]]", CELL),
    (rf"^{_D}for {_ROLE}(?: use)?(?: only)?{_E}", CELL),
    (rf"^{_D}(?:not for|hidden from|hide from|remove for|keep from) (?:the )?students?{_E}", CELL),
    (r"\b(?:do not|don'?t|never) (?:release|distribute|publish|hand out|give|show|share)(?: \w+){0,3} (?:to|with) "
     r"(?:the )?students?\b", CELL),
    (rf"^{_D}(?:do not|don'?t) (?:release|hand out)(?: this(?: \w+)?)?{_E}", CELL),
    (r"\b(?:remove|delete|strip|hide|cut)\b[^.]{0,30}\b(?:before|prior to) (?:the )?(?:releas\w+|publish\w*|"
     r"publication|distribut\w+|handing (?:it |this )?out|hand-out)", CELL),
    (rf"^{_D}to(?:[_-]remove\b|[ ]remove(?: (?:solution|explanation))?{_E})", CELL),
    (rf"^{_D}(?:solution )?no prompt{_E}", SUFFIX),
    (rf"^{_D}answer keys?{_E}", SCHEME),
    (rf"^{_D}(?-i:ASSIGNMENT CONFIG|TEST CONFIG){_E}", RUBRIC),
    (rf"^{_D}(?-i:HIDDEN|IGNORE|EXCLUDE)[\s#*]*$", CELL),
    (r"#\s*if(?:def)?\s+(?-i:SOLUTION|INSTRUCTOR|STAFF)", CELL),
)  # fmt: skip
_IN_CODE = (
    (rf"^{_D}(?:hidden tests?){_E}", TESTS),
    (rf"^{_D}(?:mark(?:ing)? schemes?){_E}", SCHEME),
    (rf"^{_D}(?:model|sample|reference|official|suggested) (?:solutions?|answers?){_E}", CELL),
    (rf"^{_D}solutions? (?:to|for|of) (?:exercise|question|problem|part|task|q)[\s\w.()]{{0,12}}{_E}\s*$", CELL),
    (r"^#+\s*(?-i:PRIVATE|SECRET|INSTRUCTORS?|STAFF|TAS?)\s*#*$", CELL),
    (r"^##+\s*(?:hidden|ignore|exclude|seed|private|instructor|staff)\s*##+$", CELL),
    (r"^#+\s*(?:instructors?|staff|graders?|(?-i:TAs?))\s*:", CELL),
    (r"^#\s*\|\s*(?:hide\w*|(?:include|echo)\s*:\s*false)", CELL),
    (r"^#(?:hide|collapse)(?:_\w+)?$", CELL),
    (r"^#+\s*(?:solution|answer)\s*:\s*(?!.*\b(?:your|here|todo|write|fill)\b)\w", CELL),
    (r"^#+\s*@\s*(?:solution|answer|hidden|hide|instructor|staff|private|remove)\w*", CELL),
)
_IN_PROSE = (
    (r"\\begin\s*\{(?:solution|answer|sol|solutionbox|solutionorbox)\*?\}", REGION),
    (r"^\s*(?:`{3,}|~{3,}|:{3,})\s*\{?\.?\s*(?:solution|answer)\b", REGION),
    (r'^\s*(?:!!!|\?\?\?\+?)\s*"?(?:solution|answer)\b', REGION),
    (r"^\s*\.\.\s+(?:solution|answer)::", REGION),
    (r"<summary>[^<]*\b(?<!your )(?:solution|answer)s?\b", REGION),
    (r"<(?:div|section|details|span|p)\b[^>]*\b(?:class|id)\s*=\s*[\"'][^\"']*\b(?:solution|answer|instructor|staff)",
     REGION),
    (r"\{%-?\s*if\s+[^%]*(?:solution|instructor|staff|answer)", REGION),
)  # fmt: skip
_SEED = re.compile(r"^#+\s*SEED\s*#*$")
_FORM_TITLE = re.compile(r"^#+\s*@(?:title|markdown)\s+(.*?)(?:\{.*\})?\s*$")
_HEAD = re.compile(r"^(?:#+\s*)?(%%+|(?<=[#\s])\+\s)(.*)$")
_WORTH_A_LOOK = re.compile(
    r"sol|answ|hid|instr|staff|teach|lectur|profess|grader|tutor|\bTA|remov|releas|students?|prompt|config|scheme|key|"
    r"priv|secret|ignor|clu|omit|strip|delet|test|quest|assign|rubric|seed|tag|echo|coll|hand|publi|distr|@",
    re.IGNORECASE,
)


def refuse_foreign(text: str, where: str, *, prose: bool = False, alone: bool = True) -> None:
    """Raise `UserError` if a comment of code, or a line of ``prose``, means something that nothing here acts on.

    ``alone`` says that no code stands before the comment on its line.
    """
    if not _WORTH_A_LOOK.search(text):
        return
    proposal = next(_proposals(unicodedata.normalize("NFKC", text).strip(), prose, alone), None)
    if proposal is not None:
        shown = text.strip() if len(text.strip()) <= 60 else f"{text.strip()[:57]}..."
        raise UserError(f"{where}: {shown!r} is no mark of this project, and students would get it; {proposal}")


def _proposals(text: str, prose: bool, alone: bool) -> Iterator[str]:
    yield from _edge(text)
    rules = (*_ANYWHERE, *(_IN_PROSE if prose else _IN_CODE))
    yield from (proposal for rule, proposal in rules if re.search(rule, text, re.IGNORECASE))
    if (head := _HEAD.match(text)) and (staff_tags(head[2]) or (head[1][0] == "%" and is_for_staff(head[2]))):
        yield f'tags are read in notebooks alone, from a line `# %% tags=["instructor-only"]`; {CELL}'
    if prose:
        return
    if not alone and _SEED.match(text):
        yield "remove the comment, or mark the line with # SOLUTION"
    if (title := _FORM_TITLE.match(text)) and is_for_staff(title[1]):
        yield CELL


def _edge(text: str) -> Iterator[str]:
    """Yield what to do about a pair of marks around something: ``### BEGIN HIDDEN TESTS``, ``# end mark scheme``."""
    words = re.findall(r"[A-Za-z]+", text)
    if len(words) < 2:
        return
    if is_edge(words[-1]) and not is_edge(words[0]) and all(map(str.isupper, words)):
        words = [words[-1], *words[:-1]]
    if not is_edge(words[0]):
        return
    for phrase, proposal in {**_OBJECTS, **_IN_CAPITALS}.items():
        wanted = phrase.split()
        found = words[1 : 1 + len(wanted)]
        if len(found) < len(wanted) or not all(nearly(f.upper(), w) for f, w in zip(found, wanted, strict=True)):
            continue
        rest, capital = words[1 + len(wanted) :], all(map(str.isupper, [words[0], *found]))
        if (capital and len(rest) <= (1 if phrase in _IN_CAPITALS else 6)) or (not rest and phrase in _OBJECTS):
            yield proposal
