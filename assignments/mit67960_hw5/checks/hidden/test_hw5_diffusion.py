"""Question 8 against its truth in float64."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from mit67960_hw5.checks.public.test_hw5_diffusion import number
from torch.distributions import Independent, Normal, kl_divergence

from autograder.checks import assert_close, given, item, seeds


@item("q8.kl", weight=1)
@given(examples=12, seed=seeds(), d=st.integers(2, 40), alpha_bar=st.sampled_from([0.03, 0.2, 0.45, 0.7, 0.9]))
def test_the_divergence_of_images_of_any_size(hw5, seed, d, alpha_bar):
    """The function agrees with the divergence of the two distributions, for any image, size and alpha_bar."""
    x0 = 2 * torch.randn(d, generator=torch.Generator().manual_seed(seed))
    level = torch.tensor(alpha_bar)
    mean, std = level.double().sqrt() * x0.double(), (1 - level.double()).sqrt().expand(d)
    q, p = Independent(Normal(mean, std), 1), Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 1)
    assert_close(number(hw5.kl_to_standard_normal(x0, level)), kl_divergence(q, p), scale=float(d))
