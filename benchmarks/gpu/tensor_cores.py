"""Attention and matrix states on a GPU's tensor cores: right, and how fast.

    tensor_cores.py prepare FOLDER [NAME ...]   compiles the mixers; needs ssmc in PATH, no GPU
    tensor_cores.py run FOLDER [NAME ...]       needs a GPU, torch, and SSMC_LIBRARY_DIR or an installed ssmc

Each mixer is first compared with float64 at lengths that fill no tile, on outputs
that are poisoned before: a deviation is the norm of the difference over that of
what is right, and infinite where a second run has other bits. Times are medians of
events around one run, the L2 cache flushed before, peers interleaved; those of steps
also one of 50 runs in a graph.
"""
import ctypes
import json
import math
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ONNX = {"f32": 1, "i1": 9, "f16": 10, "bf16": 16}
TOLERANCE = {"bf16": 6e-3, "f16": 1.5e-3, "f32": 2e-6}


def module(op, inputs, outputs, empty, before="", after="", returned=()):
    """`op` uses inputs by name and writes %name0 for each of `empty`; {name} is a type.
    Its results are %r#0, ...; where ops come `after`, other ones may be `returned`."""
    types = {n: "tensor<" + "".join("?x" if isinstance(d, str) else f"{d}x" for d in dims) + kind + ">"
             for n, kind, dims in inputs + outputs}

    def listed(values):
        return ", ".join(f'{{name = "{n}", dtype = {ONNX[k]} : i64, dims = affine_map<()[s0, s1] -> '
                         f'({", ".join(map(str, dims))})>}}' for n, k, dims in values)

    def typed(text):
        for name, kind in types.items():
            text = text.replace("{" + name + "}", kind)
        return text
    args = ", ".join(f'%{n}: {types[n]} {{onnx.name = "{n}"}}' for n, _, _ in inputs)
    results = ", ".join(types[n] for n, _, _ in outputs)
    dims_of = {n: dims for n, _, dims in inputs + outputs}

    def extents(name):
        return ", ".join({"s0": "%B", "s1": "%L"}[d] for d in dims_of[name] if isinstance(d, str))
    body = [f"    %{n}0 = tensor.empty({extents(n)}) : {types[n]}" for n in empty]
    returned = returned or [f"%r#{i}" for i in range(len(outputs))]
    text = "\n".join([
        "module {", f"  func.func @forward({args})",
        "      -> (" + ", ".join(f'{types[n]} {{onnx.name = "{n}"}}' for n, _, _ in outputs) + ")",
        f'      attributes {{ssm.signature = {{symbols = ["B", "L"], inputs = [{listed(inputs)}],',
        f"                                    outputs = [{listed(outputs)}]}}}} {{",
        "    %c0 = arith.constant 0 : index", "    %c1 = arith.constant 1 : index",
        f"    %B = tensor.dim %q, %c0 : {types['q']}", f"    %L = tensor.dim %q, %c1 : {types['q']}", *body, typed(before),
        f"    %r:{len(outputs)} = {typed(op)} -> {results}", typed(after),
        f"    return {', '.join(returned)} : {results}", "  }", "}", ""])
    if not any("s1" in str(d) for _, _, dims in inputs for d in dims):  # no length
        text = text.replace("[s0, s1]", "[s0]").replace('["B", "L"]', '["B"]')
    return text


class Attention:
    def __init__(self, heads, key_heads, columns, value_columns=None, kind="bf16", left=None, right=0, softcap=None,
                 slopes=False, sinks=False, keys="s1", steps="s1"):
        self.__dict__.update(locals())
        self.value_columns = value_columns or columns

    def text(self):
        q = ("s0", self.steps, self.heads, self.columns)
        k, v = (("s0", self.keys, self.key_heads, c) for c in (self.columns, self.value_columns))
        inputs = [("q", self.kind, q), ("k", self.kind, k), ("v", self.kind, v)]
        inputs += [(n, "f32", (self.heads,)) for n in ("slopes", "sinks") if getattr(self, n)]
        outputs = [("y", self.kind, (*q[:3], self.value_columns)), ("lse", "f32", q[:3])]
        limits = "".join(f" {n}({getattr(self, n)})" for n in ("softcap", "left", "right") if getattr(self, n) is not None)
        extra = "".join(f" {n}(%{n} : {{{n}}})" for n in ("slopes", "sinks") if getattr(self, n))
        return module(f"ssm.attention{limits} ins(%q, %k, %v : {{q}}, {{k}}, {{v}}){extra} "
                      "outs(%y0, %lse0 : {y}, {lse})", inputs, outputs, ["y", "lse"])

    def inputs(self, torch, batch, length, generator):
        queries, keys = (eval(str(n), {"s1": length}) for n in (self.steps, self.keys))
        make = lambda *shape: torch.randn(shape, device="cuda", generator=generator)  # noqa: E731
        dtype = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}[self.kind]
        values = {"q": make(batch, queries, self.heads, self.columns).to(dtype),
                  "k": make(batch, keys, self.key_heads, self.columns).to(dtype),
                  "v": make(batch, keys, self.key_heads, self.value_columns).to(dtype)}
        if self.slopes:
            values["slopes"] = make(self.heads).abs() * 0.1
        if self.sinks:
            values["sinks"] = make(self.heads)
        return values

    def outputs(self, torch, values):
        q = values["q"]
        return {"y": torch.empty(*q.shape[:3], self.value_columns, device="cuda", dtype=q.dtype),
                "lse": torch.empty(*q.shape[:3], device="cuda")}

    def expected(self, torch, values):
        q, k, v = (values[n].double().transpose(1, 2) for n in "qkv")
        k, v = (x.repeat_interleave(self.heads // self.key_heads, 1) for x in (k, v))
        queries, keys = q.shape[2], k.shape[2]
        s = q @ k.transpose(2, 3) / self.columns ** 0.5
        if self.softcap:
            s = self.softcap * torch.tanh(s / self.softcap)
        ahead = torch.arange(keys, device="cuda")[None] - torch.arange(queries, device="cuda")[:, None] - (keys - queries)
        if self.slopes:
            s = s - values["slopes"].double()[:, None, None] * ahead.abs()
        seen = torch.ones_like(ahead, dtype=torch.bool)
        if self.right is not None:
            seen &= ahead <= self.right
        if self.left is not None:
            seen &= -ahead <= self.left
        s = s.masked_fill(~seen, -float("inf"))
        all_scores = s
        if self.sinks:
            sinks = values["sinks"].double()[None, :, None, None].expand(*s.shape[:3], 1)
            all_scores = torch.cat([s, sinks], 3)
        lse = torch.logsumexp(all_scores, 3, keepdim=True)
        p = torch.where(torch.isfinite(s), torch.exp(s - lse), 0)
        return {"y": (p @ v).transpose(1, 2), "lse": lse[..., 0].transpose(1, 2)}

    def work(self, batch, length):
        if self.steps == 1:
            return {"bytes": batch * length * self.key_heads * (self.columns + self.value_columns) * 2}
        pairs = length * (length + 1) / 2 if self.right == 0 else length * length
        if self.left is not None:
            pairs -= max(0, length - self.left) * max(0, length - self.left - 1) / 2
        return {"flops": 2 * batch * self.heads * pairs * (self.columns + self.value_columns)}

    def peers(self, torch, values):
        """torch's own, where it has the same."""
        if self.left is not None or self.softcap or self.slopes or self.sinks:
            return {}
        from torch.nn.attention import SDPBackend, sdpa_kernel
        q, k, v = (values[n].transpose(1, 2).contiguous() for n in "qkv")

        def call(backend):
            def run():
                with sdpa_kernel(backend):
                    torch.nn.functional.scaled_dot_product_attention(
                        q, k, v, is_causal=self.right == 0 and self.steps != 1, enable_gqa=self.heads != self.key_heads)
            return run
        return {"cudnn": call(SDPBackend.CUDNN_ATTENTION), "flash2": call(SDPBackend.FLASH_ATTENTION)}


class Semiseparable:
    def __init__(self, heads, key_heads, query_heads, keys, values, kind="bf16", decay="token", decay_kind="f32",
                 reverse=False, resets=False, steps="s1"):
        self.__dict__.update(locals())
        self.of_decay = {"token": (self.heads,), "key": (self.heads, self.keys)}.get(decay)

    def text(self):
        inputs = [("q", self.kind, ("s0", self.steps, self.query_heads, self.keys)),
                  ("k", self.kind, ("s0", self.steps, self.key_heads, self.keys)),
                  ("v", self.kind, ("s0", self.steps, self.heads, self.values))]
        if self.decay:
            inputs.append(("g", self.decay_kind, ("s0", self.steps, *self.of_decay) if self.of_decay else (self.heads,)))
        if self.resets:
            inputs.append(("resets", "i1", ("s0", "s1")))
        state = ("s0", self.heads, self.keys, self.values)
        inputs.append(("begin", "f32", state))
        outputs = [("y", self.kind, ("s0", self.steps, self.heads, self.values)), ("last", "f32", state)]
        decay = " decay(%g : {g})" if self.decay else ""
        decay += " resets(%resets : {resets})" if self.resets else ""
        reverse = " reverse" if self.reverse else ""
        return module(f"ssm.semiseparable{reverse} ins(%q, %k, %v : {{q}}, {{k}}, {{v}}){decay} "
                      "outs(%y0, %begin : {y}, {begin})", inputs, outputs, ["y"])

    def inputs(self, torch, batch, length, generator):
        make = lambda *shape: torch.randn(shape, device="cuda", generator=generator)  # noqa: E731
        dtype = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
        kind = dtype[self.kind]
        values = {"q": (make(batch, length, self.query_heads, self.keys) * 0.5).to(kind),
                  "k": (make(batch, length, self.key_heads, self.keys) * 0.5).to(kind),
                  "v": (make(batch, length, self.heads, self.values) * 0.5).to(kind)}
        if self.decay:
            shape = (batch, length, *self.of_decay) if self.of_decay else (self.heads,)
            values["g"] = (-torch.rand(shape, device="cuda", generator=generator) ** 2 * 0.5).to(dtype[self.decay_kind])
        if self.resets:
            values["resets"] = torch.rand(batch, length, device="cuda", generator=generator) < 0.02
        values["begin"] = make(batch, self.heads, self.keys, self.values)
        return values

    def outputs(self, torch, values):
        return {"y": torch.empty_like(values["v"]), "last": torch.empty_like(values["begin"])}

    def expected(self, torch, values):
        q, k, v = (values[n].double() for n in "qkv")
        q = q.repeat_interleave(self.heads // self.query_heads, 2)
        k = k.repeat_interleave(self.heads // self.key_heads, 2)
        s = values["begin"].double()
        g = torch.exp(values["g"].double()) if self.decay else None
        y = torch.empty_like(v)
        for t in reversed(range(q.shape[1])) if self.reverse else range(q.shape[1]):
            if self.resets:
                s = s * ~values["resets"][:, t, None, None, None]
            if g is not None:
                s = s * {"token": lambda: g[:, t, :, None, None], "key": lambda: g[:, t, :, :, None],
                         "head": lambda: g[None, :, None, None]}[self.decay]()
            s = s + k[:, t, :, :, None] * v[:, t, :, None, :]
            y[:, t] = (q[:, t, :, None, :] @ s)[:, :, 0]
        return {"y": y, "last": s}

    def work(self, batch, length):
        row = 2 * (self.query_heads * self.keys + self.key_heads * self.keys + 2 * self.heads * self.values)
        row *= 2 if self.kind == "f32" else 1
        row += 4 * math.prod(self.of_decay) if self.of_decay else 0
        return {"bytes": batch * (length * row + 8 * self.heads * self.keys * self.values)}

    def peers(self, torch, values):
        """Triton kernels of mamba_ssm and fla, where Python finds them."""
        if not self.of_decay or self.kind == "f32":
            return {}
        q, k, v, g = (values[n] for n in "qkvg")
        found = {}
        if self.decay == "key":
            try:
                from fla.ops.gla import chunk_gla
                found["fla"] = lambda: chunk_gla(q, k, v, g, scale=1.0, initial_state=values["begin"],
                                                 output_final_state=True)
            except ImportError as error:
                print("no peer:", error)
            return found
        if self.heads != self.key_heads:
            try:
                from mamba_ssm.ops.triton.ssd_chunk_state import _chunk_cumsum_fwd  # noqa: F401
                from mamba_ssm.ops.triton.ssd_combined import _mamba_chunk_scan_combined_fwd as scan
                a, dt = -torch.ones(self.heads, device="cuda"), -g
                begin = values["begin"].transpose(2, 3).contiguous()
                found["mamba_ssm"] = lambda: scan(v, dt, a, k, q, 128, initial_states=begin)
            except ImportError as error:
                print("no peer:", error)
        else:
            try:
                from fla.ops.simple_gla import chunk_simple_gla as scan
                found["fla"] = lambda: scan(q, k, v, g, scale=1.0,
                                            initial_state=values["begin"], output_final_state=True)
            except ImportError as error:
                print("no peer:", error)
        return found


class Mamba2(Semiseparable):
    """As a model writes it: dt multiplies the inputs, and D x is added behind."""

    def text(self):
        v, state = ("s0", self.steps, self.heads, self.values), ("s0", self.heads, self.keys, self.values)
        of_token = ("s0", self.steps, self.heads)
        inputs = [("q", self.kind, ("s0", self.steps, self.query_heads, self.keys)),
                  ("k", self.kind, ("s0", self.steps, self.key_heads, self.keys)), ("v", self.kind, v),
                  ("g", "f32", of_token), ("dt", "f32", of_token), ("D", "f32", (self.heads,)), ("begin", "f32", state)]
        wide = f"extf %b : {self.kind} to f32"

        def elementwise(result, op, right, dims, type):
            return f"""
    {result} = linalg.generic {{indexing_maps = [affine_map<(b, t, h, p) -> (b, t, h, p)>, affine_map<(b, t, h, p) -> ({dims})>,
        affine_map<(b, t, h, p) -> (b, t, h, p)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
        ins({"%r#0" if op == "addf" else "%v"}, {right} : {{v}}, {type}) outs(%y0 : {{y}}) {{
    ^bb0(%a: {self.kind}, %b: {self.kind if op == "addf" else "f32"}, %o: {self.kind}):
      %f = arith.extf %a : {self.kind} to f32
      {f"%c = arith.{wide}" if op == "addf" else ""}
      %p = arith.{op} %f, {"%c" if op == "addf" else "%b"} : f32
      %t = arith.truncf %p : f32 to {self.kind}
      linalg.yield %t : {self.kind}
    }} -> {{y}}"""
        return module("ssm.semiseparable ins(%q, %k, %w : {q}, {k}, {v}) decay(%g : {g}) outs(%y0, %begin : {y}, {begin})",
                      inputs, [("y", self.kind, v), ("last", "f32", state)], ["y"],
                      before=elementwise("%w", "mulf", "%dt", "b, t, h", "{dt}") + elementwise("%u", "mulf", "%D", "h", "{D}"),
                      after=elementwise("%sum", "addf", "%u", "b, t, h, p", "{v}"), returned=["%sum", "%r#1"])

    def inputs(self, torch, batch, length, generator):
        values = super().inputs(torch, batch, length, generator)
        begin = values.pop("begin")
        return {**values, "dt": -values["g"],
                "D": torch.randn(self.heads, device="cuda", generator=generator), "begin": begin}

    def expected(self, torch, values):
        v = values["v"].double()
        mixed = super().expected(torch, {**values, "v": v * values["dt"].double()[..., None]})
        return {"y": mixed["y"] + values["D"].double()[:, None] * v, "last": mixed["last"]}

    def work(self, batch, length):
        return {"bytes": super().work(batch, length)["bytes"] + 4 * batch * length * self.heads}

    def peers(self, torch, values):
        try:
            from mamba_ssm.ops.triton.ssd_combined import _mamba_chunk_scan_combined_fwd as scan
        except ImportError as error:
            print("no peer:", error)
            return {}
        q, k, v, dt = (values[n] for n in ("q", "k", "v", "dt"))
        a, begin = -torch.ones(self.heads, device="cuda"), values["begin"].transpose(2, 3).contiguous()
        return {"mamba_ssm": lambda: scan(v, dt, a, k, q, 128, D=values["D"], initial_states=begin)}


class DeltaRule(Semiseparable):
    """As many keys and queries as heads, keys of length one, and beta below one."""

    def __init__(self, heads, keys, values, **options):
        super().__init__(heads, heads, heads, keys, values, **options)

    def text(self):
        beta = ("s0", self.steps, self.heads)
        inputs = [(n, self.kind, ("s0", self.steps, self.heads, c))
                  for n, c in (("q", self.keys), ("k", self.keys), ("v", self.values))]
        inputs += [("beta", self.kind, beta), ("g", self.decay_kind, ("s0", self.steps, *self.of_decay))]
        state = ("s0", self.heads, self.keys, self.values)
        inputs.append(("begin", "f32", state))
        outputs = [("y", self.kind, ("s0", self.steps, self.heads, self.values)), ("last", "f32", state)]
        return module("ssm.delta_rule ins(%q, %k, %v : {q}, {k}, {v}) beta(%beta : {beta}) decay(%g : {g}) "
                      "outs(%y0, %begin : {y}, {begin})", inputs, outputs, ["y"])

    def inputs(self, torch, batch, length, generator):
        values = super().inputs(torch, batch, length, generator)
        for n in "qk":
            values[n] = torch.nn.functional.normalize(values[n].float(), dim=-1).to(values[n].dtype)
        beta = torch.rand(batch, length, self.heads, device="cuda", generator=generator)
        begin = values.pop("begin")
        g = values.pop("g")
        return {**values, "beta": beta.to(values["q"].dtype), "g": g, "begin": begin}

    def expected(self, torch, values):
        q, k, v, beta, s = (values[n].double() for n in ("q", "k", "v", "beta", "begin"))
        g = torch.exp(values["g"].double())
        y = torch.empty_like(v)
        for t in range(q.shape[1]):
            s = s * (g[:, t, :, None, None] if self.decay == "token" else g[:, t, :, :, None])
            error = beta[:, t, :, None] * (v[:, t] - (k[:, t, :, None, :] @ s)[:, :, 0])
            s = s + k[:, t, :, :, None] * error[:, :, None, :]
            y[:, t] = (q[:, t, :, None, :] @ s)[:, :, 0]
        return {"y": y, "last": s}

    def work(self, batch, length):
        size = 4 if self.kind == "f32" else 2
        return {"bytes": super().work(batch, length)["bytes"] + batch * length * self.heads * size}

    def peers(self, torch, values):
        if self.kind == "f32":
            return {}
        q, k, v, beta, g = (values[n] for n in ("q", "k", "v", "beta", "g"))
        options = {"scale": 1.0, "initial_state": values["begin"], "output_final_state": True}
        try:
            if self.decay == "key":
                from fla.ops.kda import chunk_kda
                return {"fla": lambda: chunk_kda(q, k, v, g, beta, **options)}
            if self.steps == 1:
                from fla.ops.gated_delta_rule import fused_recurrent_gated_delta_rule as step
                return {"fla": lambda: step(q, k, v, g=g, beta=beta, **options)}
            from fla.ops.gated_delta_rule import chunk_gated_delta_rule
            return {"fla": lambda: chunk_gated_delta_rule(q, k, v, g, beta, **options)}
        except ImportError as error:
            print("no peer:", error)
            return {}


class Quasiseparable:
    def __init__(self, heads, key_heads, query_heads, keys, values, kind="bf16", decay=True, diagonal=True):
        self.__dict__.update(locals())

    def text(self):
        q = ("s0", "s1", self.query_heads, self.keys)
        k = ("s0", "s1", self.key_heads, self.keys)
        v = ("s0", "s1", self.heads, self.values)
        of_token = ("s0", "s1", self.heads)
        inputs = [("q", self.kind, q), ("kf", self.kind, k), ("qb", self.kind, q), ("kb", self.kind, k),
                  ("v", self.kind, v)]
        extra = ""
        if self.diagonal:
            inputs.append(("d", self.kind, of_token))
            extra += " diagonal(%d : {d})"
        if self.decay:
            inputs += [("gf", "f32", of_token), ("gb", "f32", of_token)]
            extra += " decay(%gf, %gb : {gf}, {gb})"
        return module("ssm.quasiseparable ins(%q, %kf, %qb, %kb, %v : {q}, {kf}, {qb}, {kb}, {v})"
                      f"{extra} outs(%y0 : {{y}})", inputs, [("y", self.kind, v)], ["y"])

    def inputs(self, torch, batch, length, generator):
        dtype = {"bf16": torch.bfloat16, "f16": torch.float16}[self.kind]
        make = lambda *shape: torch.randn(shape, device="cuda", generator=generator) * 0.5  # noqa: E731
        sizes = {"q": (self.query_heads, self.keys), "kf": (self.key_heads, self.keys),
                 "qb": (self.query_heads, self.keys), "kb": (self.key_heads, self.keys),
                 "v": (self.heads, self.values)}
        values = {n: make(batch, length, *s).to(dtype) for n, s in sizes.items()}
        if self.diagonal:
            values["d"] = make(batch, length, self.heads).to(dtype)
        for n in ("gf", "gb") if self.decay else ():
            values[n] = -torch.rand((batch, length, self.heads), device="cuda", generator=generator) ** 2 * 0.5
        return values

    def outputs(self, torch, values):
        return {"y": torch.empty_like(values["v"])}

    def expected(self, torch, values):
        v = values["v"].double()
        y = v * values["d"].double()[..., None] if self.diagonal else torch.zeros_like(v)
        length = v.shape[1]
        for suffix, order in (("f", range(length)), ("b", reversed(range(length)))):
            q = values["q" if suffix == "f" else "qb"].double().repeat_interleave(self.heads // self.query_heads, 2)
            k = values["k" + suffix].double().repeat_interleave(self.heads // self.key_heads, 2)
            g = torch.exp(values["g" + suffix].double()) if self.decay else torch.ones_like(v[..., 0])
            s = torch.zeros(v.shape[0], self.heads, self.keys, self.values, device="cuda", dtype=torch.float64)
            for t in order:
                y[:, t] += (q[:, t, :, None, :] @ s)[:, :, 0]
                s = s * g[:, t, :, None, None] + k[:, t, :, :, None] * v[:, t, :, None, :]
        return {"y": y}

    def work(self, batch, length):
        row = 4 * (self.query_heads * self.keys + self.key_heads * self.keys + self.heads * self.values)
        row += 2 * self.heads * self.diagonal + 8 * self.heads * self.decay
        return {"bytes": batch * length * row}

    def peers(self, torch, values):
        return {}


ODD = [(2, 1), (1, 37), (2, 128), (1, 300), (1, 1025)]
LONG = [*ODD, (3, 777), (1, 4500)]
# name: mixer, (batch, length) to compare, to time
CASES = {
    "attention_causal": (Attention(16, 16, 128), ODD, [(4, 4096), (1, 16384)]),
    "attention_window": (Attention(16, 16, 128, left=1023), [(1, 37), (1, 1500), (1, 2111)], [(4, 4096)]),
    "attention_gqa": (Attention(16, 4, 128), ODD, [(4, 4096)]),
    "attention_64": (Attention(16, 16, 64), ODD, [(4, 4096)]),
    "attention_full": (Attention(4, 2, 80, right=None, kind="f16"), ODD, []),
    "attention_wide": (Attention(4, 4, 256), ODD, [(4, 4096)]),
    "attention_192": (Attention(4, 2, 192, 128), ODD, []),
    "attention_sinks": (Attention(8, 2, 64, left=200, sinks=True), ODD, []),
    "attention_slopes": (Attention(4, 4, 64, softcap=20.0, slopes=True), ODD, []),
    "attention_both": (Attention(4, 4, 96, left=70, right=33), ODD, []),
    "attention_more": (Attention(4, 4, 128, keys="s1 + 500"), ODD, []),
    "attention_fewer": (Attention(4, 4, 128, keys="100"), ODD, []),
    "attention_step": (Attention(32, 8, 128, steps=1), ODD, [(1, 4096), (1, 65536), (16, 4096)]),
    "attention_draft": (Attention(4, 4, 80, steps=5, left=300, slopes=True, sinks=True, kind="f32"), ODD, []),
    "ssd": (Semiseparable(64, 1, 1, 128, 64), [*LONG, (2, 4096)], [(8, 4096), (1, 4096), (1, 65536)]),
    "mamba2": (Mamba2(64, 1, 1, 128, 64), LONG, [(8, 4096), (1, 4096), (1, 65536)]),
    "mamba2_step": (Mamba2(64, 1, 1, 128, 64, steps=1), [(1, 1), (3, 1)], [(64, 1), (1, 1)]),
    "gated_delta": (DeltaRule(16, 128, 128), LONG, [(8, 4096), (1, 4096)]),
    "kda": (DeltaRule(16, 128, 128, decay="key"), LONG, [(8, 4096)]),
    "gated_delta_64": (DeltaRule(3, 64, 64, kind="f16"), LONG, []),
    "gated_delta_f32": (DeltaRule(12, 128, 128, kind="f32"), LONG, [(8, 4096)]),
    "gated_delta_step": (DeltaRule(16, 128, 128, steps=1), [(2, 1), (8, 1)], [(8, 1)]),
    "simple_gla": (Semiseparable(16, 16, 16, 128, 128), LONG, [(8, 4096)]),
    "retnet": (Semiseparable(3, 3, 3, 64, 64, kind="f16", decay="head"), LONG, []),
    "reverse": (Semiseparable(8, 8, 2, 64, 64, reverse=True), LONG, []),
    "packed": (Semiseparable(4, 4, 4, 128, 128, decay="head", resets=True), LONG, []),
    "packed_reverse": (Semiseparable(4, 1, 1, 32, 64, decay=None, resets=True, reverse=True), LONG, []),
    "hydra": (Quasiseparable(64, 1, 1, 128, 64), LONG, [(8, 4096), (1, 4096)]),
    "hydra_keys": (Quasiseparable(64, 64, 1, 128, 64), ODD, [(8, 4096)]),
    "both_ways": (Quasiseparable(6, 3, 2, 48, 80, kind="f16", decay=False, diagonal=False), LONG, []),
    "linear": (Semiseparable(4, 2, 1, 48, 80, decay=None), LONG, []),
    "ssd_f32": (Semiseparable(64, 1, 1, 128, 64, kind="f32"), LONG, [(8, 4096), (1, 4096), (1, 16)]),
    "ssd_step": (Semiseparable(64, 1, 1, 128, 64, kind="f32", steps=1), [(1, 1), (3, 1)], [(64, 1), (1, 1)]),
    "ssd_step_16": (Semiseparable(64, 1, 1, 128, 64, steps=1), [(1, 1), (3, 1)], [(64, 1), (1, 1)]),
    "gla": (Semiseparable(16, 16, 16, 128, 128, decay="key"), LONG, [(8, 4096), (1, 4096)]),
    "gla_f32": (Semiseparable(4, 4, 4, 64, 80, kind="f32", decay="key"), LONG, []),
    "packed_f32": (Semiseparable(4, 2, 2, 33, 65, kind="f32", decay="head", resets=True, reverse=True), LONG, []),
    "grouped": (Semiseparable(6, 2, 2, 64, 64, decay_kind="bf16"), LONG, []),
}


def prepare(folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        source, library = folder / f"{name}.mlir", folder / f"{name}.so"
        source.write_text(CASES[name][0].text())
        subprocess.run(["ssmc", source, "--target=cuda:sm_90a", "--cpu=x86-64-v3", "-o", library], check=True)
        print(name, library.stat().st_size)


class Model:
    """A compiled mixer on buffers of torch, in the stream that torch uses."""

    def __init__(self, path):
        sys.path.insert(0, str(ROOT / "python"))
        from ssmc import _native
        self.native, self.library = _native, _native.runtime()
        self.handle = ctypes.c_void_p()
        self.check(self.library.ssmrt_open(str(path).encode(), ctypes.byref(self.handle)))
        self.entry = self.library.ssmrt_describe(self.handle).contents.entries[0]

    def check(self, status):
        if status.code:
            raise RuntimeError(status.message.decode())

    def bind(self, torch, inputs, outputs):
        numbers = {torch.float32: 1, torch.bool: 9, torch.float16: 10, torch.bfloat16: 16}

        def tensors(values):
            return (self.native.Tensor * len(values))(*(
                self.native.Tensor(data=v.data_ptr(), dtype=numbers[v.dtype], rank=v.dim(),
                                   shape=(ctypes.c_int64 * self.native.MAX_RANK)(*v.shape)) for v in values.values()))
        given, gives = tensors(inputs), tensors(outputs)
        options = self.native.RunOptions(stream=torch.cuda.current_stream().cuda_stream)

        def run():
            self.check(self.library.ssmrt_run(self.handle, ctypes.byref(self.entry), given, gives, ctypes.byref(options)))
        return run


def deviation(torch, found, wanted):
    found = found.double()
    none = torch.isinf(wanted)
    if not torch.equal(none, torch.isinf(found)) or torch.isnan(found).any():
        return float("inf")
    found, wanted = found[~none], wanted[~none]
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-30))


def compare(torch, name, shapes):
    mixer, model = CASES[name][0], None
    worst = []
    for batch, length in shapes:
        generator = torch.Generator("cuda").manual_seed(length)
        values = mixer.inputs(torch, batch, length, generator)
        found = mixer.outputs(torch, values)
        for tensor in found.values():
            tensor.view(torch.uint8).fill_(255)
        model = model or Model(FOLDER / f"{name}.so")
        model.bind(torch, values, found)()
        again = {n: torch.full_like(t, float("nan")) for n, t in found.items()}
        model.bind(torch, values, again)()
        torch.cuda.synchronize()
        same = all(torch.equal(found[n].view(torch.uint8), again[n].view(torch.uint8)) for n in found)
        wanted = mixer.expected(torch, values)
        worst.append({"batch": batch, "length": length,
                      **{n: deviation(torch, found[n], wanted[n]) if same else float("inf") for n in found}})
    return worst


def timed(torch, calls, repeats=15):
    flush = torch.empty(256 << 20, dtype=torch.uint8, device="cuda")
    times = {n: [] for n in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            for _ in range(3):  # the host runs ahead meanwhile
                flush.zero_()
            begin.record()
            call()
            end.record()
            torch.cuda.synchronize()
            times[name].append(begin.elapsed_time(end))
    return times


def timed_in_graph(torch, calls, count=50, repeats=15):
    """Of one of `count` calls in a graph, the caches as they are: what a decoder sees."""
    times = {}
    for name, call in calls.items():
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
            for _ in range(count):
                call()
        times[name] = []
        for _ in range(repeats + 2):
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            graph.replay()
            end.record()
            torch.cuda.synchronize()
            times[name].append(begin.elapsed_time(end) / count)
        del times[name][:2]
    return times


def run(names):
    import torch
    print(torch.cuda.get_device_name(), torch.__version__)
    failed = []
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for name in names:
            mixer, shapes, sizes = CASES[name]
            try:
                worst = compare(torch, name, shapes)
            except RuntimeError as error:
                print(name, "FAIL", error, flush=True)
                failed.append(name)
                continue
            limit = TOLERANCE[mixer.kind]
            right = all(v <= limit for w in worst for n, v in w.items() if n not in ("batch", "length"))
            print(name, "ok" if right else "FAIL", json.dumps(worst), flush=True)
            if not right:
                failed.append(name)
            for batch, length in sizes:
                values = mixer.inputs(torch, batch, length, torch.Generator("cuda").manual_seed(1))
                model = Model(FOLDER / f"{name}.so")
                found = mixer.outputs(torch, values)
                calls = {"ssmc": model.bind(torch, values, found)}
                for peer, call in mixer.peers(torch, values).items():
                    try:
                        call()
                        calls[peer] = call
                    except RuntimeError as error:
                        print(name, peer, str(error)[:100])
                times = [(False, *of) for of in timed(torch, calls).items()]
                if getattr(mixer, "steps", None) == 1:
                    times += [(True, *of) for of in timed_in_graph(torch, calls).items()]
                for in_graph, who, ms in times:
                    median = statistics.median(ms)
                    rate = {k: round(v / median * 1e-9, 1) for k, v in mixer.work(batch, length).items()}
                    print(json.dumps({"mixer": name, "batch": batch, "length": length, "who": who, "in_graph": in_graph,
                                      "ms": round(median, 4), "min": round(min(ms), 4), "G_per_ms": rate,
                                      "all": [round(t, 4) for t in ms]}), flush=True)
    print("failed:", failed)
    return bool(failed)


if __name__ == "__main__":
    what, FOLDER, *given = sys.argv[1:]
    FOLDER = pathlib.Path(FOLDER)
    sys.exit(prepare(FOLDER, given or CASES) if what == "prepare" else run(given or CASES))
