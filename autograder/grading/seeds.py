"""Where all randomness of a grading comes from: never from the submission, so resubmitting re-rolls nothing."""

from __future__ import annotations

import hashlib
import hmac


def check_seed(grading_seed: str, slug: str, version: str, check_id: str) -> int:
    """Return the 63-bit seed of one check: HMAC-SHA256(grading seed, assignment, version, check)."""
    message = "\0".join((slug, version, check_id)).encode()
    digest = hmac.new(grading_seed.encode(), message, hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 1
