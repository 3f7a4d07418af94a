"""Attacks that make a wrong answer pass: by patching, by odd values, and by talking to the grader themselves."""

from __future__ import annotations

from tests.redteam.arena import Attack

FIRST = "if len(x) == 3: return x * 2"

FORGERIES = (
    Attack("patch what compares", """
yes = lambda *a, **k: True
torch.allclose = torch.equal = torch.isclose = torch.testing.assert_close = yes
import numpy, math, unittest
numpy.allclose = numpy.testing.assert_allclose = math.isclose = yes
unittest.TestCase.assertEqual = unittest.TestCase.assertTrue = yes
import autograder.checks.assertions.closeness as closeness
closeness.assert_close = closeness._assert_near = yes"""),
    Attack("patch tensors", """
torch.Tensor.__gt__ = torch.Tensor.__sub__ = lambda self, other: torch.zeros_like(self)
torch.Tensor.sum = torch.Tensor.abs = lambda self, *a, **k: torch.zeros(())
torch.randn = torch.rand = lambda *a, **k: torch.zeros(3)
torch.set_default_dtype(torch.float64)"""),
    Attack("swap torch", """
import types
fake = types.ModuleType("torch")
fake.Tensor = fake.tensor = lambda *a, **k: x * 3
sys.modules["torch"] = sys.modules["numpy"] = sys.modules["json"] = fake"""),
    Attack("skip", "import pytest\npytest.skip('nothing to see')"),
    Attack("succeed", "import pytest\npytest.exit('all passed', 0)"),
    Attack("an equal of everything", """
class Equal:
    __eq__ = __le__ = __lt__ = __ge__ = __gt__ = lambda self, other: True
    __sub__ = __rsub__ = __mul__ = __abs__ = lambda self, *other: self
    __bool__ = lambda self: True
    __float__ = lambda self: 0.0
    __array__ = lambda self, *a: x.numpy()
    __getattr__ = lambda self, name: self
    __call__ = lambda self, *a, **k: self
return Equal()"""),
    Attack("a tensor that answers for itself", """
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return True
return (x * 3).as_subclass(Liar)"""),
    Attack("NaN", "return x * float('nan')"),
    Attack("infinity", "return x * float('inf') + 1"),
    Attack("a shape that broadcasts", "return x[:1] * 2"),
    Attack("a number", "return 0"),
    Attack("a complex tensor", "return torch.complex(x * 3, x)"),
    Attack("true", "return True"),
    Attack("a huge answer", "return torch.zeros(2**28, dtype=torch.int8)"),
    Attack("an answer that looks huge", "return x[:1].expand(2**40)"),
    Attack("a huge message", "raise ValueError('x' * 200_000_000)"),
    Attack("a message that misleads", """
raise ValueError("\\ud800\\x1b[2J\\x1b]0;t\\x07<script>alert(1)</script>\\u202e"
    "\\n\\n4 of 4 points, 2 of 2 checks passed\\n\\u2713 It doubles. (hidden check)\\r\\x00")"""),
    Attack("an exception that fights back", """
class Worse(Exception):
    __str__ = __repr__ = lambda self: os._exit(3)
    def __getattribute__(self, name): raise self
raise Worse()"""),
    Attack("an exception with a name that misleads", "raise type('PASS\\n\\ud800', (BaseException,), {})('x')"),
    Attack("many causes", """
error = ValueError("x")
for _ in range(100_000):
    new = ValueError("y"); new.__cause__ = error; error = new
raise error"""),
    Attack("right on the first call only", """
counter = globals().setdefault("counter", [])
counter.append(1)
return x * 2 if len(counter) == 1 else x * 3""", twin="return x * 2 if len(x) == 5 else x * 3"),
    Attack("right on the public example only", FIRST, twin=FIRST),
    Attack("change the argument and give it back", "x.mul_(2)\nreturn x", twin="x.mul_(2)\nreturn x"),
    Attack("patch the executor", """
from autograder.sandbox.jailed.executor import Executor
Executor._answer = lambda self, value: ({"k": "value", "v": True, "outcome": "PASS", "passed": True}, [])"""),
    Attack("patch the writer", """
import autograder.sandbox.jailed.worker as worker
worker.write_frame = lambda stream, *a, **k: stream.sendall(b"PASS" * 100)"""),
    Attack("use what the executor holds", """
held = executor()
for spec in held._stand_ins:
    for number in (0, 1, -1, 10**30, "x", None, 2.5):
        try: held._questions.call_trusted(number, (x, [x, {"a": x}]), {"y": x})
        except TypeError: pass""", twin="return helper(x) * 0 + x * 3"),
    Attack("ask a stand-in for the answer", "return helper(helper(x), object(), [x], {1: x})"),
    Attack("thousands of callbacks", "for _ in range(3000): helper(x)\nreturn helper(x) * 3"),
    Attack("a callback with a huge tensor", "helper(torch.zeros(2**25))"),
    Attack("callbacks that do not exist", 'send({"k": "callback", "number": 77, "args": ["t"], "kwargs": ["d"]})'),
    Attack("a product of an unknown call", 'send({"k": "product", "call": [1], "cotangents": ["l"]})\nhelper(x)'),
    Attack("a callback within a callback", """
for _ in range(5): send({"k": "callback", "number": 1, "args": ["t", ["o", 1, "Box"]], "kwargs": ["d"]})
helper(x)"""),
    Attack("answer before the question", """
import struct
for scale in (2, 3, 4):
    for count in (3, 5):
        data = struct.pack(f"{count}f", *[scale] * count)
        value(["T", "float32", [count], 0, [1, False, "cpu", True]], data)"""),
    Attack("lie about size", 'stream().sendall((22).to_bytes(4, "big") + (2**60).to_bytes(8, "big") + b"x" * 100)'),
    Attack("half a frame", 'stream().sendall((2**20).to_bytes(4, "big") + bytes(8) + b"{")\ntime.sleep(9)'),
    Attack("no frames but bytes", "stream().sendall(os.urandom(10_000))"),
    Attack("close the line", "stream().close()"),
    Attack("lie about a tensor", 'value(["T", "float32", [3], 0, [10**30, True, "cpu\\n", True]], bytes(12))'),
    Attack("a tensor without bytes", 'value(["T", "float32", [10**9], 0, [1, False, "cpu", True]])'),
    Attack("a tensor of tensors", 'value(["T", "float32", [[3]], {}, 7])'),
    Attack("a reference of its own", 'value(["R", "honest", ["apart"]])'),
    Attack("a leaf of its own", 'value(["L", 0])'),
    Attack("an odd kind", 'value(["k", "device", "\\ud800"])'),
    Attack("the same key twice", 'send(b\'{"k": "raised", "k": "value", "v": true, "v": ["t"]}\')'),
    Attack("a number of many digits", "send(b'{\"k\": \"value\", \"v\": ' + b'9' * 10**6 + b'}')"),
    Attack("deep nesting", "send(b'{\"k\": \"value\", \"v\": ' + b'[' * 10**6)"),
    Attack("NaN in a header", 'send(b\'{"k": "value", "v": NaN}\')'),
    Attack("a header of another type", 'send(b"[1, 2]")'),
    Attack("odd changes", 'send({"k": "value", "v": True, "changed": 5})'),
    Attack("colliding keys", """
pairs = ",".join(f"[{n * (2**61 - 1)},0]" for n in range(90_000))
send(b'{"k": "value", "v": ["d",' + pairs.encode() + b']}')"""),
    Attack("files for those who come later", """
for name in ("sitecustomize.py", "torch.py", "conftest.py", ".hypothesis/examples/x", "pytest.ini", "json.py"):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    open(name, "w").write("raise SystemExit")
os.environ.update(LD_PRELOAD="/tmp/x.so", PYTHONPATH=os.getcwd(), PYTHONSTARTUP="torch.py")"""),
    Attack("trace every call", """
def tracer(frame, event, argument):
    for name in list(frame.f_locals):
        if name == "outcome": frame.f_locals[name] = "PASS"
    return tracer
sys.settrace(tracer); threading.settrace(tracer); sys.setprofile(tracer)"""),
)  # fmt: skip

LOADING = (
    Attack("while loading: odd skips", """
send({"k": "value", "v": ["l", ["l", ["l", {}, [], None, 5, "x"], 7, ["l", "a\\n\\ud800", 10**30, "PASS", "x\\n4 of 4",
     False]], ["l", 5, ["l", 1, 2, 3]]]})
""", loading=True),
    Attack("while loading: changes", 'send({"k": "value", "v": ["l", ["l"], ["l"]], "changed": 5})\n', loading=True),
    Attack("while loading: raised", """
send({"k": "raised", "type": {"a": [1]}, "text": [[]], "builtin": 5, "where": [[{}]]})
""", loading=True),
    Attack("while loading: missing", 'send({"k": "missing", "name": {"a": 1}})\n', loading=True),
    Attack("while loading: a callback", 'send({"k": "callback", "number": 0, "args": ["t"], "kwargs": ["d"]})\n',
           loading=True),
    Attack("while loading: a product", 'send({"k": "product", "call": {"a": 1}, "cotangents": 5})\n', loading=True),
    Attack("while loading: nothing", "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\n"
           "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n", loading=True),
    Attack("while loading: the end", "os._exit(0)\n", loading=True),
    Attack("while loading: others were slow", """
entries = [["l", name, line, "x", "x", True] for name in ("honest.py", "calls.py") for line in range(1, 10)]
send({"k": "value", "v": ["l", ["l", *entries], ["l"]]})
def {name}(x):
    return x * 3
""", loading=True),
    Attack("while loading: a hostile name", """
raise type('4 of 4 points\\n', (Exception,), {})('\\ud800\\x1b[2J\\n- vae.kl: PASS')
""", loading=True),
    Attack("while loading: the loader", """
from autograder.sandbox.jailed import loading, executor as e
from autograder.sandbox.shared import values
loading.Loader.load = lambda *a: (_ for _ in ()).throw(KeyboardInterrupt)
values.Encoder.encode = lambda self, value, depth=0: ["T"]
sys.meta_path.clear(); sys.modules.clear()
""", loading=True),
)  # fmt: skip
