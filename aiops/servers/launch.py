"""Become another program that cannot outlive its parent. A script: it is run, not imported.

Done in a fresh process rather than between fork and exec of ours: our process has threads, and a
forked copy of it may hang on any lock that one of them held.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import signal
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
WATCH_S = 1.0


def main() -> None:
    options = parse(sys.argv[1:])
    # A shell starts background jobs with SIGINT ignored, and exec would pass that on.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if options.namespace:
        enter_user_namespace(options.uid)
    elif options.uid is not None:
        drop_to(options.uid, options.gid)
    if options.cwd:
        os.chdir(options.cwd)
    # After the change of user, which would clear it again.
    die_with_parent(options)
    try:
        os.execvp(options.argv[0], options.argv)
    except OSError as error:
        sys.exit(f"{options.argv[0]} cannot be started: {error.strerror}")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="launch")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True, help="sent when the parent dies")
    parser.add_argument("--watch", type=int, help="a pipe that closes with the parent")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--namespace", action="store_true")
    parser.add_argument("--cwd")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    options.argv = options.argv[1:]  # the separating --
    return options


def drop_to(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def enter_user_namespace(inner: int) -> None:
    """Look like user `inner` to ourselves, and stay who we are to the file system.

    For servers that refuse to run as root, in folders that only root may enter.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{inner} {outer_uid} 1")
    write("/proc/self/gid_map", f"{inner} {outer_gid} 1")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def die_with_parent(options: argparse.Namespace) -> None:
    if options.watch is not None:
        watch_from_outside(options.watch, os.getpid(), options.signal)
    else:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, options.signal, 0, 0, 0)
    if os.getppid() != options.parent:  # it died before we asked to be told
        sys.exit("The process that wanted this one is gone")


def watch_from_outside(pipe: int, target: int, number: int) -> None:
    """Fork a watchdog twice, so that the target never sees a child that it did not make."""
    if (middle := os.fork()) != 0:
        os.waitpid(middle, 0)
        os.close(pipe)
        return
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    try:
        keep_only(pipe)
        watch(pipe, target, number)
    finally:
        os._exit(0)


def keep_only(pipe: int) -> None:
    """Let go of the target's output and of its lock."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for descriptor in range(3, 256):
        if descriptor != pipe:
            try:
                os.close(descriptor)
            except OSError:
                continue


def watch(pipe: int, target: int, number: int) -> None:
    """Wait until the pipe closes (the parent is gone) or the target has ended by itself."""
    while True:
        closed, _, _ = select.select([pipe], [], [], WATCH_S)
        try:
            os.kill(target, number if closed else 0)
        except ProcessLookupError:
            return
        if closed:
            return


if __name__ == "__main__":
    main()
