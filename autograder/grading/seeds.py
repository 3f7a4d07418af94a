"""Seeds of all randomness of a grading: never from the submission, so resubmitting re-rolls nothing."""

from __future__ import annotations

import hashlib
import hmac


def check_seed(grading_seed: str, slug: str, version: str, check_id: str) -> int:
    """Return the 63-bit seed of one check: HMAC-SHA256(grading seed, assignment, version, check)."""
    return _seed(grading_seed, slug, version, check_id)


def secret_seed(grading_seed: str, slug: str, version: str, check_id: str) -> int:
    """Return the 63-bit seed of what one check keeps secret; it does not follow from `check_seed`, which is sent."""
    return _seed(grading_seed, slug, version, check_id, "secret")


def _seed(grading_seed: str, *parts: str) -> int:
    message = "\0".join(parts).encode()
    digest = hmac.new(grading_seed.encode(), message, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 1
