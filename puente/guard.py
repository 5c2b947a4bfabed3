"""Ends what a killed supervisor leaves behind. A program of its own, with nothing but the standard library.

It reads `+<group>` and `-<group>` from its standard input: a pipe whose other end only the supervisor holds. When the
supervisor ends, however it ends, the pipe closes, and the groups that are still listed are ended.
"""

import contextlib
import os
import signal
import sys
import time

GRACE_SECONDS = 5


def main() -> None:
    """Wait for the end of the pipe, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # its time comes when the pipe closes, not before
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end(groups)


def end(groups: set[int]) -> None:
    """End these process groups: politely, then by force."""
    deadline = time.monotonic() + GRACE_SECONDS
    living = {group for group in groups if _send(group, signal.SIGTERM)}
    while living and time.monotonic() < deadline:
        time.sleep(0.05)
        living = {group for group in living if _send(group, 0)}
    for group in living:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main()
