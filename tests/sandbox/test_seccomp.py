"""The filter of system calls: judged by an interpreter of its instructions, and by the kernel."""

import contextlib
import errno
import struct
from pathlib import Path

import pytest

from autograder.checks import SubmissionRaised
from autograder.sandbox.trusted import seccomp

PID = 4711
CLONE_VM, CLONE_NEWUSER = 0x100, 0x10000000
EPERM, ENOSYS = (seccomp.ERROR | number for number in (errno.EPERM, errno.ENOSYS))
DENIED = {f"{name} ({group})": n for group, calls in seccomp.DENIED.items() for name, n in calls.items()}
NEEDED = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
    "rt_sigaction": 13, "rt_sigprocmask": 14, "madvise": 28, "sched_yield": 24, "nanosleep": 35, "getpid": 39,
    "sendto": 44, "recvfrom": 45, "exit": 60, "uname": 63, "getcwd": 79, "mkdir": 83, "unlink": 87, "futex": 202,
    "getdents64": 217, "exit_group": 231, "set_robust_list": 273, "pipe2": 293, "getrandom": 318, "rseq": 334,
    "sched_getaffinity": 204, "gettid": 186, "clock_gettime": 228, "prctl": 157, "statx": 332, "setitimer": 38,
}  # fmt: skip


def verdict(number, *arguments, architecture=seccomp.AUDIT_ARCH_X86_64):
    """Interpret the filter on one call as the kernel does: classic BPF on a struct seccomp_data."""
    padded = [argument % 2**64 for argument in (*arguments, 0, 0, 0, 0, 0, 0)][:6]
    data = struct.pack("=IIQ6Q", number % 2**32, architecture, 0, *padded)
    program, position, value = seccomp.program(PID), 0, 0
    while True:
        code, if_true, if_false, operand = program[position]
        position += 1
        if code == seccomp.RETURN:
            return operand
        if code == seccomp.LOAD:
            (value,) = struct.unpack_from("=I", data, operand)
        elif code == seccomp.AND:
            value &= operand
        else:
            holds = {
                seccomp.JUMP_EQUAL: value == operand,
                seccomp.JUMP_AT_LEAST: value >= operand,
                seccomp.JUMP_ANY_BIT: value & operand != 0,
            }[code]
            position += if_true if holds else if_false


@pytest.mark.parametrize("number", DENIED.values(), ids=DENIED.keys())
def test_what_is_in_the_table_is_refused_whatever_its_arguments(number):
    assert {verdict(number, *[argument] * 6) for argument in (0, 1, PID, 2**64 - 1)} == {EPERM}


@pytest.mark.parametrize("number", NEEDED.values(), ids=NEEDED.keys())
def test_what_correct_code_needs_is_allowed(number):
    assert verdict(number, 1, 2, 3, 4, 5, 6) == seccomp.ALLOW


def test_no_number_is_in_the_table_twice():
    assert len(set(DENIED.values())) == len(DENIED)
    assert not set(DENIED.values()) & set(NEEDED.values())


def test_every_number_is_decided_and_nothing_else_is_refused():
    judged = {*seccomp.UNKNOWN.values(), seccomp.CLONE, seccomp.KILL_PROCESS, seccomp.TGKILL, seccomp.SOCKETPAIR}
    judged |= {*seccomp.PRETENDED.values(), *seccomp.ATTRIBUTES.values()}
    refused = {number for number in range(600) if verdict(number) != seccomp.ALLOW}
    assert refused == set(DENIED.values()) | judged


def test_calls_in_memory_are_unknown_so_that_the_c_library_falls_back():
    assert {verdict(number) for number in seccomp.UNKNOWN.values()} == {ENOSYS}


def test_threads_are_allowed_and_processes_are_not():
    thread = 0x3D0F00
    assert verdict(seccomp.CLONE, thread) == seccomp.ALLOW
    assert verdict(seccomp.CLONE, 17) == verdict(seccomp.CLONE, CLONE_VM) == verdict(seccomp.CLONE, 0) == EPERM
    assert verdict(seccomp.CLONE, CLONE_NEWUSER | 17) == verdict(seccomp.CLONE, 2**63 | 17) == EPERM


def test_a_process_may_signal_itself_only():
    for call in (seccomp.KILL_PROCESS, seccomp.TGKILL):
        assert verdict(call, PID, 9) == seccomp.ALLOW
        assert {verdict(call, other, 9) for other in (0, 1, -1, -PID, PID + 1)} == {EPERM}


def test_a_process_may_change_its_own_limits_only():
    assert verdict(seccomp.PRLIMIT, 0) == verdict(seccomp.PRLIMIT, PID) == seccomp.ALLOW
    assert verdict(seccomp.PRLIMIT, 1) == verdict(seccomp.PRLIMIT, PID + 1) == EPERM


def test_nobody_chooses_a_busy_processor():
    call = seccomp.PRETENDED["sched_setaffinity"]
    assert {verdict(call, who) for who in (0, PID, 1, PID + 1)} == {seccomp.ERROR}


def test_only_pairs_of_streams_that_cannot_be_connected_elsewhere():
    stream, datagram, packets, close_on_exec = 1, 2, 5, 0o2000000
    assert verdict(seccomp.SOCKETPAIR, 1, stream) == verdict(seccomp.SOCKETPAIR, 1, stream | close_on_exec)
    assert verdict(seccomp.SOCKETPAIR, 1, stream) == seccomp.ALLOW
    for family, kind in ((1, datagram), (1, packets), (2, stream), (30, stream), (1, datagram | close_on_exec)):
        assert verdict(seccomp.SOCKETPAIR, family, kind) == EPERM


def test_no_signal_and_no_word_goes_by_way_of_a_descriptor():
    for call, commands in seccomp.REACH_OTHERS.items():
        assert {verdict(call, 3, command, PID) for command in commands} == {EPERM}
    assert {1024, 1026} < set(seccomp.REACH_OTHERS[seccomp.FCNTL])
    locks = (seccomp.PRETENDED["flock"], 3, 2), *((seccomp.FCNTL, 3, command) for command in (6, 7, 37, 38))
    assert {verdict(*call) for call in locks} == {seccomp.ERROR}
    for command in (0, 1, 2, 3, 4, 5, 1030):
        assert verdict(seccomp.FCNTL, 3, command) == seccomp.ALLOW
    assert verdict(seccomp.IOCTL, 3, 0x5401) == seccomp.ALLOW  # is it a terminal?


def test_no_file_runs_as_its_owner():
    for number, position in seccomp.MODES.values():
        before = [5] * position
        pretended = number in seccomp.PRETENDED.values()
        assert verdict(number, *before, 0o755) == (seccomp.ERROR if pretended else seccomp.ALLOW)
        assert verdict(number, *before, 0o4755) == verdict(number, *before, 0o102644) == EPERM


def test_what_landlock_does_not_look_at_changes_nothing():
    for number in (seccomp.PRETENDED["chown"], seccomp.PRETENDED["utimensat"], seccomp.PRETENDED["fchmodat2"]):
        assert verdict(number, 5, 5, 5) == seccomp.ERROR  # an error of 0: success, says the C library
    assert {verdict(number) for number in seccomp.ATTRIBUTES.values()} == {seccomp.ERROR | errno.ENOTSUP}


def test_other_numberings_are_refused():
    assert verdict(0, architecture=0x40000003) == seccomp.KILL  # 32-bit calls by int 0x80
    assert verdict(seccomp.X32_CALLS) == verdict(seccomp.X32_CALLS + 59) == verdict(2**32 - 1) == EPERM


SOURCE = """
import ctypes, errno, fcntl, os, signal, socket, stat, threading
LIBC = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    result = LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    return ctypes.get_errno() if result < 0 else 0

def calls(numbers): return [call(number, 0, 0, 0, 0, 0, 0) for number in numbers]
def fork(): return os.fork()
def spawn(): return os.posix_spawn("/bin/true", ["true"], {})
def raise_signal(): signal.signal(signal.SIGUSR1, lambda *_: None); os.kill(os.getpid(), signal.SIGUSR1); return True
def abort(): os.abort()
def pair():
    a, b = socket.socketpair(); a.send(b"x"); return b.recv(1).decode()
def asynchronous():
    import asyncio
    async def wait(): await asyncio.sleep(0.001); return 7
    return asyncio.run(wait())
def terminal():
    found = []
    for name in ("/dev/tty", "/dev/console", "/dev/pts/0"):
        try:
            os.close(os.open(name, os.O_RDWR)); found.append(name)
        except OSError: pass
    try:
        fcntl.ioctl(0, 0x5412, b"x"); found.append("TIOCSTI")
    except OSError: pass
    return found
def x32(): return call(0x40000000 + 39)
def own_socket():
    return next(n for n in range(3, 256) if os.path.exists(f"/proc/self/fd/{n}") and stat.S_ISSOCK(os.fstat(n).st_mode))
def pass_descriptors(count):
    stream = socket.socket(fileno=os.dup(own_socket()))
    header = b'{"k":"value","v":7}'
    frame = len(header).to_bytes(4, "big") + bytes(8) + header
    with open("passed", "w") as file:
        for byte in frame[:-1]:
            socket.send_fds(stream, [bytes([byte])], [file.fileno()] * count)
    os.write(own_socket(), frame[-1:])
    threading.Event().wait()
"""


@pytest.fixture
def s(start, zygote):
    session = start("worker", SOURCE)
    if not any(wall.name == "seccomp" and wall.held for wall in zygote.walls):
        pytest.skip("this machine has no seccomp")
    return session.module("s")


def test_the_kernel_agrees_with_the_interpreter(s):
    numbers = sorted(DENIED.values())
    assert s.calls(numbers) == [errno.EPERM] * len(numbers)
    assert s.calls(sorted(seccomp.UNKNOWN.values())) == [errno.ENOSYS] * len(seccomp.UNKNOWN)
    assert s.x32() == errno.EPERM


@pytest.mark.parametrize("name", ["fork", "spawn"])
def test_no_process_is_started(s, name):
    with pytest.raises(SubmissionRaised, match="PermissionError"):
        getattr(s, name)()


def test_correct_code_may_signal_itself_and_talk_to_itself(s):
    assert s.raise_signal() is True
    assert s.pair() == "x"
    assert s.asynchronous() == 7


def test_there_is_no_terminal_to_type_into(s):
    assert s.terminal() == []


def open_files():
    """What each descriptor of this process stands for; one that closes meanwhile is none."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield descriptor.readlink()


def test_descriptors_that_a_worker_passes_do_not_reach_the_grader(s, tmp_path):
    with (tmp_path / "held").open("w"):
        assert tmp_path / "held" in open_files()
    assert s.pass_descriptors(5) == 7
    assert [path for path in open_files() if path.name.startswith("passed")] == []
