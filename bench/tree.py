"""Start a command, wait for its whole process tree, and tell what that cost.

Usage: tree.py FD COMMAND...; writes JSON to the file descriptor FD. A process of its own, and a
small one: what a process has at its peak is never less than what its starter had, so that a large
harness would lend its memory to everyone it measures.
"""

import ctypes
import json
import os
import sys
import time

_BECOME_SUBREAPER = 36

fd, command = int(sys.argv[1]), sys.argv[2:]
os.set_inheritable(fd, False)
if sys.platform == "linux":
    # Children that outlive their parent, as Spark's Java does, become ours and are counted.
    ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)
started = time.perf_counter()
leader = os.posix_spawn(command[0], command, os.environ)
cpu_s, peak, code, wall_s = 0.0, 0, 0, 0.0
while True:
    try:
        pid, status, used = os.wait4(-1, 0)
    except ChildProcessError:
        break
    cpu_s += used.ru_utime + used.ru_stime
    peak = max(peak, used.ru_maxrss)
    if pid == leader:
        wall_s = time.perf_counter() - started
        code = os.waitstatus_to_exitcode(status)
with os.fdopen(fd, "w") as answer:
    json.dump({"wall_s": wall_s, "cpu_s": cpu_s, "peak": peak, "code": code}, answer)
