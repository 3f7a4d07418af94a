"""Looks at a worker from inside: ``autograder doctor`` hands it in. Every action tries what its name says."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS)


def late_import() -> str:
    import colorsys  # a standard module that nothing has imported before

    return colorsys.__name__


def cwd() -> str:
    return str(Path.cwd())


def double(tensor: Any) -> Any:
    return tensor * 2


def descriptors() -> int:
    return sum(1 for number in range(1024) if _is_open(number))


def can_read(name: str) -> bool:
    path = Path(name)
    try:
        if path.is_dir():
            return len(list(path.iterdir())) >= 0
        with path.open("rb") as file:
            return path.name == "mem" or len(file.read(1)) >= 0
    except OSError:
        return False


def finds(name: str) -> bool:
    return os.path.lexists(name)


def can_write(folder: str) -> bool:
    path = Path(folder) / f"autograder-doctor-{os.getpid()}"
    try:
        path.write_text("x")
        path.unlink()
        return True
    except OSError:
        return False


def can(action: str) -> bool:
    """Whether an action works; a system call that complains of its arguments counts as working."""
    try:
        return ACTIONS[action]() is not False
    except (AttributeError, OSError, RuntimeError, MemoryError):
        return False


def _is_open(number: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(number)
        return True
    return False


def _call(number: int, *arguments: int) -> bool:
    """Whether the kernel takes a system call of x86-64, if only to say that its arguments are wrong."""
    result = LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(argument) for argument in arguments))
    return bool(result >= 0) or ctypes.get_errno() not in REFUSALS


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _socket(family: int) -> bool:
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
        return True
    except OSError as error:
        return error.errno not in (*REFUSALS, errno.EAFNOSUPPORT)


def _pair_of_datagrams() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.close()
    theirs.close()


def _share_memory() -> bool:
    number = LIBC.shmget(0, 4096, 0o600)
    return bool(number >= 0 and LIBC.shmctl(number, 0, None) == 0)


def _become_another_user() -> None:
    os.setuid(1 if os.getuid() == 0 else 0)


def _file_that_runs_as_its_owner() -> None:
    path = Path("runs-as-owner")
    path.touch()
    path.chmod(0o4755)


def _signal_by_the_kernel() -> None:
    import fcntl

    with Path("file").open("w") as file:
        fcntl.fcntl(file, fcntl.F_SETOWN, os.getpid())


def _write_a_large_file() -> bool:
    path, block = Path("large"), bytes(2**24)
    try:
        with path.open("wb", buffering=0) as file:
            return all(file.write(block) == len(block) for _ in range(20))
    finally:
        path.unlink()


def _open_many_files() -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2000):
            stack.enter_context(Path(os.devnull).open())


def _start_many_threads() -> None:
    over = threading.Event()
    try:
        for _ in range(600):
            threading.Thread(target=over.wait).start()
    finally:
        over.set()


def _start_a_thread() -> None:
    thread = threading.Thread(target=len, args=("",))
    thread.start()
    thread.join()


def _see_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _write_here() -> None:
    Path("file").write_text("x")


ACTIONS: dict[str, Callable[[], object]] = {
    "fork": _fork,
    "run a program": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "ask for a process with clone3": lambda: _call(435, 0, 0),
    "open a UNIX socket": lambda: _socket(socket.AF_UNIX),
    "open an IPv4 socket": lambda: _socket(socket.AF_INET),
    "open an IPv6 socket": lambda: _socket(socket.AF_INET6),
    "open a netlink socket": lambda: _socket(16),
    "open a VM socket": lambda: _socket(40),
    "send to sockets of others": _pair_of_datagrams,
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "signal a thread of its parent": lambda: _call(234, os.getppid(), os.getppid(), 0),
    "watch its parent's descriptors": lambda: os.pidfd_open(os.getppid()),
    "trace processes": lambda: _call(101, 16, 0, 0, 0),
    "read memory of its parent": lambda: _call(310, os.getppid(), 0, 0, 0, 0, 0),
    "become another user": _become_another_user,
    "enter a new namespace": lambda: _call(272, 0),
    "change its root": lambda: os.chroot("."),
    "mount": lambda: _call(165, 0, 0, 0, 0, 0),
    "make a file in memory": lambda: os.close(os.memfd_create("x")),
    "share memory by number": _share_memory,
    "use io_uring": lambda: _call(425, 0, 0),
    "load a program into the kernel": lambda: _call(321, -1, 0, 0),
    "make a file that runs as its owner": _file_that_runs_as_its_owner,
    "have the kernel signal others": _signal_by_the_kernel,
    "use memory": lambda: mmap.mmap(-1, 2**31, mmap.MAP_PRIVATE),
    "write a large file": _write_a_large_file,
    "open many files": _open_many_files,
    "start many threads": _start_many_threads,
    "see a CUDA device": _see_cuda,
    "start a thread": _start_a_thread,
    "write in its folder": _write_here,
}
