"""The walls around a worker, put up one after the other inside the new process.

Every wall is a function that raises `OSError` where the machine does not offer it; `enter` reports which hold. The
uid and the file modes are the main wall, the others double it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox.trusted import landlock, mounts, seccomp

FIRST_UID, LAST_UID = 2_000_000, 2_000_000_000
"""Workers get a random uid of this range; no account and no container mapping of the usual kind is in it."""

SYSTEM_PATHS = (
    "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share", "/usr/local/bin",
    "/usr/local/lib", "/usr/local/lib64", "/usr/local/share", "/lib", "/lib64", "/bin", "/etc/ld.so.cache",
    "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/mime.types", "/etc/fonts",
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo",
    "/proc/stat", "/proc/version", "/proc/filesystems", "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/osrelease", "/sys/devices/system/cpu", "/sys/devices/system/node",
    "/sys/kernel/mm/transparent_hugepage",
)  # fmt: skip
"""What a worker may read next to its own folders and Python's; not all of /usr, in which checkouts may lie."""
DISK, FILES, THREADS = 512 * 2**20, 4096, 512
"""Bytes and number of the files that a worker may have at once, and how many threads; see `resource_monitor`."""
ADDRESS_SPACE = 4 * 2**30
"""Bytes of addresses beyond its memory that a worker may reserve: arenas and stacks of threads, files that it maps."""
TREE = "tree"
"""Where in the folder of the run the zygote has the tree of files that workers see."""
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 1, 38, 24
LAST_CAPABILITY = 63
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class JailSettings:
    """What a worker may use: sizes in bytes, times in seconds. ``uid`` is None where it keeps its user.

    ``tree`` is what `build_tree` has made, "" where that was not possible: ``no_tree`` says why.
    """

    uid: int | None
    scratch: str
    readable: tuple[str, ...]
    memory: int
    cpu_seconds: int
    file_size: int = 256 * 2**20
    open_files: int = 256
    processes: int = THREADS
    tree: str = ""
    no_tree: str = ""


@dataclass(frozen=True)
class WallReport:
    """Whether a wall holds, and why not."""

    name: str
    held: bool
    note: str = ""


def enter(settings: JailSettings) -> list[WallReport]:
    """Put up all walls around this process, which must have one thread and nothing to lose."""
    walls: list[tuple[str, Callable[[JailSettings], str]]] = [
        ("resource limits", _limit_resources),
        ("mount namespace", _enter_tree),
        ("private user", _become_private_user),
        ("no capabilities", _drop_capabilities),
        ("no new privileges", _no_new_privileges),
        ("landlock", _give_up_paths),
        ("seccomp", _give_up_calls),
    ]
    reports = [_try(name, wall, settings) for name, wall in walls[:-1]]
    _die_with_parent()
    return [*reports, *(_try(name, wall, settings) for name, wall in walls[-1:])]


def build_tree(folder: Path, readable: Sequence[str]) -> dict[str, str]:
    """Put together what workers may see, in ``folder``; return the settings that say where, or why there is nothing.

    ``readable`` are the files and folders that they may read next to the system and the Python installation.
    """
    tree = folder / TREE
    try:
        tree.mkdir(exist_ok=True)
        mounts.build(tree, [Path("/proc"), *_readable_paths(readable)])
    except (OSError, AttributeError) as error:
        return {"no_tree": f"{type(error).__name__}: {error}"}
    return {"tree": str(tree)}


def missing_walls(walls: Sequence[WallReport]) -> list[str]:
    """Return what strict grading lacks: resource limits, seccomp, and one of private user and Landlock."""
    held = {wall.name for wall in walls if wall.held}
    lacking = [name for name in ("resource limits", "seccomp") if name not in held]
    return lacking if held & {"private user", "landlock"} else [*lacking, "a private user or landlock"]


def interpreter_is_readable_by_others() -> bool:
    """Whether another user could import from this Python installation (its folders may be in root's home)."""
    return all(is_open_to_others(place) for place in python_paths())


def is_open_to_others(place: Path) -> bool:
    """Whether the file modes let every user read a file or a folder."""
    return bool(place.stat().st_mode & 0o004) and all(parent.stat().st_mode & 0o001 for parent in place.parents)


def _try(name: str, wall: Callable[[JailSettings], str], settings: JailSettings) -> WallReport:
    try:
        note = wall(settings)
    except (OSError, ValueError, AttributeError) as error:
        return WallReport(name, False, f"{type(error).__name__}: {error}")
    return WallReport(name, not note, note)


def _enter_tree(settings: JailSettings) -> str:
    if settings.tree:
        mounts.enter(Path(settings.tree), Path(settings.scratch))
    return settings.no_tree


def _give_up_paths(settings: JailSettings) -> str:
    own = Path("/proc") / str(os.getpid())
    landlock.restrict([*_readable_paths(settings.readable), own], [Path(settings.scratch), Path(os.devnull)])
    return ""


def _give_up_calls(settings: JailSettings) -> str:
    seccomp.restrict()
    return ""


def _readable_paths(readable: Iterable[str]) -> list[Path]:
    return [*(Path(name) for name in (*SYSTEM_PATHS, *readable)), *python_paths()]


def python_paths() -> frozenset[Path]:
    """Return the folders of this Python installation: what a worker must be able to import from, at all their names.

    Never a whole prefix: that may be a checkout in which somebody made a virtual environment, or ``/``.
    """
    prefixes = {Path(name) for name in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)}
    places = {prefix / name for prefix in prefixes for name in ("lib", "lib64", "share")}
    places |= {Path(os.__file__).parent, Path(torch_folder())}
    places |= {Path(name) for name in sys.path if Path(name).name in ("site-packages", "dist-packages")}
    return _folders_of(frozenset(places), Path.cwd())


@functools.lru_cache(maxsize=8)
def _folders_of(places: frozenset[Path], here: Path) -> frozenset[Path]:
    """Return those of some places that are folders, and where their links lead: once for all workers of a zygote."""
    found = {Path(os.path.normpath(here / place)) for place in places if place.is_dir()}
    return frozenset(found | {place.resolve() for place in found})


def torch_folder() -> str:
    """Return the folder of site packages that torch was imported from."""
    spec = sys.modules["torch"].__spec__ if "torch" in sys.modules else None
    return str(Path(spec.origin).parents[1]) if spec is not None and spec.origin else sys.prefix


def _limit_resources(settings: JailSettings) -> str:
    import resource  # not on Windows, where this module is read for its reports only

    _be_the_first_to_go()
    used = _size("VmData")
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: settings.cpu_seconds,
        resource.RLIMIT_FSIZE: settings.file_size,
        resource.RLIMIT_NOFILE: settings.open_files,
        resource.RLIMIT_DATA: used + settings.memory,
        resource.RLIMIT_MEMLOCK: 2**16,
    }
    if not _is_built_for_cuda():  # which reserves far more addresses than it uses
        limits[resource.RLIMIT_AS] = _size("VmSize") + settings.memory + ADDRESS_SPACE
    if settings.uid is not None:  # counted per user of the whole machine: only for a user of its own
        limits[resource.RLIMIT_NPROC] = settings.processes
    for name, value in limits.items():
        hard = resource.getrlimit(name)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full file is an error for the code that writes, not its end
    return ""


def _be_the_first_to_go() -> None:
    """Let the kernel end this process rather than the grader where the machine runs out of memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _is_built_for_cuda() -> bool:
    return "torch" in sys.modules and sys.modules["torch"].version.cuda is not None


def _size(name: str) -> int:
    try:
        with Path("/proc/self/status").open(encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return 0


def _die_with_parent() -> None:
    """Let the kernel kill this process when the zygote is gone; after the change of user, which would undo it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _become_private_user(settings: JailSettings) -> str:
    if os.getuid() != 0:
        return "not started as root: the worker runs as the user who grades"
    if settings.uid is None:
        return "this Python cannot be read by another user: the worker keeps its user, without capabilities"
    os.setgroups([])
    os.setresgid(settings.uid, settings.uid, settings.uid)
    os.setresuid(settings.uid, settings.uid, settings.uid)
    return ""


def _drop_capabilities(settings: JailSettings) -> str:
    if not sys.platform.startswith("linux"):
        return "only on Linux"
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(LAST_CAPABILITY + 1):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused where there is none left to drop
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    return ""


def _no_new_privileges(settings: JailSettings) -> str:
    if not sys.platform.startswith("linux"):
        return "only on Linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    return ""
