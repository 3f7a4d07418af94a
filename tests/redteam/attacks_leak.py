"""Attacks that read what is secret, and that carry a hidden check's input out."""

from __future__ import annotations

from tests.redteam.arena import Attack

FILES = ("landlock", "mount namespace", "private user")
HIDDEN_ONLY = "if len(x) == 5: "

LEAKS = (
    Attack("read the reference", 'show(open(ROOT + "/solutions/arena/calls.py").read())', walls=FILES),
    Attack("read a hidden check", 'show(open(ROOT + "/assignments/arena/checks/hidden/test_hidden.py").read())',
           walls=FILES),
    Attack("read the grading seed", 'show(open(ROOT + "/solutions/arena/grading.toml").read())', walls=FILES),
    Attack("read the results folder", 'show(open(OUT + "/notes.txt").read())', walls=FILES),
    Attack("read another submission", 'show(open(OTHER + "/calls.py").read())', walls=FILES),
    Attack("read through proc self root", 'show(open("/proc/self/root" + ROOT + "/solutions/arena/calls.py").read())',
           walls=FILES),
    Attack("read through a symlink in its folder", """
if not os.path.lexists("there"): os.symlink(ROOT + "/solutions/arena", "there")
show(open("there/calls.py").read())""", walls=FILES),
    Attack("read through a hard link in its folder", """
if not os.path.lexists("there.py"): os.link(ROOT + "/solutions/arena/calls.py", "there.py")
show(open("there.py").read())""", walls=FILES),
    Attack("import the hidden checks", """
sys.path.insert(0, ROOT + "/assignments/arena/checks/hidden")
import test_hidden
show(test_hidden.SECRET)""", walls=FILES),
    Attack("import the reference", """
sys.path.insert(0, ROOT + "/solutions/arena")
sys.modules.pop("honest", None)
import honest
show(honest.SECRET)""", walls=FILES),
    Attack("read its own environment", 'show(open("/proc/self/environ").read() + str(os.environ))'),
    Attack("read the environment of its parents", """
won(open(f"/proc/{os.getppid()}/environ").read()[:50])""", walls=FILES),
    Attack("read the command line of its parent", 'won(open(f"/proc/{os.getppid()}/cmdline").read()[:50])',
           walls=("landlock",)),
    Attack("read the memory of its parent", 'won(open(f"/proc/{os.getppid()}/mem", "rb"))', walls=FILES),
    Attack("list the descriptors of its parent", 'won(os.listdir(f"/proc/{os.getppid()}/fd"))', walls=FILES),
    Attack("read the passwords", 'won(open("/etc/shadow").read()[:20])', walls=FILES, needs="root"),
    Attack("search its own memory", """
import re
needle, found = re.compile("-YRANAC"[::-1].encode() + b"[A-Z]{3}"), []
for line in open("/proc/self/maps").read().splitlines():
    span, mode, *rest = line.split()
    low, high = (int(end, 16) for end in span.split("-"))
    if mode.startswith("rw") and rest[3:] in ([], ["[heap]"]) and high - low < 2**27:
        data = ctypes.string_at(low, high - low)
        found += [data[match.start():match.end() + 8] for match in needle.finditer(data)][:3]
if found:
    show(found)""", walls=("order",)),
    Attack("search its objects", """
gc.unfreeze()
for thing in gc.get_objects():
    if type(thing) in (dict, list, tuple):
        for entry in list(thing.values()) if type(thing) is dict else thing:
            if type(entry) is str and "-YRANAC"[::-1] in entry:
                show(entry[:100])""", walls=("order",)),
    Attack("walk up the frames", """
frame = sys._getframe()
while frame is not None:
    for name, thing in list(frame.f_locals.items()):
        if name in ("expected", "truth", "X", "SECRET"):
            won(thing)
    frame = frame.f_back"""),
    Attack("a hidden input in a message", HIDDEN_ONLY + "show(x.tolist())", walls=("fixed sentences",)),
    Attack("a hidden input in the name of an exception",
           HIDDEN_ONLY + 'raise type("E%d" % x[0], (ValueError,), {})()', walls=("fixed sentences",)),
    Attack("a hidden input as a group of exceptions", HIDDEN_ONLY + "raise ExceptionGroup(str(x), [ValueError(x)])",
           walls=("fixed sentences",)),
    Attack("a hidden input in the name of a type", HIDDEN_ONLY + 'return type("H%d" % x[0], (), {})()',
           walls=("fixed sentences",)),
    Attack("a hidden input as the answer", HIDDEN_ONLY + "return {str(x.tolist()): x}"),
    Attack("a hidden input on every stream", HIDDEN_ONLY + """
    print(x.tolist(), flush=True)
    print(x.tolist(), file=sys.stderr, flush=True)
    for number in range(20):
        try: os.write(number, str(x.tolist()).encode())
        except OSError: pass"""),
    Attack("a hidden input in a forged answer", HIDDEN_ONLY + """
    text = str(x.tolist())
    send({"k": "raised", "type": text, "text": text, "builtin": text, "where": [[text, text, text, text]]})""",
           walls=("fixed sentences",)),
    Attack("a hidden input as a missing name", HIDDEN_ONLY + 'send({"k": "missing", "name": str(x.tolist())})',
           walls=("fixed sentences",)),
    Attack("a hidden input as a status", HIDDEN_ONLY + "os._exit(int(x[0]) % 256)"),
    Attack("a stand-in's table in a message", HIDDEN_ONLY + "show(TABLE.tolist())", walls=("fixed sentences",)),
    Attack("1 leave a note for others", HIDDEN_ONLY + """
    text = str(x.tolist())
    for place in ("/tmp/", "/dev/shm/", "/var/tmp/", OUT + "/"):
        try: open(place + MARK, "w").write(text)
        except OSError: pass
    for action in (lambda: os.utime(__file__, (31337, 31337)), lambda: os.symlink(text, "/tmp/" + MARK + "-link"),
                   lambda: os.setxattr(__file__, "user.note", text.encode())):
        try: action()
        except OSError: pass"""),
    Attack("2 find a note of others", """
found = [os.stat(__file__).st_mtime]
for action in (lambda: open("/tmp/" + MARK).read(), lambda: open("/dev/shm/" + MARK).read(),
               lambda: os.getxattr(__file__, "user.note"), lambda: os.readlink("/tmp/" + MARK + "-link")):
    try: found.append(action())
    except OSError: pass
show(found)"""),
    Attack("read another worker's folder", """
own = os.getcwd()
others = [name for name in os.listdir(os.path.dirname(own)) if name not in os.path.basename(own)]
won(others)""", walls=FILES),
    Attack("guess another worker's folder", """
stem, _, number = os.getcwd().rpartition("-")
won(os.listdir(f"{stem}-{int(number) + 1}"))""", walls=FILES),
    Attack("load its findings into a notice", """
try: text = open(ROOT + '/solutions/arena/calls.py').read()
except OSError: text = ''
raise RuntimeError(text)
""", loading=True, walls=FILES),
)  # fmt: skip
