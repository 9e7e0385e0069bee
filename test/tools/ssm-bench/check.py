"""Every strategy of every mixer, at small and odd extents, is run and is right:
check.py MIXER..."""
import json
import subprocess
import sys

DIMS = {"scan": ["B=2", "L=13", "D=3"], "attention": ["B=2", "L=9", "J=2", "G=1", "N=4", "P=3"],
        "associative_scan": ["B=2", "L=35", "H=2", "P=3"],
        "selective_scan": ["B=2", "L=5", "D=3", "N=4"]}
HEADS = ["B=2", "L=9", "H=2", "N=4", "P=3", "J=1", "G=1"]

for mixer in sys.argv[1:]:
    dims = [x for dim in DIMS.get(mixer, HEADS) for x in ("--dim", dim)]
    done = subprocess.run(["ssm-bench", mixer, "--json", "--runs", "1", *dims], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    result = json.loads(done.stdout)
    rows = result["strategies"]
    assert len(rows) > 1 and sum(row["planned"] for row in rows) == 1, rows
    for row in rows:
        assert row["deviation"] < 1e-5, row
        assert row["ms"] > 0 and row["cpu_ms"] > 0 and row["bytes"] >= result["floor"]["bytes"] > 0, row
    print(mixer, *(row["strategy"] for row in rows))
