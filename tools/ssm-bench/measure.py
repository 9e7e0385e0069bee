"""Compiles a mixer by each strategy with ssmc and runs it with ssm-run."""
import json
import math
import os
import subprocess
import sys

import numpy as np

TYPES = {"f32": np.float32, "f64": np.float64}
LANES = 16
CHAINS = 12
STEPS = 200_000


def call(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"ssm-bench: {' '.join(command)}\n{done.stderr}", file=sys.stderr)
        sys.exit(done.returncode)
    return done.stdout


def multiply_adds(dtype):
    """A bare loop of multiply-adds on registers."""
    vector, names = f"vector<{LANES}x{dtype}>", [f"%v{i}" for i in range(CHAINS)]
    text = [f"func.func @forward(%x: tensor<{CHAINS}x{dtype}>, %y: tensor<{dtype}>) -> tensor<{CHAINS}x{dtype}> {{",
            "  %zero = arith.constant 0 : index", "  %one = arith.constant 1 : index",
            f"  %n = arith.constant {STEPS} : index", f"  %s = tensor.extract %y[] : tensor<{dtype}>",
            f"  %c = vector.broadcast %s : {dtype} to {vector}"]
    for i in range(CHAINS):
        text += [f"  %i{i} = arith.constant {i} : index",
                 f"  %x{i} = tensor.extract %x[%i{i}] : tensor<{CHAINS}x{dtype}>",
                 f"  %b{i} = vector.broadcast %x{i} : {dtype} to {vector}"]
    starts = ", ".join(f"%a{i} = %b{i}" for i in range(CHAINS))
    kinds = ", ".join([vector] * CHAINS)
    text.append(f"  %r:{CHAINS} = scf.for %t = %zero to %n step %one iter_args({starts}) -> ({kinds}) {{")
    text += [f"    {name} = vector.fma %a{i}, %c, %c : {vector}" for i, name in enumerate(names)]
    text += [f"    scf.yield {', '.join(names)} : {kinds}", "  }"]
    for i in range(CHAINS):
        text.append(f"  %s{i} = vector.reduction <add>, %r#{i} : {vector} into {dtype}")
    text += [f"  %o = tensor.from_elements {', '.join(f'%s{i}' for i in range(CHAINS))} : tensor<{CHAINS}x{dtype}>",
             f"  return %o : tensor<{CHAINS}x{dtype}>", "}"]
    return "\n".join(text)


WIDTH = 1 << 10
# As rows of three tensors.
MEGABYTE = (1 << 20) // (12 * WIDTH)


def adding(rows):
    """Two tensors added to a third: as fast as what they lie in takes it."""
    matrix = f"tensor<{rows}x{WIDTH}xf32>"
    return f"""func.func @forward(%x: {matrix}, %y: {matrix}) -> {matrix} {{
  %e = tensor.empty() : {matrix}
  %z = linalg.add ins(%x, %y : {matrix}, {matrix}) outs(%e : {matrix}) -> {matrix}
  return %z : {matrix}
}}"""


class Program:
    """A compiled function of the name `forward`."""

    def __init__(self, folder, name, text, *flags):
        source = os.path.join(folder, name + ".mlir")
        with open(source, "w") as file:
            file.write(text)
        self.path = os.path.join(folder, name + ".so")
        call("ssmc", source, "-o", self.path, *flags)

    def info(self):
        text = call("ssm-run", self.path, "--info", "--json")
        return json.loads(text)["compilation"]

    def inputs(self, arrays):
        path = self.path + ".in.npz"
        np.savez(path, **{f"input{i}": array for i, array in enumerate(arrays)})
        return path

    def run(self, arrays):
        out = self.path + ".out.npz"
        call("ssm-run", self.path, "--input", "@" + self.inputs(arrays), "--output", "@" + out)
        return np.load(out)["output0"]

    def time(self, arrays, runs, threads):
        """Milliseconds of a run: the median by the clock, and of all threads'
        processor time the mean."""
        text = call("ssm-run", self.path, "--input", "@" + self.inputs(arrays), f"--bench={runs}",
                    "--threads", str(threads), "--json")
        times = json.loads(text)
        return times["p50_ms"], times["cpu_ms"]


class TooLarge(Exception):
    """An array has more bytes than can be counted."""


class Bench:
    def __init__(self, folder, options, mixer):
        self.folder, self.options, self.mixer = folder, options, mixer
        self.text = mixer.function(options.dims, options.type)
        # What numpy cannot count it refuses in ways that depend on its version.
        if any(math.prod(shape) * 8 > sys.maxsize for _, shape in mixer.operands(options.dims)):
            raise TooLarge
        self.data = mixer.make_inputs(options.dims, np.random.default_rng(1))
        self.program = self.compile("plan")
        self.decision = self.program.info()["plan"][0]

    def compile(self, name, *flags):
        return Program(self.folder, name, self.text, f"--cpu={self.options.cpu}",
                       f"--plan-threads={self.options.threads}", *flags)

    def strategies(self):
        return [estimate["strategy"] for estimate in self.decision["estimates"]]

    def rates(self):
        """Multiply-adds and bytes of a second, by all threads together."""
        dtype, threads = TYPES[self.options.type], self.options.threads
        macs = Program(self.folder, "macs", multiply_adds(self.options.type), f"--cpu={self.options.cpu}")
        ms = macs.time([np.ones(CHAINS, dtype), np.full((), 0.5, dtype)], 3, 1)[1]
        flops = 2 * LANES * CHAINS * STEPS / ms * 1e3
        # As many bytes as the mixer has: they may lie in a cache.
        own = self.decision["floor"]["bytes"] // (12 * WIDTH)
        bandwidth = max(self.bandwidth(rows) for rows in {max(1, own), max(MEGABYTE, own)})
        return flops * min(threads, len(os.sched_getaffinity(0))), bandwidth

    def bandwidth(self, rows):
        add = Program(self.folder, f"add{rows}", adding(rows), f"--cpu={self.options.cpu}")
        ms = add.time([np.ones((rows, WIDTH), np.float32)] * 2, 3, 1)[1]
        return 12 * rows * WIDTH / ms * 1e3

    def reference(self):
        """The op's own decomposition in double precision."""
        text = self.mixer.function(self.options.dims, "f64")
        return Program(self.folder, "reference", text, "-O0").run(self.data)

    def run(self, names):
        options, dtype = self.options, TYPES[self.options.type]
        flops, bandwidth = self.rates()
        floor = dict(self.decision["floor"])
        floor["ms"] = max(floor["flops"] / flops, floor["bytes"] / bandwidth) * 1e3
        expected = self.reference()
        arrays = [x.astype(dtype) for x in self.data]
        rows = []
        for estimate in self.decision["estimates"]:
            name = estimate["strategy"]
            if name not in names:
                continue
            row = dict(estimate, planned=name == self.decision["chosen"]["strategy"],
                       estimated_s=estimate["cycles"] / 3e9)
            rows.append(row)
            if row["estimated_s"] > options.limit:
                continue
            program = self.compile(name, f"--strategy={options.mixer}:{name}")
            found = program.run(arrays)
            row["deviation"] = float(np.abs(found - expected).max() / max(1e-30, np.abs(expected).max()))
            row["ms"], row["cpu_ms"] = program.time(arrays, options.runs, options.threads)
            # Other jobs on the machine count only by the clock.
            row["of_floor"] = floor["ms"] / row["cpu_ms" if options.threads == 1 else "ms"]
        return {"mixer": self.mixer.op.split()[0], "dims": options.dims, "type": options.type,
                "processor": self.program.info()["cpu"], "threads": options.threads,
                "runs": options.runs, "limit": options.limit, "gflops": flops / 1e9,
                "gbytes": bandwidth / 1e9, "floor": floor, "strategies": rows}

    def matrix(self, most=128):
        """The mixing matrix of the first head or channel: what the op makes of
        the columns of the identity, each in a row of a batch."""
        dims = dict(self.options.dims)
        length = dims["L"] = min(dims["L"], most)
        one = dict(dims, B=1)
        data, names = self.mixer.make_inputs(one, np.random.default_rng(1)), self.mixer.operands(one)
        dims["B"] = length
        columns = []
        for array, (name, shape) in zip(data, names):
            if name == self.mixer.mixed:
                array = np.zeros((length, *shape[1:]))
                array[np.arange(length), np.arange(length)] = 1
            elif self.mixer.operands(dims)[len(columns)][1][0] == length and shape[0] == 1:
                array = np.repeat(array, length, 0)
            columns.append(array)
        text = self.mixer.function(dims, "f64")
        y = Program(self.folder, "matrix", text, "-O0").run(columns)
        return y.reshape(length, length, -1)[:, :, 0].T
