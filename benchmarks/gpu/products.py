"""Matrix products of Mamba 130M on a GPU: right, and how fast beside torch.

    products.py prepare FOLDER [NAME ...]   compiles them; needs ssmc in PATH, no GPU
    products.py run FOLDER [NAME ...]       needs a GPU, torch, and SSMC_LIBRARY_DIR or an installed ssmc

Products of many rows are cuBLASLt's where it is found; with SSMRT_CUBLASLT set to
nothing they are our kernels', and the lines say so ("by"). Rows are a step's (1), a
batch's (16, 64) and a prompt's (512, 2048), and one count that fills no tile. Each is first compared with float64, on an output that is poisoned before; a
deviation is that of the largest difference from the largest number, and infinite
where a second run has other bits. Times are medians of events around one run, the L2
cache flushed before, beside torch.matmul in the same type (f32 without TF32), which
rounds its sums to that type, as ours does not; the tensor cores' sums are a little
coarser than f32. The floor is what the bytes take at 4.3 TB/s, or the products at
60 TFLOP/s in f32 and 790 in 16 bits.
"""
import json
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks" / "gpu"))
from mixers import module  # noqa: E402
from tensor_cores import Model, timed  # noqa: E402

#: Name: columns, extent that is summed over, whether the weight lies transposed.
SHAPES = {"in_proj": (3072, 768, False), "x_proj": (80, 1536, False), "dt_proj": (1536, 48, False),
          "out_proj": (768, 1536, False), "head": (50280, 768, False), "head_transposed": (50280, 768, True)}
KINDS = ("f32", "bf16")
ROWS = (1, 16, 64, 300, 512, 2048)
BY = "kernels" if os.environ.get("SSMRT_CUBLASLT") == "" else "library"
TOLERANCE = {"f32": 1e-5, "bf16": 5e-5}
PEAK = {"f32": 60e12, "bf16": 790e12}
BANDWIDTH = 4.3e12


def text(name, kind):
    columns, depth, transposed = SHAPES[name]
    right = (columns, depth) if transposed else (depth, columns)
    extend = kind != "f32"
    body = "".join(f"        %{v}w = arith.extf %{v} : {kind} to f32\n" for v in "pq") if extend else ""
    p, q = ("%pw", "%qw") if extend else ("%p", "%q")
    op = f"""linalg.generic {{indexing_maps = [affine_map<(b, l, n, k) -> (b, l, k)>,
        affine_map<(b, l, n, k) -> ({'n, k' if transposed else 'k, n'})>, affine_map<(b, l, n, k) -> (b, l, n)>],
        iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
        ins(%x, %w : {{x}}, {{w}}) outs(%first : {{y}}) {{
      ^bb0(%p: {kind}, %q: {kind}, %sum: f32):
{body}        %m = arith.mulf {p}, {q} : f32
        %s = arith.addf %sum, %m : f32
        linalg.yield %s : f32
    }}"""
    made = module([("x", kind, ("s0", "s1", depth)), ("w", kind, right)], [("y", "f32", ("s0", "s1", columns))], op)
    fill = """    %zero = arith.constant 0.0 : f32
    %first = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x?xNxf32>) -> tensor<?x?xNxf32>
"""
    return made.replace("    %r:1 =", fill.replace("xNx", f"x{columns}x") + "    %r:1 =").replace("{y}", "")


CASES = {f"{name}_{kind}": (name, kind) for name in SHAPES for kind in KINDS}


def prepare(folder, names):
    import subprocess
    folder.mkdir(parents=True, exist_ok=True)
    for case in names:
        source = folder / f"{case}.mlir"
        source.write_text(text(*CASES[case]))
        subprocess.run(["ssmc", source, "--target=cuda:sm_90a", "--cpu=x86-64-v3", "-o", source.with_suffix(".so")],
                       check=True)
        print(case, source.with_suffix(".so").stat().st_size)


def measure(torch, folder, case, rows):
    name, kind = CASES[case]
    columns, depth, transposed = SHAPES[name]
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[kind]
    x = torch.randn(1, rows, depth, device="cuda").to(dtype)
    w = torch.randn((columns, depth) if transposed else (depth, columns), device="cuda").to(dtype)
    right = w.t() if transposed else w
    first, second = (torch.full((1, rows, columns), float("nan"), device="cuda") for _ in range(2))
    model = Model(folder / f"{case}.so")
    run = model.bind(torch, {"x": x, "w": w}, {"y": first})
    run()
    model.bind(torch, {"x": x, "w": w}, {"y": second})()
    torch.cuda.synchronize()
    wanted = x.double() @ right.double()
    error = float((first - wanted).abs().max() / wanted.abs().max())
    if not torch.equal(first, second) or error != error:
        error = float("inf")
    times = timed(torch, {"ssmc": run, "torch": lambda: torch.matmul(x, right)})
    bits = x.element_size() * (x.numel() + w.numel()) + 4 * first.numel()
    floor = max(bits / BANDWIDTH, 2 * rows * columns * depth / PEAK[kind]) * 1e3
    medians = {who: round(statistics.median(ms), 5) for who, ms in times.items()}
    return {"product": case, "by": BY, "rows": rows, "deviation": error, **medians, "floor_ms": round(floor, 5),
            "all": {who: [round(t, 5) for t in ms] for who, ms in times.items()}}


def run(folder, names):
    import torch
    torch.backends.cuda.matmul.allow_tf32 = False
    print(torch.cuda.get_device_name(), torch.__version__)
    failed = []
    with torch.cuda.stream(torch.cuda.Stream()):
        for case in names:
            for rows in ROWS:
                found = measure(torch, folder, case, rows)
                print(json.dumps(found), flush=True)
                if not found["deviation"] <= TOLERANCE[CASES[case][1]]:
                    failed.append((case, rows))
    print("failed:", failed)
    return bool(failed)


if __name__ == "__main__":
    what, where, *given = sys.argv[1:]
    sys.exit({"prepare": prepare, "run": run}[what](pathlib.Path(where), given or list(CASES)))
