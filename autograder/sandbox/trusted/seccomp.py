"""seccomp, the wall of system calls: no new processes, no sockets, no word to other processes, and no look at them.

A small table and a BPF program of our own: the packages that wrap libseccomp are little kept. x86-64 only; elsewhere
`restrict` says that the wall is missing. Numbers: ``arch/x86/entry/syscalls/syscall_64.tbl``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

AUDIT_ARCH_X86_64 = 0xC000003E
X32_CALLS = 0x40000000
CLONE_THREAD = 0x00010000
SECCOMP, SET_MODE_FILTER, SPEC_ALLOW = 317, 1, 4

Instruction = tuple[int, int, int, int]
LOAD, AND, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06  # BPF, 32-bit operand
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data, little endian
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
REFUSE: Instruction = (RETURN, 0, 0, ERROR | errno.EPERM)

DENIED = {
    "processes": {"fork": 57, "vfork": 58, "execve": 59, "execveat": 322},
    "sockets": {"socket": 41, "connect": 42, "accept": 43, "bind": 49, "listen": 50, "accept4": 288},
    "other processes": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "pidfd_open": 434,
        "pidfd_getfd": 438, "pidfd_send_signal": 424, "process_madvise": 440, "tkill": 200, "rt_sigqueueinfo": 129,
        "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "process_mrelease": 448, "migrate_pages": 256,
        "move_pages": 279, "setpriority": 141, "sched_setparam": 142, "sched_setscheduler": 144, "sched_setattr": 314,
        "ioprio_set": 251,
    },
    "what others do with files": {
        "inotify_init": 253, "inotify_init1": 294, "inotify_add_watch": 254, "inotify_rm_watch": 255, "mincore": 27,
        "cachestat": 451,
    },
    "memory that outlives limits": {
        "memfd_create": 319, "memfd_secret": 447, "userfaultfd": 323, "shmget": 29, "shmat": 30, "shmctl": 31,
        "semget": 64, "semop": 65, "semctl": 66, "semtimedop": 220, "msgget": 68, "msgsnd": 69, "msgrcv": 70,
        "msgctl": 71, "mq_open": 240, "mq_unlink": 241,
    },
    "ways around this filter": {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "bpf": 321},
    "identity": {
        "setuid": 105, "setgid": 106, "setreuid": 113, "setregid": 114, "setgroups": 116, "setresuid": 117,
        "setresgid": 119, "setfsuid": 122, "setfsgid": 123, "capset": 126, "personality": 135,
        "add_key": 248, "request_key": 249, "keyctl": 250,
    },
    "the machine": {
        "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "unshare": 272, "setns": 308, "open_tree": 428,
        "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "mount_setattr": 442,
        "init_module": 175, "finit_module": 313, "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320,
        "reboot": 169, "swapon": 167, "swapoff": 168, "sethostname": 170, "setdomainname": 171, "settimeofday": 164,
        "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "acct": 163, "quotactl": 179, "iopl": 172,
        "ioperm": 173, "syslog": 103, "mknod": 133, "mknodat": 259, "name_to_handle_at": 303, "open_by_handle_at": 304,
        "quotactl_fd": 443, "fanotify_init": 300, "fanotify_mark": 301, "lookup_dcookie": 212, "uselib": 134,
        "ustat": 136, "sysfs": 139, "modify_ldt": 154, "vhangup": 153, "open_tree_attr": 467,
    },
}  # fmt: skip
"""Refused with EPERM, by what they are refused for."""
UNKNOWN = {"clone3": 435, "openat2": 437}
"""Refused with ENOSYS: their arguments are in memory, and the C library falls back on calls that can be checked."""
CLONE, SOCKETPAIR, KILL_PROCESS, TGKILL, PRLIMIT = 56, 53, 62, 234, 302
FCNTL, IOCTL = 72, 16
REACH_OTHERS = {FCNTL: (8, 10, 15, 1024, 1026), IOCTL: (0x8901, 0x8902)}
"""Commands that have the kernel send signals of one's choice (F_SETOWN, F_SETSIG, F_SETOWN_EX, FIOSETOWN, SIOCSPGRP),
or tell what others do with a file (F_SETLEASE, F_NOTIFY)."""
LOCKS = (6, 7, 37, 38)
"""Commands of fcntl that lock: F_SETLK, F_SETLKW, F_OFD_SETLK, F_OFD_SETLKW. They seem to work and do nothing, as flock
does: a lock on a file that both can read is a word between two workers, and needs no right to write. A file that honest
code locks is its own, and nobody else's."""
SET_USER_ID = 0o6000
MODES = {"creat": (85, 1), "chmod": (90, 1), "fchmod": (91, 1), "fchmodat": (268, 2), "fchmodat2": (452, 2),
         "open": (2, 2), "openat": (257, 3)}  # fmt: skip
"""Calls that give a file its mode, and which argument that is: none can be made that runs as its owner."""
PRETENDED = {
    "chmod": 90, "fchmod": 91, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "fchown": 93, "lchown": 94,
    "fchownat": 260, "utime": 132, "utimes": 235, "futimesat": 261, "utimensat": 280, "sched_setaffinity": 203,
    "flock": 73,
}  # fmt: skip
"""Calls that seem to work and do nothing. A worker that keeps its user could close the grader's files with them, or
leave notes in their times for later workers, and Landlock does not look at them; honest code only copies files. One
that went to a processor that is busy would be kept waiting by its own choice, and its clock would stand still."""
ATTRIBUTES = {
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "setxattrat": 463, "removexattr": 197, "lremovexattr": 198,
    "fremovexattr": 199, "removexattrat": 466, "file_setattr": 469,
}  # fmt: skip
"""As those, but refused as a file system does that has no such attributes."""
AF_UNIX, SOCK_STREAM, SOCKET_TYPE = 1, 1, 0xF


def restrict() -> None:
    """Refuse the calls of the table to this process, for good; raise `OSError` where that is not possible.

    Threads can still be started, and a process may signal itself and change its own limits. Needs no_new_privs.
    """
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        raise OSError("only on Linux on x86-64")
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program(os.getpid()))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(ctypes.c_long(SECCOMP), ctypes.c_long(SET_MODE_FILTER), ctypes.c_long(SPEC_ALLOW), filter_) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def program(pid: int) -> list[Instruction]:
    """Return the filter for a process as BPF instructions (code, jump if true, jump if false, operand)."""
    lines = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCH_X86_64),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (JUMP_AT_LEAST, 0, 1, X32_CALLS),
        REFUSE,
    ]
    for number in UNKNOWN.values():
        lines += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | errno.ENOSYS)]
    for number in sorted(number for group in DENIED.values() for number in group.values()):
        lines += [(JUMP_EQUAL, 0, 1, number), REFUSE]
    lines += _case(CLONE, [*_load(0), (JUMP_ANY_BIT, 1, 0, CLONE_THREAD), REFUSE])
    lines += _case(SOCKETPAIR, _only_connected_pairs())
    for number in (KILL_PROCESS, TGKILL):
        lines += _case(number, [*_load(0), (JUMP_EQUAL, 1, 0, pid), REFUSE])
    lines += _case(PRLIMIT, [*_load(0), (JUMP_EQUAL, 2, 0, 0), (JUMP_EQUAL, 1, 0, pid), REFUSE])  # 0 is itself
    for number, commands in REACH_OTHERS.items():
        tests = [line for command in commands for line in ((JUMP_EQUAL, 0, 1, command), REFUSE)]
        lines += _case(number, [*_load(1), *tests])
    locks = [line for command in LOCKS for line in ((JUMP_EQUAL, 0, 1, command), (RETURN, 0, 0, ERROR))]
    lines += _case(FCNTL, [*_load(1), *locks])
    for number, position in MODES.values():
        lines += _case(number, [*_load(position), (JUMP_ANY_BIT, 0, 1, SET_USER_ID), REFUSE])
    for numbers, code in ((PRETENDED, 0), (ATTRIBUTES, errno.ENOTSUP)):
        for number in numbers.values():
            lines += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | code)]
    return [*lines, (RETURN, 0, 0, ALLOW)]


def _load(position: int) -> list[Instruction]:
    """Load the lower half of an argument: all that the kernel looks at where it takes an int."""
    return [(LOAD, 0, 0, ARGUMENTS + 8 * position)]


def _only_connected_pairs() -> list[Instruction]:
    """A pair of streams cannot be connected to anything else, as one of datagrams can."""
    return [
        *_load(0),
        (JUMP_EQUAL, 1, 0, AF_UNIX),
        REFUSE,
        *_load(1),
        (AND, 0, 0, SOCKET_TYPE),
        (JUMP_EQUAL, 1, 0, SOCK_STREAM),
        REFUSE,
    ]


def _case(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run ``body`` for this call alone: it either returns or falls through to the next case."""
    return [(JUMP_EQUAL, 0, len(body) + 1, number), *body, (LOAD, 0, 0, NUMBER)]
