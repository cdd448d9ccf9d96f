"""Run one command and print one line of JSON: exit code, wall and CPU seconds, peak memory.

    python -I -S benchmarks/measure.py TIMEOUT_S OUTPUT_FILE COMMAND...

It runs in its own process and imports little: on Linux a command's peak memory starts at that of the process that
started it, so that a large parent would be measured instead. Linux and macOS.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss, see getrusage(2)


def main() -> None:
    """Run the command with its output to a file; kill it after the timeout."""
    timeout_s, output, *command = sys.argv[1:]
    to_file = [
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    started_at, started = time.time(), time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=to_file)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(int(timeout_s))
    _, status, used = os.wait4(pid, 0)
    wall = time.monotonic() - started
    measured = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "started_at": started_at,
        "wall_s": wall,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss * MAXRSS_BYTES / 1e6,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
