"""ssm-run --generate against the entry forward on all that was written so far."""
import json
import os
import subprocess
import sys

import numpy as np

folder, lib = sys.argv[1:]
path = lambda name: os.path.join(os.path.dirname(lib), name)
ids = np.load(os.path.join(folder, "lengths.npz"))["input_ids_L7"]
np.savez(path("prompt.npz"), input_ids=ids)


def run(*arguments, code=0):
    done = subprocess.run(["ssm-run", *arguments], capture_output=True, text=True)
    assert done.returncode == code, done
    return done


done = run(lib, "--generate=4", f"--input=@{path('prompt.npz')}", "--json")
timing = json.loads(done.stderr)
assert (timing["rows"], timing["prompt"], timing["tokens"]) == (len(ids), 7, 4), timing
for line in done.stdout.splitlines():
    np.savez(path("so-far.npz"), input_ids=ids)
    run(lib, f"--input=@{path('so-far.npz')}", f"--output=@{path('logits.npz')}")
    best = np.load(path("logits.npz"))["logits"][:, -1].argmax(-1)
    assert line == " ".join(map(str, best)), (line, best)
    ids = np.concatenate([ids, best[:, None]], 1)
assert ids.shape[1] == 11, ids
assert "tokens/s" in run(lib, "--generate=2", "--input=input_ids=random", "--dim=B=1", "--dim=L=3").stderr
assert "is no prompt" in run(lib, "--generate=2", "--input=input_ids=random", "--dim=B=1", "--dim=L=0", code=1).stderr
assert "no --input for 'input_ids'" in run(lib, "--generate=2", code=2).stderr
