"""Whether a hidden file exists, and how large it is: every way of asking gets the same answer for every name.

A submission knows the path of every file of the course, of its results and of other submissions, and asks for each of
them and for a name beside each that does not exist. It must find what is public first: a blind search proves nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autograder.sandbox.trusted.cleanup import remove_tree
from autograder.sandbox.trusted.jail import interpreter_is_readable_by_others
from tests.redteam.test_attacks import ORDINARY_USER
from tests.tiny import ONE, Tiny

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the walls are Linux's"),
]

QUESTIONS = """
import ctypes, errno, os
LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100

def call(number, *arguments):
    if LIBC.syscall(ctypes.c_long(number), *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def own(name="own"):
    open(name, "a").close()
    return name

QUESTIONS = {
    "stat": os.stat, "lstat": os.lstat, "statvfs": os.statvfs, "listdir": os.listdir, "readlink": os.readlink,
    "access": lambda p: call(21, p.encode(), 0), "faccessat2": lambda p: call(439, AT_FDCWD, p.encode(), 0, 0),
    "statx": lambda p: call(332, AT_FDCWD, p.encode(), 0, 0xFFF, ctypes.create_string_buffer(256)),
    "open": lambda p: os.close(os.open(p, os.O_RDONLY)), "open its path": lambda p: os.close(os.open(p, os.O_PATH)),
    "create": lambda p: os.close(os.open(p, os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
    "truncate": lambda p: os.truncate(p, 10), "chdir": os.chdir, "mkdir": os.mkdir, "rmdir": os.rmdir,
    "unlink": os.unlink, "rename to it": lambda p: os.rename(own(), p), "rename it": lambda p: os.rename(p, "new"),
    "exchange": lambda p: call(316, AT_FDCWD, own().encode(), AT_FDCWD, p.encode(), 2),
    "link to it": lambda p: os.link(own(), p), "link it": lambda p: os.link(p, "new"),
    "symlink to it": lambda p: os.symlink("x", p), "below it": lambda p: os.stat(p + "/x"),
    "getxattr": lambda p: os.getxattr(p, "user.x"), "listxattr": os.listxattr,
    "watch": lambda p: call(254, LIBC.inotify_init(), p.encode(), 0xFFF),
    "through proc": lambda p: os.stat("/proc/self/root" + p),
    "through its cwd": lambda p: os.stat("/proc/self/cwd/../../.." + p),
    "through a link": lambda p: (os.path.lexists("to") and os.unlink("to"), os.symlink(p, "to"), os.stat("to")),
}

def answers(path):
    found = {}
    for name, ask in QUESTIONS.items():
        try:
            ask(path)
            found[name] = 0
        except OSError as error:
            found[name] = error.errno
    return found

def learned(pairs):
    "What the answers tell apart: the name of the question, the path, both answers."
    return [
        (name, there, answer, other[name])
        for there, missing in pairs
        for other in [answers(missing)]
        for name, answer in answers(there).items()
        if answer != other[name] or name in ("stat", "lstat", "access", "statx", "open", "listdir", "readlink")
        and answer != errno.ENOENT
    ]

def public():
    import given
    told = learned([(given.__file__, given.__file__ + "x"), (os.__file__, os.__file__ + "x")])
    return {name for name, *_ in told} >= {"stat", "access", "statx", "open", "readlink", "open its path"}
"""
DOUBLE = """
    if not public():
        raise ValueError("BLIND")
    told = learned(PAIRS)
    raise ValueError(f"LEARNED {len(told)} of {len(PAIRS)}: {told[:20]}")
"""
KEEPS_USER = "jail.interpreter_is_readable_by_others = lambda: False"
NO_TREE = "jail._enter_tree = lambda settings: 'removed'"
MISSING = "-missing"


class Course:
    """The tiny course in a folder that everybody can read, with results and a submission of another student."""

    def __init__(self, folder: Path) -> None:
        self.tiny = Tiny(folder)
        self.tiny.write("out/results.json", "{}")
        self.tiny.write("others/one.py", ONE)

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Course]:
        """Make one; file modes protect nothing in it."""
        folder = Path(tempfile.mkdtemp(prefix="redteam-course-"))
        folder.chmod(0o755)
        try:
            yield cls(folder)
        finally:
            remove_tree(folder)

    def hidden(self) -> list[Path]:
        """Every file and folder of the course, and some of the machine."""
        here = [path for path in self.tiny.root.rglob("*") if not path.is_relative_to(self.tiny.root / "hand_in_0")]
        checkout = Path(__file__).parents[2]  # in which this Python may lie: its packages are all that is seen of it
        ours = [Path(__file__), *(checkout / name for name in ("autograder", "assignments", "proofs", "solutions"))]
        machine = [Path("/etc/shadow"), Path("/root"), Path("/root/.ssh"), Path("/var/log"), *ours]
        way = Path(os.path.realpath(sys.base_prefix)).parents  # a worker knows where its own Python lies
        return [self.tiny.root, *here, *(path for path in machine if path not in way)]

    def grade(self, changes: str = "", before: tuple[str, ...] = ()) -> dict[str, object]:
        """Grade the submission that asks, with changes of the jail; return the results."""
        pairs = [(str(path), f"{path}{MISSING}") for path in self.hidden()]
        source = f"{QUESTIONS}\nPAIRS = {pairs!r}\n{ONE.replace('    return x * 2', DOUBLE)}"
        path = self.tiny.hand_in(one=source)
        driver = f"from autograder.sandbox.trusted import jail\n{changes}\nfrom autograder.cli import main\nmain()\n"
        command = ["grade", "tiny", str(path), "--root", str(self.tiny.root), "--json", "--only", "one.double"]
        done = subprocess.run(
            [*before, sys.executable, "-P", "-c", driver, *command],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "AUTOGRADER_CLEAN": "1", "OMP_NUM_THREADS": "1"},
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]


def holds(results: dict) -> bool:  # type: ignore[type-arg]
    """Whether the machine lets a worker have a tree of its own."""
    return any(wall["name"] == "mount namespace" and wall["held"] for wall in results["extra_data"]["walls"])


def told(results: dict) -> str:  # type: ignore[type-arg]
    return next(test["output"] for test in results["tests"] if test["extra_data"].get("item") == "one.double")


@pytest.mark.parametrize("situation", ["private user", "keeps root", "user"])
def test_no_question_tells_whether_a_hidden_file_exists(situation: str) -> None:
    before: tuple[str, ...] = ()
    if situation != "user" and os.getuid() != 0:
        pytest.skip("needs root")
    if situation == "user" and os.getuid() == 0:
        if not interpreter_is_readable_by_others():
            pytest.skip("this Python lies where an ordinary user cannot read it")
        user = str(ORDINARY_USER)
        before = ("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all")
    with Course.made() as course:
        results = course.grade(KEEPS_USER if situation == "keeps root" else "", before)
        if not holds(results):
            pytest.skip("this machine gives workers no mount namespace")
        shown = told(results)
        assert f"LEARNED 0 of {len(course.hidden())}" in shown, shown


def test_without_the_wall_the_same_questions_are_answered() -> None:
    """Landlock holds, and a worker that keeps its user learns of every file; else the test above were blind."""
    with Course.made() as course:
        shown = told(course.grade(f"{KEEPS_USER}; {NO_TREE}"))
    assert "LEARNED" in shown and "'stat', " in shown and "BLIND" not in shown
    assert not shown.partition("LEARNED ")[2].startswith("0 of ")
