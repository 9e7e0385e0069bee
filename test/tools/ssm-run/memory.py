"""memory.py MODEL: memory that ends, where the machine has some left, is an error
that says so."""
import resource
import subprocess
import sys

command = ["ssm-run", sys.argv[1], "--input=x=random:7", "--input=mask=random", "--input=past=random",
           "--dim=B=2", "--dim=L=20000000", "--dim=P=1", "--dim=L + P=20000001"]
done = subprocess.run(command, capture_output=True, text=True,
                      preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29)))
assert (done.returncode, done.stderr) == (1, "ssm-run: out of memory\n"), done
print("ok")
