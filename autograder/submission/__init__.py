"""Submissions: safe unpacking, file matching, cleaned sources, static rules. Nothing of them is ever run here."""

from autograder.submission.intake import read_submission
from autograder.submission.model import Submission, SubmittedFile
from autograder.submission.writing import write_copy

__all__ = ["Submission", "SubmittedFile", "read_submission", "write_copy"]
