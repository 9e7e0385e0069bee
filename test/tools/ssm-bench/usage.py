"""The exit status of a tool that ssm-bench runs is its own, and more threads than
there are processors make no lower floor."""
import json
import subprocess


def bench(*arguments):
    return subprocess.run(["ssm-bench", "scan", "--dim", "L=16", "--dim", "D=16", *arguments], capture_output=True,
                          text=True)


done = bench("--cpu", "pentium-9")
print(f"{done.returncode}: {' '.join(done.stderr.split())}")
rates = [json.loads(bench("--json", "--runs=1", "--strategy=recurrent", f"--threads={n}").stdout)["gflops"]
         for n in (1, 1000)]
assert rates[1] < 900 * rates[0], rates
