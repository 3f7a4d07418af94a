from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.course import Course, make_course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return make_course(tmp_path)
