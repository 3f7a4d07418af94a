"""The vocabulary for authors of checks."""

from autograder.checks.declaring import given, item
from autograder.checks.failure import CheckFailed
from autograder.sandbox.remote import Remote, exists, fetch, gradients, info, is_remote, substitute
from autograder.sandbox.stand_ins import Callback, Canned, StandIns

__all__ = [
    "Callback",
    "Canned",
    "CheckFailed",
    "Remote",
    "StandIns",
    "exists",
    "fetch",
    "given",
    "gradients",
    "info",
    "is_remote",
    "item",
    "substitute",
]
