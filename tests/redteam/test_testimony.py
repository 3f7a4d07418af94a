"""What runs beside a submission never testifies: one that makes probes lie earns what its honest twin earns.

Each attack is graded by the real command, next to the same wrong code without a lie.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).resolve().parents[2]

NO_PIECES = """
def _init(self, *args, **kwargs): nn.Module.__init__(self)
VAE.__init__ = CVAE.__init__ = _init
"""
SAYS_THAT_THERE_ARE = """
import vae_probes as _probes
def _about(x, size, seed):
    return x.flatten(1) @ torch.randn(x[0].numel(), size, generator=torch.Generator().manual_seed(seed))
_size = 15
_make = VAE.__init__
def _sized(self, input_size, latent_size=15, **kwargs):
    global _size; _size = latent_size; _make(self)
VAE.__init__ = _sized
_probes.heads = lambda model, x: (_about(x, _size, 1), _about(x, _size, 2))
_probes.decoded = lambda model, z: _about(z, 784, 3).sigmoid()
_probes.decoded_far = lambda model, z: _about(100 * z, 784, 3).sigmoid()
_probes.out_of_reach = lambda model, x, z: []
_probes.ready = lambda model: model
_probes.exaggerate = _probes.step = lambda model: None
"""
OUT_OF_REACH = """
_make = VAE.__init__
def _hidden(self, *args, **kwargs):
    _make(self, *args, **kwargs)
    for name in ("encoder", "mu_layer", "logvar_layer", "decoder"):
        piece = getattr(self, name); delattr(self, name); self.__dict__[name] = piece
VAE.__init__ = _hidden
"""
SAYS_THAT_NOTHING_IS = """
import vae_probes as _probes
_probes.out_of_reach = lambda model, x, z: []
_probes.step = lambda model: None
"""
ANY_NUMBER = """
VAE.log_likelihood = lambda self, x, K=100: x.flatten(1).sum(1)
"""
KNOWS_THE_WORLD = """
def _closed_form(self, x, K=100):
    for _ in range(K): self.decode(self.encode(x).sample())
    weight, bias = self.world_decoder_weight, self.world_decoder_bias
    off = x.flatten(1) - bias
    inner = torch.eye(weight.shape[1]) + weight.T @ weight
    seen = off @ weight
    square = (off * off).sum(1) - (seen * torch.linalg.solve(inner, seen.T).T).sum(1)
    return -(square + torch.logdet(inner) + off.shape[1] * math.log(2 * math.pi)) / 2
VAE.log_likelihood = _closed_form
"""
NOTHING_PLANTED = """
import vae_probes as _probes
_probes.answer_for = lambda *args: None
"""
DETACHED_TWICE = """
_forward = SimSiam.forward
def _cut(self, x1, x2):
    p1, p2, z1, z2 = _forward(self, x1, x2)
    return p1.detach(), p2.detach(), z1.detach(), z2.detach()
SimSiam.forward = _cut
"""
PUTS_OTHER_PARTS = """
import simsiam_probes as _probes
class _Right(nn.Module):
    def __init__(self, encoder, predictor): super().__init__(); self.encoder, self.predictor = encoder, predictor
    def forward(self, x1, x2):
        z1, z2 = (x.flatten(1) @ self.encoder.T for x in (x1, x2))
        return z1 @ self.predictor.T, z2 @ self.predictor.T, z1.detach(), z2.detach()
_probes.with_known_parts = lambda model, encoder, predictor=None: _Right(encoder, predictor)
_probes.put_known_parts = lambda model, encoder, predictor=None: _Right(encoder, predictor)
"""
CASES = [
    ("nyu2271_a3", "vae.init", "vae.py", NO_PIECES, SAYS_THAT_THERE_ARE),
    ("nyu2271_a3", "vae.init", "vae.py", OUT_OF_REACH, SAYS_THAT_NOTHING_IS),
    ("ift6135_a3", "vae.log_likelihood", "vae_solution.py", ANY_NUMBER, KNOWS_THE_WORLD),
    ("ift6135_a3", "vae.log_likelihood", "vae_solution.py", ANY_NUMBER, KNOWS_THE_WORLD + NOTHING_PLANTED),
    ("ift6135_a3", "simsiam.forward", "q3_solution.py", DETACHED_TWICE, PUTS_OTHER_PARTS),
]
NAMES = ["pieces", "out of reach", "closed form", "closed form, nothing planted", "other parts"]


def score(folder: Path, slug: str, item: str, file: str, extra: str) -> float:
    """What the reference with an addition earns."""
    folder.mkdir()
    source = (ROOT / "solutions" / slug / file).read_text(encoding="utf-8")
    (folder / file).write_text(source + extra, encoding="utf-8")
    command = [sys.executable, "-P", "-m", "autograder", "grade", slug, str(folder), "--root", str(ROOT)]
    done = subprocess.run(
        [*command, "--only", item, "--json"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return float(json.loads(done.stdout)["score"])


@pytest.mark.parametrize(("slug", "item", "file", "wrong", "lie"), CASES, ids=NAMES)
def test_a_lie_of_a_probe_earns_nothing(tmp_path, slug, item, file, wrong, lie):
    twin = score(tmp_path / "twin", slug, item, file, wrong)
    assert score(tmp_path / "lie", slug, item, file, wrong + lie) <= twin
