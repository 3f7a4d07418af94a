"""Question 4 against closed forms in float64, with other sizes, and with gradients."""

from __future__ import annotations
