"""Errors that are planted in a kernel's PTX are seen, each in a process of its own:
after some of them a device is lost.
"""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib" / "Codegen" / "Gpu"))
import emulate  # noqa: E402
import hopper_cases  # noqa: E402
import kernel_cases  # noqa: E402
import product_cases  # noqa: E402

# case: what stands in its PTX, and what stands there instead; None: all is right
PLANTED = {
    "scan": [None, ("cvt.f32.bf16", "cvt.f32.f16")],
    "selective_scan": [None, ("ex2.approx.ftz.f32", "lg2.approx.ftz.f32"), ("mul.f32", "add.f32")],
    "delta_rule": [None, ("shfl.sync.bfly.b32", "shfl.sync.down.b32"), ("add.f32", "sub.f32"), ("bar.sync", "")],
    "mma": [None, ("ldmatrix.sync.aligned.m8n8.x4.trans", "ldmatrix.sync.aligned.m8n8.x4"), ("cp.async.wait_group", ""),
            ("cp.async.commit_group", "")],
    "attention": [None, ("mbarrier.try_wait.parity", ""), ("mbarrier.arrive.expect_tx", ""), ("setp.gt.s32", "setp.lt.s32")],
}
CASES = {
    "scan": lambda: kernel_cases.scan("bf16", 2, 37, 40),
    "selective_scan": lambda: kernel_cases.selective_scan("f32", 2, 9, 37, 5),
    "delta_rule": lambda: kernel_cases.delta_rule("f32", 1, 12, 2, 33, 65),
    "mma": lambda: product_cases.product("mk,kn->mn", dict(m=80, k=72, n=136), "bf16"),
    "attention": lambda: hopper_cases.attention("bf16", 1, 130, 130, 2, 2, 64, left=70, right=33),
}


def change(content, old, new):
    """A library whose PTX has other instructions, of the same number of bytes."""
    def changed(statement):
        text = (new.encode() + statement[1] + b";" if new else b"").ljust(len(statement[0]))
        assert len(text) == len(statement[0]), new
        return text
    result, count = re.subn(re.escape(old.encode()) + rb"\b([^;]*);", changed, content)
    assert count > 0, f"there is no {old}"
    return result


def runs(library, case):
    """Whether the library computes what is right. Else numbers are wrong, or the
    device ends a launch; nothing else may be."""
    child = os.fork()
    if child == 0:
        try:
            case.check(emulate.ssmc.load(library).entries[case.name])
            status = 0
        except SystemExit as error:
            status = 1 if re.search("deviates|other bits|of its PTX", str(error)) else 2
            print(error)
        sys.stdout.flush()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 1), status
    return status == 0


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name, changes in PLANTED.items():
            kernel_cases.waiting.clear()
            CASES[name]()
            case, = kernel_cases.waiting
            chip = "sm_90a" if case.kernel else "sm_80"
            source, library = (pathlib.Path(folder) / f"{name}.{suffix}" for suffix in ("mlir", f"{chip}.so"))
            source.write_text("module {\n" + case.text + "\n}\n")
            emulate.compiled(source, folder, chip).close()
            content = library.read_bytes()
            for number, planted in enumerate(changes):
                changed = library.with_suffix(f".{number}.so")
                changed.write_bytes(change(content, *planted) if planted else content)
                print(f"== {name}: {' -> '.join(planted or ('right',))}", flush=True)
                assert runs(changed, case) == (planted is None), f"{name}: {planted}"
    print("ok")


main()
