"""Times of submission as platforms and spreadsheets write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

_ZONE = re.compile(r"\s+(Z|[+-]\d{1,2}(?::?\d{2})?)$", re.IGNORECASE)


def read_time(text: str, zone: tzinfo | None = None) -> datetime | None:
    """Return an ISO 8601 time in UTC, also with blanks before its zone, as Ruby writes them; None where it is not one.

    A time without a zone is taken to be in ``zone``; where that is None it could be any hour, so it is None as well.
    """
    try:
        time = datetime.fromisoformat(_ZONE.sub(r"\1", text.strip()))
        if time.tzinfo is None:
            time = time.replace(tzinfo=zone)
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
