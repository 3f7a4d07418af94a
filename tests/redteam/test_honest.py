"""Honest code of every habit keeps full marks behind the same walls, in every situation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.redteam.arena import RIGHT, Attack, Outcome
from tests.redteam.test_attacks import run

pytestmark = pytest.mark.thorough

HABITS = {
    "prints": "print(x, flush=True)\nsys.stderr.write('x' * 10_000)\nos.write(1, b'x')",
    "warnings": "import warnings\nwarnings.warn('old')\nwarnings.simplefilter('ignore')",
    "logging": "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.error('x')",
    "tqdm": "from tqdm.auto import tqdm, trange\nfor _ in tqdm(range(3), desc='epoch'): pass",
    "threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: list(pool.map(abs, range(100)))
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()""",
    "threads of torch": "torch.set_num_threads(2)\ntorch.randn(300, 300) @ torch.randn(300, 300)",
    "a loader with workers": """
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.arange(8.0))
options = dict(num_workers=2, persistent_workers=True, prefetch_factor=4, pin_memory=False)
loaders = [DataLoader(data, batch_size=2, **options),
           DataLoader(data, 2, True, None, None, 2),
           DataLoader(dataset=data, batch_size=4, shuffle=True, num_workers=1)]
for loader in loaders: assert sum(len(batch) for batch, in loader) == 8""",
    "compile": """
@torch.compile(mode='reduce-overhead')
def f(y): return y + 1
assert torch.compile(torch.nn.Linear(len(x), 1))(x).shape == (1,) and f(x).shape == x.shape""",
    "figures": """
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
plt.figure(); plt.plot([1, 2]); plt.savefig("figure.png"); plt.show(); plt.close("all")""",
    "files": """
os.makedirs("runs/a/b", exist_ok=True)
with open("runs/a/b/log.txt", "a") as file: file.write("x")
torch.save({"x": x}, "runs/model.pt"); torch.load("runs/model.pt")
import shutil, tempfile, pickle, csv
shutil.copy("runs/model.pt", "copy.pt"); shutil.copytree("runs", "copies", dirs_exist_ok=True); shutil.rmtree("copies")
with tempfile.TemporaryDirectory() as folder: open(folder + "/x", "w").close()
with tempfile.NamedTemporaryFile() as file: file.write(b"x")
pickle.dump([1], open("x.pkl", "wb"))
os.chmod("copy.pt", 0o600); os.utime("copy.pt"); os.rename("copy.pt", "moved.pt"); os.remove("moved.pt")""",
    "broad excepts": "try: raise KeyboardInterrupt\nexcept: pass\ntry: 1 / 0\nexcept Exception: pass",
    "big tensors": "big = torch.zeros(50 * 2**20 // 4)\nbig += 1\ndel big",
    "much memory for a while": "held = torch.ones(300 * 2**20 // 4)\nheld.sum()",
    "seeds": """
import random, numpy
random.seed(0); numpy.random.seed(0); torch.manual_seed(0); torch.cuda.manual_seed_all(0)
torch.use_deterministic_algorithms(True); torch.backends.cudnn.benchmark = False""",
    "multiprocessing": "import multiprocessing as mp\nmp.set_start_method('fork', force=True)\nmp.cpu_count()",
    "a guarded subprocess": """
import subprocess
try: subprocess.run(["nvidia-smi"], check=True)
except Exception: pass
try: os.fork()
except OSError: pass""",
    "a guarded download": """
import urllib.request
try: urllib.request.urlopen("http://example.org", timeout=1)
except Exception: pass""",
    "devices": """
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
x = x.to(device)
os.environ["CUDA_VISIBLE_DEVICES"] = "0"; os.environ.setdefault("OMP_NUM_THREADS", "4")""",
    "deep recursion": "sys.setrecursionlimit(5000)\ndef down(n): return n and down(n - 1)\ndown(900)",
    "signals": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nsignal.alarm(0)",
    "no gradients": "torch.set_grad_enabled(False)\nwith torch.inference_mode(): x.sum()",
    "asyncio": "import asyncio\nasync def f(): await asyncio.sleep(0)\nasyncio.run(f())",
    "an optimiser": """
layer = torch.nn.Linear(len(x), 1); optimiser = torch.optim.Adam(layer.parameters())
layer(x).sum().backward(); optimiser.step()""",
    "types that it defines": "class T(torch.nn.Module):\n    def forward(self, y): return y * 2\nreturn T()(x)",
    "a wide view": "return torch.stack([x, x]).sum(0)",
    "doubles": "return x.double() * 2",
    "the system": "import platform\nplatform.platform(); os.cpu_count(); os.getlogin if hasattr(os, 'getlogin') else 0",
    "clocks": "time.sleep(0.01); time.perf_counter(); import datetime\ndatetime.datetime.now()",
    "pretrained layers": "import torchvision\ntorchvision.models.resnet18(weights=None)",
}
LOADING = """
print("loading")
import logging, os, random, warnings
import torch
import a_package_that_nobody_has
from a_package_that_nobody_has.parts import Part
torch.manual_seed(0)
os.makedirs("checkpoints", exist_ok=True)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
1 / 0
def {name}(x):
    return x * 2
if __name__ == "__main__":
    raise SystemExit
"""
HONEST = (
    *(Attack(f"honest {name}", f"{body.strip()}\n{RIGHT}") for name, body in HABITS.items()),
    Attack("honest while loading", LOADING, loading=True),
)


@pytest.fixture(
    scope="module",
    params=["root", pytest.param("container", marks=pytest.mark.slow), pytest.param("user", marks=pytest.mark.slow)],
)
def outcome(request: pytest.FixtureRequest) -> Iterator[Outcome]:
    yield from run(request.param, HONEST, call_seconds=10)


@pytest.mark.parametrize("twin", HONEST, ids=lambda twin: twin.name)
def test_honest_code_keeps_full_marks(outcome: Outcome, twin: Attack) -> None:
    assert outcome.scores[twin.id] == 4.0, outcome.told(twin.id)


def test_honest_runs_end_well(outcome: Outcome) -> None:
    assert (outcome.status, outcome.problems) == (0, []), outcome.stderr
    assert (outcome.left_running, outcome.left_lying) == ([], [])
