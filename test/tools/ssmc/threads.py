"""threads.py MODEL OUT: a thread that cannot be started is the machine's fault."""
import os
import resource
import subprocess
import sys


def limit():
    """Stacks of threads are as large as the stack may grow: here larger than all that may be had."""
    resource.setrlimit(resource.RLIMIT_STACK, (1 << 36, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    resource.setrlimit(resource.RLIMIT_AS, (1 << 34, 1 << 34))


if len(os.sched_getaffinity(0)) == 1:
    sys.exit(print("ok: one processor needs no other thread"))
done = subprocess.run(["ssmc", sys.argv[1], "-o", sys.argv[2]], capture_output=True, text=True, preexec_fn=limit)
assert done.returncode == 1, done
assert done.stderr.startswith("ssmc: a thread cannot be started: ") and done.stderr.count("\n") == 1, done
print("ok")
