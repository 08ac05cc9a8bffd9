"""Takes rights away from its own process, then becomes the program that is not trusted.

Run as `python -I confine.py LIMITS PROGRAM ARGUMENT…`, with `LIMITS` as JSON; `--probe LIMITS`
instead prints what this platform cannot limit. Nothing here can be undone by the program: resource
limits are hard ones, the network is a namespace without any, what may be read and written is held
by Landlock (https://docs.kernel.org/userspace-api/landlock.html), and all that it starts ends with
it, since it is the first process of a namespace of its own. A socket in the file system, such as
that of the user's service manager, is neither a file nor of a network: so no socket is made at all
(https://docs.kernel.org/userspace-api/seccomp_filter.html).
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

CANNOT = 125  # exit status: a limit could not be set; standard error says which
NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000  # linux/sched.h
NEW_IPC, NEW_PROCESSES = 0x08000000, 0x20000000
PARENT_DEATH_SIGNAL = 1  # linux/prctl.h
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
LIBRARIES = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime")
FILES_ABI = 3  # of Landlock: the first that holds truncating back as well

# Of linux/audit.h, and asm/unistd.h: socket, add_key, request_key, keyctl, io_uring_setup (which
# makes sockets, too). Another machine's are not known here.
CALLS = {
    "x86_64": (0xC000003E, (41, 248, 249, 250, 425)),
    "aarch64": (0xC00000B7, (198, 217, 218, 219, 425)),
}
X32 = 0x40000000  # the bit by which x86_64 numbers the same calls once more
NO_NEW_RIGHTS, SET_FILTER, FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
NUMBER, MACHINE = 0, 4  # where linux/seccomp.h has them in what a filter is told
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EACCES, 0x80000000


def resources(limits: Mapping[str, Any]) -> None:
    """Processor time, memory, file sizes, open files, processes; no core dumps.

    Raises:
        OSError, ValueError, ImportError: One cannot be set.
    """
    import resource

    cpu = int(limits["cpu_seconds"])
    for kind, soft, hard in (
        # both alike: a first process is deaf to the signal that the soft one sends
        (resource.RLIMIT_CPU, cpu, cpu),
        (resource.RLIMIT_AS, limits["memory_bytes"], limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"], limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
        (resource.RLIMIT_NPROC, limits["processes"], limits["processes"]),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        resource.setrlimit(kind, (soft, hard))


def network(_limits: Mapping[str, Any]) -> None:
    """A namespace without any network, not even loopback, and without rights over the host.

    Raises:
        OSError: The kernel does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise OSError("the system has no network namespaces")
    if libc.unshare(NEW_USER | NEW_NETWORK | NEW_IPC | NEW_PROCESSES):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def files(limits: Mapping[str, Any]) -> None:
    """Written to is the work folder alone; read is that, the interpreter and system libraries.

    Raises:
        OSError, ImportError: The kernel cannot.
    """
    from landlockpy import AccessFS, Ruleset, Scope, abi_version, scope_for_abi

    if (abi := abi_version()) < FILES_ABI:
        raise OSError("the kernel has no Landlock that holds files")
    every = AccessFS(0)
    for right in AccessFS:
        every |= right
    read = AccessFS.READ_FILE | AccessFS.READ_DIR | AccessFS.EXECUTE
    scope = Scope(scope_for_abi(abi))  # nor signals to others, where the kernel knows that
    with Ruleset(handled_fs=every, scoped=scope) as rules:
        rules.allow_path(limits["folder"], every)
        for path in (*LIBRARIES, *limits["readable"]):
            if os.path.isdir(path):
                rules.allow_path(path, read)
            elif os.path.exists(path):
                rules.allow_path(path, AccessFS.READ_FILE)
        for path in filter(os.path.exists, DEVICES):
            rules.allow_path(path, AccessFS.READ_FILE | AccessFS.WRITE_FILE)
        rules.restrict()


def calls(_limits: Mapping[str, Any]) -> None:
    """No socket is made, no key of the user's is read; also by what the program starts.

    Raises:
        OSError: The kernel cannot, or the calls of this machine are not known.
    """
    if sys.platform != "linux" or os.uname().machine not in CALLS:
        raise OSError(f"system calls are filtered on Linux alone, on {' and '.join(CALLS)}")
    architecture, refused = CALLS[os.uname().machine]
    count = len(refused)
    steps = [
        (LOAD, 0, 0, MACHINE),
        (EQUAL, 1, 0, architecture),  # (what, steps to skip if so, if not, value)
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, count + 1, 0, X32),
        *((EQUAL, count - at, 0, number) for at, number in enumerate(refused)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(program, len(program))
    told = ctypes.create_string_buffer(struct.pack("HP", len(steps), ctypes.addressof(kept)))
    libc = ctypes.CDLL(None, use_errno=True)
    for asked in ((NO_NEW_RIGHTS, 1, 0, 0, 0), (SET_FILTER, FILTER, ctypes.addressof(told), 0, 0)):
        if libc.prctl(*map(ctypes.c_ulong, asked)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


STEPS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "files": files,
    "network": network,
    "sockets": calls,
    "processor time and memory": resources,
}
"""What is limited, in this order: after `network` the next process is the first of its namespace,
so that nothing else may be started; what the others need of memory is not limited yet."""


def main() -> None:
    """Limit, and become the program; or say what cannot be limited."""
    if sys.argv[1] == "--probe":
        limits = json.loads(sys.argv[2])
        missing = [
            f"{name} ({why})" for name, step in STEPS.items() if (why := _tried(step, limits))
        ]
        print(json.dumps(missing))
        return
    limits = json.loads(sys.argv[1])
    for name, step in STEPS.items():
        if (why := _tried(step, limits)) and not limits["unlimited"]:
            print(f"cannot limit {name}: {why}", file=sys.stderr)
            sys.exit(CANNOT)
    sys.exit(_become(sys.argv[2:]))


def _become(command: list[str]) -> int:
    """Start the program as the first process of its namespace, and wait for it.

    Returns:
        Its exit status, or 128 and the number of the signal that ended it, as a shell has it.
    """
    if not hasattr(os, "fork"):
        os.execv(command[0], command)
    if not (child := os.fork()):
        libc = ctypes.CDLL(None)
        if hasattr(libc, "prctl"):
            libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        os.execv(command[0], command)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status if status >= 0 else 128 - status


def _tried(step: Callable[[Mapping[str, Any]], None], limits: Mapping[str, Any]) -> str:
    try:
        step(limits)
    except (OSError, ValueError, ImportError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ""


if __name__ == "__main__":
    main()
