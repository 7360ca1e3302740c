"""What the kernel refuses a process from now on: limits, capabilities, processes, sockets, files elsewhere.

Linux only, by system calls through ctypes; numbers and layouts are those of the kernel's headers
(linux/filter.h, seccomp.h, landlock.h, capability.h). Each says whether it worked; what is refused stays so.
"""

import ctypes
import os
import platform
import resource
import struct
import sys
from contextlib import suppress

MEMORY = 512 * 2**20
"""Bytes of address space."""
FILE = 16 * 2**20
"""Bytes of a file."""

_ALLOW, _DENY, _MISSING = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM; ENOSYS: try something older
_CLONE_THREAD = 0x10000
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the table below, and the audit architecture."""

_NEVER = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "socket": (41, 198),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "unshare": (272, 97),
    "setns": (308, 268),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "setpriority": (141, 140),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
}
_OWN_ONLY = {"kill": (62, 129), "tgkill": (234, 131)}
_CLONE, _CLONE3, _PRLIMIT = (56, 220), 435, (302, 261)

_READ = 0b1101
"""Landlock: execute (that is how a library is mapped), read a file, list a folder."""
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Landlock's version -> how many rights over files it knows; 16 since."""


def limit(seconds: int, *, processes: bool) -> None:
    """No more processor time, memory, file sizes or open files than that; no core dump; and no new process,
    unless `processes` says that something else sees to it (this counts by user, and not root's)."""
    most = {"CPU": seconds, "AS": MEMORY, "FSIZE": FILE, "NOFILE": 64, "CORE": 0}
    if not processes:
        most["NPROC"] = 0
    for name, value in most.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with suppress(ValueError, OSError):  # of a system that does not know this one
            resource.setrlimit(number, (least, least))


def drop_capabilities() -> bool:
    """Root's powers are gone, and no program brings new ones."""
    if sys.platform != "linux":
        return False
    header = struct.pack("Ii", 0x20080522, 0)
    done = _syscall({"x86_64": 126, "aarch64": 91}.get(platform.machine(), -1), header, bytes(24)) == 0
    return _no_new_privileges() and done


def filter_calls() -> bool:
    """No process, program, socket, signal to others, shared memory or look into another process, by seccomp.
    Threads and socket pairs stay possible."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES or not _no_new_privileges():
        return False
    column, architecture = _MACHINES[platform.machine()]
    program = [_load(4), _jump(0x15, architecture, 1, 0), _end(_DENY), _load(0)]
    if column == 0:  # x86_64's other numbers, of the x32 ABI
        program += [_jump(0x35, 0x40000000, 0, 1), _end(_DENY)]
    for numbers in _NEVER.values():
        if (number := numbers[column]) is not None:
            program += [_jump(0x15, number, 0, 1), _end(_DENY)]
    program += [_jump(0x15, _CLONE3, 0, 1), _end(_MISSING)]
    own = [(numbers[column], os.getpid()) for numbers in _OWN_ONLY.values()]
    for number, first in [*own, (_PRLIMIT[column], 0)]:
        # offset 16: the low half of the first argument
        program += [_jump(0x15, number, 0, 4), _load(16), _jump(0x15, first, 0, 1), _end(_ALLOW), _end(_DENY)]
    program += [_jump(0x15, _CLONE[column], 0, 3), _load(16), _jump(0x45, _CLONE_THREAD, 1, 0), _end(_DENY)]
    program += [_end(_ALLOW)]
    code = ctypes.create_string_buffer(b"".join(program))
    prog = struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    return _prctl(22, 2, prog)


def confine(readable: list[str], writable: list[str]) -> bool:
    """Files can be opened, listed or changed below these paths only, by Landlock."""
    version = _syscall(444, None, 0, 1) if sys.platform == "linux" else -1
    if version < 1 or not _no_new_privileges():
        return False
    everything = (1 << _RIGHTS.get(version, 16)) - 1
    rules = _syscall(444, struct.pack("Q", everything), 8, 0)
    if rules < 0:
        return False
    for paths, rights in ((readable, _READ), (writable, everything)):
        for path in paths:
            try:
                at = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            allowed = rights if os.path.isdir(path) else rights & 0b1100000000000111
            _syscall(445, rules, 1, struct.pack("=Qi", allowed & everything, at), 0)
            os.close(at)
    done = _syscall(446, rules, 0) == 0
    os.close(rules)
    return done


def _no_new_privileges() -> bool:
    return _prctl(38, 1)


def _prctl(option: int, value: int, more: int | bytes = 0) -> bool:
    rest = [ctypes.c_ulong(more) if isinstance(more, int) else more, ctypes.c_ulong(0), ctypes.c_ulong(0)]
    return bool(ctypes.CDLL(None).prctl(ctypes.c_int(option), ctypes.c_ulong(value), *rest) == 0)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return int(ctypes.CDLL(None).syscall(ctypes.c_long(number), *values))


def _load(offset: int) -> bytes:
    """Load the word at that offset of struct seccomp_data."""
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _jump(code: int, value: int, then: int, otherwise: int) -> bytes:
    """Skip so many instructions: 0x15 if equal, 0x35 if at least, 0x45 if a bit is set."""
    return struct.pack("HBBI", code, then, otherwise, value)


def _end(verdict: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, verdict)
