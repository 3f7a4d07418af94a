"""Attacks that get hold of other processes, of the machine, or of more of it than is theirs; and that never end."""

from __future__ import annotations

from tests.redteam.arena import Attack
from tests.redteam.attacks_leak import FILES

SECCOMP = ("seccomp",)
LIMITS = ("resource limits", "watch")


def call(name: str, number: int, *arguments: int | str, walls: tuple[str, ...] = SECCOMP) -> Attack:
    """A system call that must be refused; one that complains of its arguments counts as won."""
    given = ", ".join(map(str, arguments))
    body = f"if globals().get('done_{number}'): won()\n"  # a second time it may fail, being done
    body += f"if syscall({number}, {given}) >= 0 or ctypes.get_errno() not in (1, 13, 38):\n"
    body += f"    globals()['done_{number}'] = True\n    won()"
    return Attack(name, body, walls=walls)


POWERS = (
    Attack("fork", "pid = os.fork()\nif pid == 0: os._exit(0)\nwon(pid)", walls=SECCOMP),
    Attack("run a program", 'import subprocess\nwon(subprocess.run(["/bin/true"]))', walls=("seccomp", "landlock")),
    Attack("start processes of multiprocessing", """
import multiprocessing
multiprocessing.get_context("fork").Process(target=print).start()
won()""", walls=SECCOMP),
    Attack("sockets of every family", """
import socket
for family in range(1, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        try: won(socket.socket(family, kind, 0))
        except OSError: pass""", walls=SECCOMP),
    Attack("a pair of sockets that can be sent elsewhere", """
import socket
won(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))""", walls=SECCOMP),
    Attack("signal its parent", "os.kill(os.getppid(), 0)\nwon()", walls=("seccomp", "private user", "landlock")),
    Attack("signal everybody", "os.kill(-1, 0)\nwon()", walls=("seccomp", "private user")),
    Attack("signal a group", "os.killpg(os.getpgid(os.getppid()), 0)\nwon()",
           walls=("seccomp", "private user", "landlock")),
    Attack("let the kernel signal its parent", """
import fcntl
reader, writer = os.pipe()
fcntl.fcntl(reader, fcntl.F_SETOWN, os.getppid())
won()""", walls=SECCOMP),
    Attack("make its parent wait", """
os.setpriority(os.PRIO_PROCESS, os.getppid(), os.getpriority(os.PRIO_PROCESS, os.getppid()))
won()""",
           walls=("seccomp", "private user")),
    Attack("move its parent to one processor", """
parent, before = os.getppid(), os.sched_getaffinity(os.getppid())
os.sched_setaffinity(parent, sorted(before)[:1])
moved = os.sched_getaffinity(parent) != before
os.sched_setaffinity(parent, before)
if moved: won()""",
           walls=("seccomp", "private user")),
    Attack("limit its parent", """
import resource
limits = resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)
resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, limits)
won()""",
           walls=("seccomp", "private user")),
    Attack("raise its own limits", """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
won()""", walls=("resource limits",)),
    Attack("become root", """
if os.getuid() == 0: os.setuid(12345)
elif os.getuid() != 12345: os.setuid(0)
won(os.getuid())""", walls=("seccomp", "private user"), needs="root"),
    call("trace its parent", 101, 0x4206, "os.getppid()", 0, 0, walls=("seccomp", "private user", "landlock")),
    call("read memory of its parent", 310, "os.getppid()", 0, 0, 0, 0, 0),
    call("enter a new user namespace", 272, 0x10000000, walls=()),  # many kernels refuse it by themselves
    call("change its root", 161, 0),
    call("mount", 165, 0, 0, 0, 0, 0),
    call("use io_uring", 425, 1, 0),
    call("make a file in memory", 319, 0, 0),
    call("load a program into the kernel", 321, 0, 0, 0),
    call("handle page faults", 323, 0, walls=("seccomp", "private user")),
    call("share memory by number", 29, 1234, 4096, 0o666),
    call("send a message by number", 68, 1234, 0o666),
    call("keep a key", 248, 0, 0, 0, 0, 0),
    call("hold its parent", 434, "os.getppid()", 0),
    call("clone with flags in memory", 435, 0, 0),
    Attack("clone without a thread", """
pid = syscall(56, 0x11 | 0x80000000, 0, 0, 0, 0)
if pid == 0: os._exit(0)
if pid > 0: won()""", walls=SECCOMP),
    Attack("write outside", """
for place in ("/tmp/", "/dev/shm/", "/var/tmp/", sys.prefix + "/"):
    try: open(place + MARK, "w").write("x")
    except OSError: continue
    os.unlink(place + MARK)
    won(place)""", walls=("landlock", "mount namespace")),
    Attack("change the copy of its hand-in", "open(__file__, 'a').write('\\n')\nwon()",
           walls=FILES),
    Attack("close the copy of its hand-in", """
try: os.chmod(os.path.dirname(__file__), 0)
except OSError: pass
try: os.chmod(__file__, 0)
except OSError: pass"""),
    Attack("close the results", "os.chmod(OUT, 0)"),
    Attack("leave a note in a file's times", """
before = os.stat(__file__).st_mtime
os.utime(__file__, (12345, 12345))
if os.stat(__file__).st_mtime != before: won()"""),
    Attack("leave a note in a file's attributes", "os.setxattr(__file__, 'user.note', b'x')\nwon()"),
    Attack("plant a pth", """
import site
for folder in site.getsitepackages():
    path = folder + "/" + MARK + ".pth"
    try: open(path, "w").write("#")
    except OSError: continue
    os.unlink(path)
    won()""", walls=FILES),
    Attack("replace the results", """
open(OUT + "/results.json", "w").write('{"score": 1000}')
won()""", walls=FILES),
    Attack("a thread that replaces the results", """
def again():
    while True:
        try: open(OUT + "/results.json", "w").write('{"score": 1000}')
        except OSError: time.sleep(0.01)
threading.Thread(target=again, daemon=True).start()"""),
    Attack("replace the results at the end", """
import atexit
atexit.register(lambda: open(OUT + "/results.json", "w").write('{"score": 1000}'))
os._exit(0)"""),
    Attack("take memory", "held = []\nfor _ in range(800): held.append(bytearray(b'x' * 2**20))\nwon()", walls=LIMITS),
    Attack("take shared memory", """
import mmap
block = mmap.mmap(-1, 2**31)
for at in range(0, 800 * 2**20, 4096): block[at] = 1
won()""", walls=("watch",)),
    Attack("take threads", """
threading.stack_size(65536)
for _ in range(2000): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
won()""", walls=LIMITS),
    Attack("take all numbers of processes", "while True: os.fork()"),
    Attack("take the disk", """
for number in range(4):
    with open(f"f{number}", "wb") as file: file.truncate(0); file.write(bytes(200 * 2**20))
won()""", walls=LIMITS, slow=True),
    Attack("a hundred thousand files", "for n in range(100_000): open(f'f{n}', 'w').close()\nwon()", walls=("watch",)),
    Attack("folders as deep as they go", """
for _ in range(1500):
    os.mkdir("d"); os.chdir("d")
os.chmod(".", 0)"""),
    Attack("FIFOs and links in its folder", """
os.mkfifo("fifo"); os.symlink("/", "link"); os.symlink("link2", "link2"); os.mkdir("closed", 0)
open("name\\udcff\\n", "w")"""),
    Attack("flood the output", "block = 'x' * 2**20\nfor _ in range(500): print(block); sys.stderr.write(block)"),
    Attack("an endless loop that hears no signal", """
import signal
for number in range(1, 32):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass"""),
    Attack("cancel the alarm and stop the clock", """
import signal
signal.setitimer(signal.ITIMER_REAL, 0)
time.monotonic = time.time = time.perf_counter = lambda: 0.0
while True: pass"""),
    Attack("sleep in the kernel", "time.sleep(1000)", slow=True),
    Attack("a lock that is never free", "lock = threading.Lock()\nlock.acquire()\nlock.acquire()", slow=True),
    Attack("exit", "sys.exit(0)"),
    Attack("exit at once", "os._exit(0)"),
    Attack("abort", "os.abort()"),
    Attack("a bad pointer", "ctypes.string_at(0)"),
    Attack("a stack that overflows", "sys.setrecursionlimit(10**9)\nf = lambda: f()\nf()", slow=True),
    Attack("kill itself", "os.kill(os.getpid(), 9)"),
    Attack("a pattern that never ends", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')", slow=True),
)  # fmt: skip
