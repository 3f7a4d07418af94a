"""Building releases: everything is made and checked in memory first, so a mistake anywhere publishes nothing."""

from __future__ import annotations

import gc
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from autograder.assignment import NOTEBOOK, Assignment, load_assignment, slugs
from autograder.errors import UserError
from autograder.proofs import HIDDEN_HALVES
from autograder.references import reference_name
from autograder.release.confidential import Collector, Secrets
from autograder.release.declared import refuse_wrong_checks
from autograder.release.files import Tree, read_tree
from autograder.release.leakcheck import LeakFound, find_leaks
from autograder.release.packing import build_wheel
from autograder.release.public_texts import Page, read_pages
from autograder.release.readme import PAGE
from autograder.release.template import Template, copied, is_copy, make_template
from autograder.release.zips import PlatformFiles, gradescope_zip, student_files, student_zip
from autograder.texts import decode

TEMPLATES = "student_templates"
IGNORED, ABOUT = ".gitignore", "README.md"
_ABOUT = (
    "# What students get\n\n"
    "One folder for each assignment, ready to be used, made by `python build.py` from `assignments/` and `solutions/`: "
    "edit those, and build.\n\n"
    "Handouts, public checks and provided files are copies of files in `assignments/`. Git ignores them here "
    "(`.gitignore` lists them); in a fresh clone, a build puts them in place. Commit what else a build changes. "
    "`python build.py --check` compares both kinds.\n"
)
# Commands of build.py, which a slug must leave alone.
RESERVED = frozenset({"build", "release", "verify"})


@dataclass(frozen=True)
class Release:
    """One assignment, built and free of leaks; ``secrets`` and ``pages`` say how much the leak check compared."""

    assignment: Assignment
    template: Tree
    student_zip: bytes
    gradescope_zip: bytes
    blanks: int
    secrets: int
    pages: int

    @property
    def archives(self) -> Tree:
        """The zips by file name."""
        slug = self.assignment.slug
        return {f"{slug}_student.zip": self.student_zip, f"{slug}_gradescope.zip": self.gradescope_zip}


def build(
    root: Path,
    chosen: Sequence[str] = (),
    *,
    out: Path,
    platform_files: PlatformFiles,
    templates: Path | None = None,
) -> list[Release]:
    """Build the chosen assignments (all without a choice): zips into ``out``, folders into ``templates``.

    ``templates`` is ``root/student_templates`` unless given; there, copies are kept from Git. Raises `UserError` for
    what the instructor has to fix and `LeakFound` for a leak; then nothing was written.
    """
    assignments = _chosen(root, chosen)
    with _without_collecting():
        wheel = build_wheel(root)
        engine = read_pages({wheel[0]: wheel[1]})
        releases = [assemble(root, assignment, wheel, engine, platform_files) for assignment in assignments]
    _publish(releases, out, templates or root / TEMPLATES)
    if templates is None:
        for name, data in _about_templates(root).items():
            _replace_file(root / TEMPLATES / name, data)
    return releases


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Keep the garbage collector from walking hundreds of syntax trees again and again: they hold no garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _about_templates(root: Path) -> Tree:
    """Return what stands next to the templates: a list of the copies, for Git, and what to know of them."""
    ignored = [f"/{slug}/{_literal(name)}" for slug in slugs(root) for name in copied(load_assignment(root, slug))]
    return {IGNORED: "".join(f"{line}\n" for line in ignored).encode(), ABOUT: _ABOUT.encode()}


def _literal(name: str) -> str:
    """Return a name as a pattern of Git's that means this name alone."""
    return re.sub(r"([][*?\\ ])", r"\\\1", name)


def stale_files(root: Path, chosen: Sequence[str] = ()) -> list[str]:
    """Return what a build would change in the templates, one line a file; nothing is written.

    Where none of an assignment's copies is there (in a fresh clone), none is missing.
    """
    templates = root / TEMPLATES
    lines: list[str] = []
    for assignment in _chosen(root, chosen):
        there = read_tree(templates / assignment.slug)
        fresh = make_template(assignment).files
        copies = {name for name in fresh if is_copy(assignment, name)}
        if not copies & there.keys():
            fresh = {name: data for name, data in fresh.items() if name not in copies}
        for name in sorted(there.keys() | fresh.keys()):
            if there.get(name) != fresh.get(name):
                what = "missing" if name not in there else "not in the template" if name not in fresh else "out of date"
                lines.append(f"{templates.name}/{assignment.slug}/{name}: {what}")
    if not chosen and templates.is_dir():
        orphans = sorted({path.name for path in templates.iterdir() if path.is_dir()} - set(slugs(root)))
        lines += [f"{templates.name}/{name}: there is no such assignment; remove it" for name in orphans]
    for name, data in _about_templates(root).items():
        path = templates / name
        if not path.is_file() or path.read_bytes() != data:
            lines.append(f"{templates.name}/{name}: {'out of date' if path.is_file() else 'missing'}")
    return lines


def assemble(
    root: Path, assignment: Assignment, wheel: tuple[str, bytes], engine: list[Page], platform_files: PlatformFiles
) -> Release:
    """Make one release in memory; raises `UserError` or `LeakFound`. ``engine`` holds the pages of the wheel."""
    refuse_wrong_checks(assignment)
    template = make_template(assignment)
    handed_out = student_files(assignment, template.files, wheel)
    secrets = collect_secrets(root, assignment, template)
    # The wheel is the same in every zip, so its pages are read once and not again from each.
    pages = [*read_pages({name: data for name, data in handed_out.items() if name not in (wheel[0], PAGE)}), *engine]
    drawn = read_pages({PAGE: handed_out[PAGE]})  # from the handout: what is wrong there is said once
    if leaks := find_leaks(pages, secrets) or find_leaks(drawn, secrets):
        raise LeakFound(f"{assignment.slug}_student.zip", leaks)
    bundle = gradescope_zip(root, assignment, wheel, platform_files(assignment, wheel[0]))
    zipped = student_zip(assignment, handed_out)
    return Release(assignment, template.files, zipped, bundle, template.blanks, len(secrets), len(pages))


PROOFS_PUBLIC = "/proof/checks/public/"
"""What the assignment of a concept's proof would hand out, too: any course may have such probes and networks."""


def collect_secrets(root: Path, assignment: Assignment, template: Template) -> Secrets:
    """Return all that students of one assignment must not get."""
    collector = Collector(template.given)
    collector.add_removed(template.removed)
    reference = f"solutions/{assignment.slug}/"
    solutions = read_tree(root / reference, prefix=reference)
    checks = read_tree(assignment.hidden_checks, prefix=f"assignments/{assignment.slug}/checks/hidden/")
    proofs = read_tree(root / HIDDEN_HALVES, prefix=f"{HIDDEN_HALVES}/")
    checks |= {name: data for name, data in proofs.items() if PROOFS_PUBLIC not in name}
    variants = read_tree(assignment.folder / "alternatives", prefix=f"assignments/{assignment.slug}/alternatives/")
    handed_out = set(template.files.values())
    collector.add_files({name: data for name, data in solutions.items() if data not in handed_out})
    collector.add_files(checks | variants)
    for name, data in checks.items():
        if name.endswith(".py"):
            collector.add_checks(name, decode(data, name))
    stripped = {reference + name for name in template.files}
    stripped |= {reference + reference_name(assignment, name) for name in template.files if name.endswith(NOTEBOOK)}
    for name, data in (variants | solutions).items():
        if name not in stripped:
            _add_private_file(collector, name, data)
    mutants = assignment.folder / "mutants.toml"
    if mutants.is_file():
        collector.add_mutants(f"assignments/{assignment.slug}/mutants.toml", decode(mutants.read_bytes(), str(mutants)))
    return collector.secrets


def _add_private_file(collector: Collector, name: str, data: bytes) -> None:
    if name.endswith(".py"):
        collector.add_solution(name, decode(data, name))
    elif name.endswith(".md"):
        collector.add_answer_key(name, decode(data, name))
    elif PurePosixPath(name).name == "grading.toml":
        collector.add_settings(name, decode(data, name))


def _chosen(root: Path, chosen: Sequence[str]) -> list[Assignment]:
    known = slugs(root)
    if not known:
        raise UserError(f"{root / 'assignments'}: no assignments here (folders with an assignment.toml)")
    if taken := sorted(RESERVED.intersection(known)):
        raise UserError(f"assignments/{taken[0]}: {taken[0]!r} is a command of build.py; rename the folder")
    return [load_assignment(root, slug) for slug in dict.fromkeys(chosen or known)]


def _publish(releases: Iterable[Release], out: Path, templates: Path) -> None:
    for release in releases:
        _replace_folder(templates / release.assignment.slug, release.template)
        for name, data in release.archives.items():
            _replace_file(out / name, data)


def _replace_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.new")
    waiting.write_bytes(data)
    waiting.replace(path)


def _replace_folder(folder: Path, tree: Tree) -> None:
    """Put the files in place of the folder; the old one goes when the new one is complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        fresh, old = Path(beside, "new"), Path(beside, "old")
        for name, data in tree.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            shutil.move(folder, old)
        shutil.move(fresh, folder)
