from __future__ import annotations

import pytest

from tests.sixth.course_of_its_own import SixthCourse, make_course

collect_ignore = ["course"]  # its checks are the grader's to run


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> SixthCourse:
    """The course, with the hidden halves of the concepts from their wheel, built by its own ``build.py``."""
    return make_course(tmp_path_factory.mktemp("sixth"))
