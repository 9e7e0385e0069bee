"""LSTMs on a GPU, all steps in one launch: right, and how fast beside cuDNN.

    lstm.py prepare FOLDER [NAME ...]   compiles them; needs ssmc in PATH, no GPU
    lstm.py run FOLDER [NAME ...]       needs a GPU, torch, and SSMC_LIBRARY_DIR or an installed ssmc

512 steps, as many inputs as hidden units, the state c in f32. Each is first compared
with float64 over 24 steps (the norm of the difference over that of what is right, and
infinite where a second run has other bits). Times are medians of events around one run,
the L2 cache flushed before; torch.nn.LSTM (cuDNN) is timed as it is called, and
captured in a graph.
"""
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "gpu"))
from tensor_cores import Model, deviation, timed  # noqa: E402

#: Name: batch, hidden units, type of inputs, weights and h.
CASES = {f"lstm_b{batch}_h{hidden}_{kind}": (batch, hidden, kind)
         for batch, hidden in ((16, 1024), (64, 256), (1, 256), (16, 256)) for kind in ("bf16", "f32")}
STEPS = 512
TOLERANCE = {"f32": 1e-5, "bf16": 1.5e-2}
ONNX = {"f32": 1, "f16": 10, "bf16": 16}


def text(batch, hidden, kind):
    H, G, B = hidden, 4 * hidden, batch
    lines, count = [], [0]

    def emit(line):
        count[0] += 1
        lines.append(f"    %v{count[0]} = {line}")
        return f"%v{count[0]}"

    f32, half, gates = (f"tensor<{B}x{n}x{k}>" for n, k in ((H, "f32"), (H, kind), (G, "f32")))

    def op(name, *values, type=f32):
        return emit(f"{name} {', '.join(values)} : {type}")

    def product(left, right, bias):
        empty = emit(f"tensor.empty() : {gates}")
        start = emit(f"linalg.broadcast ins({bias} : tensor<{G}xf32>) outs({empty} : {gates}) dimensions = [0]")
        return emit(f"linalg.matmul ins({left}, {right} : {half}, tensor<{H}x{G}x{kind}>) "
                    f"outs({start} : {gates}) -> {gates}")

    one = emit(f"arith.constant dense<1.0> : {f32}")
    total = op("arith.addf", product("%xt", "%W", "%bw"), product("%h", "%R", "%br"), type=gates)
    i, f, z, o = (emit(f"tensor.extract_slice {total}[0, {n * H}] [{B}, {H}] [1, 1] : {gates} to {f32}") for n in range(4))

    def sigmoid(x):
        return op("arith.divf", one, op("arith.addf", op("math.exp", op("arith.negf", x)), one))
    c = op("arith.addf", op("arith.mulf", sigmoid(f), "%c"), op("arith.mulf", sigmoid(i), op("math.tanh", z)))
    h = op("arith.mulf", sigmoid(o), op("math.tanh", c))
    if kind != "f32":
        h = emit(f"arith.truncf {h} : {f32} to {half}")
    shapes = {"x": ("s0", B, H, kind), "W": (H, G, kind), "R": (H, G, kind), "bw": (G, "f32"), "br": (G, "f32")}
    named = lambda n, s: (f'{{name = "{n}", dtype = {ONNX[s[-1]]} : i64, dims = affine_map<()[s0] -> '
                          f'({", ".join(map(str, s[:-1]))})>}}')
    tensor = lambda s: f"tensor<{'x'.join('?' if d == 's0' else str(d) for d in s)}>"
    y = ("s0", B, H, kind)
    newline = "\n"
    return f"""func.func @forward({', '.join(f'%{n}: {tensor(s)}' for n, s in shapes.items())}) -> {tensor(y)}
    attributes {{ssm.signature = {{symbols = ["L"], inputs = [{', '.join(named(n, s) for n, s in shapes.items())}],
                               outputs = [{named('y', y)}]}}}} {{
  %L = onnx.symbol "L"
  %zh = arith.constant dense<0.0> : {half}
  %zc = arith.constant dense<0.0> : {f32}
  %e = tensor.empty(%L) : {tensor(y)}
  %r:3 = ssm.recurrence axes[0, 0] ins(%x : {tensor(shapes['x'])}) outs(%e : {tensor(y)})
      states(%zh, %zc : {half}, {f32}) {{
  ^bb0(%xt: {half}, %h: {half}, %c: {f32}):
{newline.join(lines)}
    ssm.yield {h}, {c}, {h} : {half}, {f32}, {half}
  }} -> {tensor(y)}, {half}, {f32}
  return %r#0 : {tensor(y)}
}}
"""


def prepare(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for case in names:
        source = folder / f"{case}.mlir"
        source.write_text(text(*CASES[case]))
        subprocess.run(["ssmc", source, "--target=cuda:sm_90a", "--cpu=x86-64-v3", "-o", source.with_suffix(".so")],
                       check=True)
        print(case, source.with_suffix(".so").stat().st_size)


def expected(torch, x, W, R, bw, br):
    """In double precision; h is rounded to its type, as it is where it is stored."""
    h = c = torch.zeros(x.shape[1:], dtype=torch.float64, device="cuda")
    ys = []
    for xt in x:
        i, f, z, o = (xt.double() @ W.double() + bw.double() + h @ R.double() + br.double()).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(z)
        h = (torch.sigmoid(o) * torch.tanh(c)).to(x.dtype).double()
        ys.append(h)
    return torch.stack(ys)


def captured(torch, call):
    call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def measure(torch, folder, case):
    batch, hidden, kind = CASES[case]
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[kind]
    draw = lambda *shape: (torch.rand(shape, device="cuda") - 0.5) * 2
    values = {"x": draw(STEPS, batch, hidden).to(dtype), "W": (draw(hidden, 4 * hidden) / hidden ** 0.5).to(dtype),
              "R": (draw(hidden, 4 * hidden) / hidden ** 0.5).to(dtype), "bw": draw(4 * hidden), "br": draw(4 * hidden)}
    model = Model(folder / f"{case}.so")
    worst = 0.0
    for steps in (1, 2, 24):
        few = {**values, "x": values["x"][:steps].contiguous()}
        found = [torch.full((steps, batch, hidden), float("nan"), device="cuda", dtype=dtype) for _ in range(2)]
        for y in found:
            model.bind(torch, few, {"y": y})()
        torch.cuda.synchronize()
        same = torch.equal(found[0], found[1])
        worst = max(worst, deviation(torch, found[0], expected(torch, **few)) if same else float("inf"))
    y = torch.empty(STEPS, batch, hidden, device="cuda", dtype=dtype)
    run = model.bind(torch, values, {"y": y})
    for _ in range(3):  # the second run is recorded, and from then on a graph
        run()
    peer = torch.nn.LSTM(hidden, hidden).to("cuda", dtype)
    x = values["x"]
    with torch.no_grad():
        calls = {"ssmc": run, "torch": lambda: peer(x)}
        try:
            calls["torch_graph"] = captured(torch, lambda: peer(x))
        except RuntimeError as error:
            print("no graph of the peer:", error)
        times = timed(torch, calls)
    return {"case": case, "deviation": worst, **{who: round(statistics.median(ms), 4) for who, ms in times.items()},
            "all": {who: [round(t, 4) for t in ms] for who, ms in times.items()}}


def run(folder, names):
    import torch
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    print(torch.cuda.get_device_name(), torch.__version__, "cuDNN", torch.backends.cudnn.version())
    failed = []
    with torch.cuda.stream(torch.cuda.Stream()):
        for case in names:
            found = measure(torch, folder, case)
            print(json.dumps(found), flush=True)
            if not found["deviation"] <= TOLERANCE[CASES[case][2]]:
                failed.append(case)
    print("failed:", failed)
    return bool(failed)


if __name__ == "__main__":
    what, where, *given = sys.argv[1:]
    sys.exit({"prepare": prepare, "run": run}[what](pathlib.Path(where), given or list(CASES)))
