"""Code may want its inputs in one form or another; what is wrong in all of them is still told."""

from __future__ import annotations

import pytest
import torch

from autograder.checks import SubmissionRaised, as_taken, first_that_fits, in_either_shape

IMAGES = torch.zeros(2, 1, 3, 3)


def raising(kind):
    def ask(*_):
        raise SubmissionRaised(f"raised {kind}", builtin=kind)

    return ask


def flat_only(x):
    return x if x.ndim == 2 else raising("RuntimeError")()


def test_images_are_given_flat_where_code_wants_them_flat():
    assert in_either_shape(lambda x: x.shape, IMAGES) == (2, 1, 3, 3)
    assert in_either_shape(flat_only, IMAGES).shape == (2, 9)
    assert as_taken(lambda x: None, IMAGES).shape == (2, 1, 3, 3) and as_taken(flat_only, IMAGES).shape == (2, 9)


@pytest.mark.parametrize("kind", ["NotImplementedError", "NameError", "TypeError"])
def test_another_error_is_no_matter_of_shape(kind):
    asked = []
    with pytest.raises(SubmissionRaised, match=kind):
        in_either_shape(lambda x: (asked.append(x), raising(kind)()), IMAGES)
    assert len(asked) == 1


def test_the_first_reply_that_fits_is_taken():
    def is_even(reply):
        return reply % 2 == 0

    assert first_that_fits(raising("TypeError"), lambda: 3, lambda: 4, lambda: 6, fits=is_even) == 4
    assert first_that_fits(lambda: 3, raising("TypeError"), lambda: 5, fits=is_even) == 3
    with pytest.raises(SubmissionRaised, match="ValueError"):
        first_that_fits(raising("ValueError"), raising("TypeError"), fits=is_even)
    with pytest.raises(SubmissionRaised, match="NotImplementedError"):
        first_that_fits(raising("NotImplementedError"), lambda: 4, fits=is_even)
