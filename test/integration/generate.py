"""ssm-run --generate against the entry forward on all that was written so far."""
import json
import os
import subprocess
import sys

import numpy as np
import onnx

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

# Rows of different lengths go on as they would alone.
ids, lengths = np.load(os.path.join(folder, "lengths.npz"))["input_ids_L7"][:2], np.array([3, 6])
np.savez(path("prompt.npz"), input_ids=np.where(np.arange(7) < lengths[:, None], ids, 10**6), lengths=lengths)
found = [line.split() for line in run(lib, "--generate=4", f"--input=@{path('prompt.npz')}").stdout.splitlines()]
for row, length in enumerate(lengths):
    np.savez(path("alone.npz"), input_ids=ids[row:row + 1, :length])
    alone = run(lib, "--generate=4", f"--input=@{path('alone.npz')}").stdout.split()
    assert [line[row] for line in found] == alone, (found, alone)
for wrong in ([0, 7], [3, 8], [3]):
    np.savez(path("prompt.npz"), input_ids=ids, lengths=np.array(wrong))
    done = run(lib, "--generate=1", f"--input=@{path('prompt.npz')}", code=1)
    assert "'lengths' are not 2 numbers of type int64 from 1 to 7" in done.stderr, done

# Logits that are no numbers choose no token.
table = np.eye(8, dtype=np.float32)
table[5, 2] = np.nan
graph = onnx.helper.make_graph(
    [onnx.helper.make_node("Gather", ["table", "ids"], ["rows"]), onnx.helper.make_node("CumSum", ["rows", "axis"], ["logits"])],
    "nan", [onnx.helper.make_tensor_value_info("ids", onnx.TensorProto.INT64, ["B", "L"])],
    [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["B", "L", 8])],
    [onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(np.array(1), "axis")])
onnx.save(onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 21)]), path("nan.onnx"))
subprocess.run(["ssmc", path("nan.onnx"), "-o", path("nan.so"), "--entry=prefill,step"], check=True)
for ids, code in (([[1, 1], [2, 6]], 0), ([[1, 1], [2, 5]], 1)):
    np.savez(path("prompt.npz"), ids=np.array(ids))
    done = run(path("nan.so"), "--generate=1", f"--input=@{path('prompt.npz')}", code=code)
    assert done.stdout == "1 2\n" if code == 0 else "the logits of row 1 are not all numbers (NaN)" in done.stderr, done
np.savez(path("prompt.npz"), ids=np.array(ids), lengths=np.array([1, 2]))
assert "a prompt with lengths needs the entry prefill_lengths" in run(
    path("nan.so"), "--generate=1", f"--input=@{path('prompt.npz')}", code=1).stderr
