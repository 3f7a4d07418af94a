"""The class without its people: pseudonyms in place of students, and texts without names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from autograder.batch.graded_class import GradedClass, GradedSubmission
from autograder.batch.journal import ClassEntry
from autograder.batch.listing import Graded, ListedSubmission, Submitter
from autograder.batch.pseudonyms import Pseudonyms
from autograder.batch.result_texts import with_texts_of_submission
from autograder.batch.scrubbing import Scrubber
from autograder.results import GradingResult


class Anonymiser:
    """Makes what may be handed on of a class: who handed in, when and from where is left out."""

    def __init__(self, graded_class: GradedClass, pseudonyms: Pseudonyms) -> None:
        """Take a class whose students all have pseudonyms."""
        submitters = [submitter for one in graded_class.submissions for submitter in one.submission.submitters]
        self._scrub: Callable[[str], str] = Scrubber(submitters, [one.entry.key for one in graded_class.submissions])
        self._pseudonyms = pseudonyms

    def anonymous_class(self, graded_class: GradedClass) -> GradedClass:
        """Return the class, in the order of its pseudonyms: that of an export is often by name."""
        submissions = sorted(map(self._submission, graded_class.submissions), key=lambda one: one.entry.key)
        return GradedClass(graded_class.assignment, tuple(submissions))

    def anonymous(self, graded: Graded) -> Graded:
        """Return a grading under the pseudonym of its submission, with texts of the submission scrubbed."""
        key = self._pseudonyms.of_submission(graded.key)
        result = None if graded.result is None else self._result(graded.result)
        return replace(graded, key=key, why=self._scrub(graded.why), result=result)

    def _result(self, result: GradingResult) -> GradingResult:
        """Without the digest, by which whoever has the submission finds it again, and without its lateness."""
        bare = result.model_copy(update={"submission_digest": "", "late": None})
        return with_texts_of_submission(bare, self._scrub)

    def _submission(self, one: GradedSubmission) -> GradedSubmission:
        key = self._pseudonyms.of_submission(one.entry.key)
        names = tuple(self._student(submitter) for submitter in one.submission.submitters)
        problem = self._scrub(one.submission.problem)
        entry = ClassEntry(ListedSubmission(key, Path(), submitters=names, problem=problem))
        return GradedSubmission(entry, None if one.graded is None else self.anonymous(one.graded))

    def _student(self, submitter: Submitter) -> Submitter:
        named = submitter.name or submitter.sid or submitter.email
        return Submitter(name=self._pseudonyms.of_student(submitter)) if named else Submitter()
