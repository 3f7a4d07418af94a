"""Courtesies to honest code: CUDA names mean the CPU, loaders load here, compilers hand back what they were given."""

from typing import Any

import pytest
import torch

from tests.tiny import TWO, Tiny

CUDA = {
    "to": "torch.ones(3).to('cuda')",
    "to a numbered device": "torch.ones(3).to('cuda:0')",
    "to a device object": "torch.ones(3).to(torch.device('cuda'))",
    "to a keyword": "torch.ones(3).to(device='cuda', dtype=torch.float32)",
    "to a number": "torch.ones(3).to(0)",
    "to with a dtype": "torch.ones(3).double().to('cuda', torch.float32, non_blocking=True)",
    "cuda": "torch.ones(3).cuda()",
    "cuda with a number": "torch.ones(3).cuda(0)",
    "a factory": "torch.ones(3, device='cuda')",
    "a factory with a device object": "torch.ones(3, device=torch.device('cuda', 0))",
    "a factory with a number": "torch.tensor([1.0, 1.0, 1.0], device=0)",
    "like": "torch.ones_like(torch.zeros(3), device='cuda')",
    "new": "torch.zeros(3).new_ones(3, device='cuda')",
    "pinned": "torch.ones(3, pin_memory=True).pin_memory()",
    "a with block": "in_block()",
    "a default device": "by_default()",
    "a module moved": "torch.nn.Linear(3, 3).to('cuda')(torch.ones(3)) * 0 + 1",
    "a module on cuda": "torch.nn.Linear(3, 3).cuda().cuda(0)(torch.ones(3)) * 0 + 1",
    "a module made there": "torch.nn.Linear(3, 3, device='cuda')(torch.ones(3)) * 0 + 1",
    "a generator": "torch.rand(3, generator=torch.Generator(device='cuda').manual_seed(0)) * 0 + 1",
    "a checkpoint": "checkpoint()",
    "autocast": "mixed()",
    "housekeeping": "housekeeping()",
    "moved back": "torch.ones(3).cuda().cpu().to('cpu')",
}
SOURCE = """
import io
import torch

def in_block():
    with torch.device("cuda"):
        return torch.ones(3)

def by_default():
    torch.set_default_device("cuda")
    return torch.ones(3)

def checkpoint():
    file = io.BytesIO()
    torch.save({"w": torch.ones(3)}, file)
    file.seek(0)
    return torch.load(file, map_location="cuda:0", weights_only=True)["w"]

def mixed():
    scaler = torch.amp.GradScaler("cuda")
    w = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.0)
    with torch.autocast("cuda", dtype=torch.float16):
        loss = (w * w).sum()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    return w.detach()

def housekeeping():
    torch.cuda.synchronize()
    torch.cuda.manual_seed(1), torch.cuda.manual_seed_all(1), torch.manual_seed(1)
    torch.cuda.empty_cache()
    torch.cuda.set_device(0)
    torch.cuda.reset_peak_memory_stats()
    assert torch.cuda.is_available() is False and torch.cuda.current_device() == 0
    assert isinstance(torch.Generator(), torch.Generator) and isinstance(torch.default_generator, torch.Generator)
    assert not isinstance(3, torch.Generator)
    return torch.ones(3)

def kept(): return torch.ones(3).to(torch.float64), torch.ones(3, dtype=torch.int64), torch.zeros(3).to(torch.ones(1))
"""
SOURCE += "".join(f"def use_{i}(): return {line}\n" for i, line in enumerate(CUDA.values()))


@pytest.mark.parametrize("number", range(len(CUDA)), ids=CUDA)
def test_a_cuda_device_means_the_cpu(start, number):
    result = getattr(start("worker", SOURCE, devices_on_cpu=True).module("s"), f"use_{number}")()
    assert (result.tolist(), result.remote.device) == ([1.0] * 3, "cpu")


def test_other_arguments_are_left_alone(start):
    doubles, integers, like = start("worker", SOURCE, devices_on_cpu=True).module("s").kept()
    assert [str(t.dtype) for t in (doubles, integers, like)] == ["torch.float64", "torch.int64", "torch.float32"]


def test_without_the_courtesy_a_cuda_device_is_an_error_of_the_submission(start):
    from autograder.checks import SubmissionRaised

    with pytest.raises(SubmissionRaised, match=r"NVIDIA|CUDA"):
        start("worker", SOURCE).module("s").use_0()


LOADERS = [
    "DataLoader(data, 2, True, None, None, 4)",
    "DataLoader(data, 2, True, None, None, 4, None, True, False, 5, init, 'fork', torch.Generator())",
    "DataLoader(data, batch_size=2, num_workers=2, pin_memory=True)",
    "DataLoader(dataset=data, batch_size=2, num_workers=2, persistent_workers=True, prefetch_factor=4)",
    "DataLoader(data, 2, num_workers=1, multiprocessing_context='fork', worker_init_fn=init, timeout=3)",
    "DataLoader(data, batch_sampler=[[0, 1], [2, 3]], num_workers=2)",
    "Mine(data, batch_size=2, num_workers=3)",
    "DataLoader(data, 2, drop_last=True, shuffle=False, generator=torch.Generator().manual_seed(0), num_workers=2)",
]
DATA = """
import torch
from torch.utils.data import DataLoader, TensorDataset
data = TensorDataset(torch.arange(4.0))
def init(number): raise RuntimeError("there are no workers")
class Mine(DataLoader):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
def order(seed):
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(data, 4, True, None, None, 0, None, False, False, 0, None, None, generator)
    return next(iter(loader))[0]
"""
DATA += "".join(
    f"def load_{i}():\n    loader = {line}\n    return sum(float(b[0].sum()) for b in loader), loader.num_workers\n"
    for i, line in enumerate(LOADERS)
)


@pytest.mark.parametrize("number", range(len(LOADERS)), ids=LOADERS)
def test_data_are_loaded_in_the_worker_itself(start, number):
    assert getattr(start("worker", DATA).module("s"), f"load_{number}")() == (6.0, 0)


def test_a_loader_keeps_its_generator(start):
    s = start("worker", DATA).module("s")
    orders = [s.order(seed).tolist() for seed in (1, 1, 2, 3, 4)]
    assert orders[0] == orders[1] and len({tuple(order) for order in orders}) > 1


COMPILED = """
import torch
import torch.multiprocessing as mp

def double(x): return x * 2
@torch.compile
def bare(x): return x * 2
@torch.compile(mode="max-autotune", fullgraph=True)
def with_options(x): return x * 2
class Model(torch.nn.Module):
    def forward(self, x): return x * 2
compiled = torch.compile(Model(), backend="inductor")
keyword = torch.compile(model=Model())
in_place = Model()
in_place.compile(mode="reduce-overhead")
function = torch.compile(double)
def all_of_them(x): return [f(x) for f in (bare, with_options, compiled, keyword, in_place, function)]
def settings():
    torch.set_num_threads(16)
    torch.set_num_interop_threads(4)
    torch.set_num_interop_threads(4)
    torch.backends.cudnn.benchmark = True
    mp.set_start_method("spawn", force=True)
    mp.set_sharing_strategy("file_system")
    return torch.get_num_threads()
def big(): a = torch.ones(600, 600); return float((a @ a).sum())
"""


def test_compiling_hands_back_what_it_was_given(start):
    import torch

    results = start("worker", COMPILED).module("s").all_of_them(torch.ones(3))
    assert [result.tolist() for result in results] == [[2.0] * 3] * 6


OPTIMISED = """
import sys
import torch

def made(name):
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimiser = getattr(torch.optim, name)([{"params": [weight]}], lr=0.1)
    optimiser.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))]})
    optimiser.zero_grad()
    optimiser.load_state_dict(optimiser.state_dict())
    return weight, optimiser

def learned(name):
    weight, optimiser = made(name)
    for _ in range(2):
        optimiser.zero_grad()
        weight.square().sum().backward()
        optimiser.step()
    return weight.detach()
"""


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_optimisers_work_as_ever(start, name):
    s = start("worker", OPTIMISED).module("s")
    here: dict[str, Any] = {}
    exec(OPTIMISED, here)
    assert torch.equal(s.learned(name), here["learned"](name))
    assert (here["learned"](name) < 1).all()


@pytest.mark.thorough
def test_optimisers_are_made_without_the_compiler(tmp_path):
    """By the real command: what these tests themselves have imported, a worker of theirs has as well."""
    tiny = Tiny(tmp_path)
    asked = "made('Adam')\n    assert not [name for name in sys.modules if name.startswith('torch._dynamo')]"
    run = tiny.grade(tiny.hand_in(two=OPTIMISED + TWO.replace("def shift(x):", f"def shift(x):\n    {asked}")))
    assert run.outcomes["two.shift"] == "PASS", run.output("two.shift")


def test_settings_of_threads_and_processes_do_no_harm(start):
    s = start("worker", COMPILED).module("s")
    assert s.settings() == 1
    assert s.big() == 600.0**3


BARS = """
from tqdm.notebook import tqdm, trange
import tqdm.notebook as bars

def count():
    return sum(tqdm(range(4))) + sum(1 for _ in trange(3)) + sum(bars.tqdm([1])) + len(list(tqdm_auto(range(2))))

def tqdm_auto(values):
    from tqdm.autonotebook import tqdm
    return tqdm(values)
"""


def test_bars_of_notebooks_need_no_browser(start):
    assert start("worker", BARS).module("s").count() == 6 + 3 + 1 + 2
