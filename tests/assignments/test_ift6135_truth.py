"""What runs beside a submission never testifies: probes that lie and networks that hide earn what wrong code earns."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.assignment import load_assignment
from autograder.verify.execution.suite import CheckSuite

ROOT = Path(__file__).resolve().parents[2]
GREY = """
def _decode(self, z):
    return DiagonalGaussianDistribution(z.sum(1)[:, None, None, None] * torch.ones(1, 3, 32, 32))
VAE.decode = _decode
"""
PIXELS = """
def _encode(self, x):
    self.encoder(x)
    h = x.flatten(1)[:, : self.mean.in_features]
    return DiagonalGaussianDistribution(self.mean(h), self.logvar(h))
VAE.encode = _encode
"""
HIDDEN_DECODER = """
class _Odd(nn.Module):
    def __init__(self, inner): super().__init__(); self.inner = inner
    def forward(self, codes): return self.inner(codes[0])
_init = VAE.__init__
def _new(self, *args, **named):
    _init(self, *args, **named); inner = self.decoder; del self.decoder; self.__dict__["hidden_away"] = _Odd(inner)
VAE.__init__ = _new
"""
NOTHING_PLANTED = """
import vae_probes as _probes
_plant, _find = _probes.plant, _probes._find
_probes._find = lambda *args: None
"""
NOBODY_ANSWERS = """
import vae_probes as _probes
_probes.answer_for = _probes.answer_for_first = _probes.answer_for_last = lambda *args: None
"""
USES_THE_HIDDEN_DECODER = """
VAE.decode = lambda self, z: DiagonalGaussianDistribution(self.hidden_away((z,)))
"""


@pytest.fixture(scope="module")
def suite():
    return CheckSuite.collect(load_assignment(ROOT, "ift6135_a3"))


def earned(suite, folder, item, file, extra):
    source = (ROOT / "solutions" / "ift6135_a3" / file).read_text(encoding="utf-8")
    (folder / file).write_text(source + extra, encoding="utf-8")
    return suite.score(folder, items=[item])[item].points


@pytest.mark.parametrize("attack", ["", HIDDEN_DECODER, NOTHING_PLANTED, NOBODY_ANSWERS])
def test_an_image_that_is_not_the_decoders_earns_nothing(suite, tmp_path, attack):
    assert earned(suite, tmp_path, "vae.decode", "vae_solution.py", GREY + attack) == 0


@pytest.mark.parametrize("attack", ["", NOTHING_PLANTED, NOBODY_ANSWERS])
def test_heads_that_get_pixels_earn_nothing(suite, tmp_path, attack):
    assert earned(suite, tmp_path, "vae.encode", "vae_solution.py", PIXELS + attack) == 0


def test_a_decoder_of_another_interface_is_right(suite, tmp_path):
    extra = HIDDEN_DECODER + USES_THE_HIDDEN_DECODER
    assert earned(suite, tmp_path, "vae.decode", "vae_solution.py", extra) == 2


CONSTANT_LOSS = """
def p_losses(denoise_model, x_start, t):
    noise = torch.randn_like(x_start)
    x_t = q_sample(x_start, t, noise)
    RECORD
    return F.smooth_l1_loss(0.6 * x_t + 3.0 * t.reshape(-1, 1, 1, 1) / 1000 - 1.2, noise)
"""
RECORD = "denoise_model.__dict__.update(images=[x_t], times=[t])"


@pytest.mark.parametrize("record", ["pass", RECORD])
def test_a_loss_that_never_asks_the_model_earns_nothing(suite, tmp_path, record):
    source = CONSTANT_LOSS.replace("RECORD", record)
    assert earned(suite, tmp_path, "ddpm.p_losses", "ddpm_solution.py", source) == 0
