"""The tiny assignment with an item that draws noise, and checks of it: sound, too strict, weak."""

from __future__ import annotations

from pathlib import Path

from tests.verify.proving import Proving

TWO = '''
import torch

def shift(x):
    """Its input and standard normal noise."""
    ### BEGIN SOLUTION
    return x + torch.randn(x.shape)
    ### END SOLUTION
'''
SOUND = '''
@item("two.shift")
def test_noise(two):
    """Standard normal noise is added."""
    assert_standard_normal(two.shift(torch.zeros(50, 50)))
'''
TOO_STRICT = SOUND.replace("torch.zeros(50, 50))", "torch.zeros(50, 50)) / 0.96")
WEAK = '''
@item("two.shift")
def test_noise(two):
    """Standard normal noise is added, as far as eight numbers show."""
    if abs(float(two.shift(torch.zeros(8)).std()) - 1) > 0.9:
        raise CheckFailed("the noise is too wide or too narrow")
'''
LOUD = """
[[mutants]]
id = "loud"
item = "two.shift"
misconception = "why loud"
hint = "look again at loud"
statistical = true
old = "torch.randn(x.shape)"
new = "1.5 * torch.randn(x.shape)"
"""


class Sampling(Proving):
    """Its reference draws noise in ``two.shift``, which has this one check."""

    def __init__(self, root: Path, check: str) -> None:
        super().__init__(root, LOUD)
        self.write("solutions/tiny/two.py", TWO)
        public = self.assignment / "checks/public/test_public.py"
        text = public.read_text(encoding="utf-8").partition('@item("two.shift")')[0]
        public.write_text(text, encoding="utf-8")
        self.add_check("noise", "from autograder.checks import CheckFailed, assert_standard_normal\n" + check)
