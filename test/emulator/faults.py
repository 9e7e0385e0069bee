"""What kernels may not do is an error of the emulated device, each in a process of
its own: a device with an error is lost.

    faults.py BUILD
"""
import ctypes
import os
import sys

DRIVER = os.path.join(sys.argv[1], "lib", "emulator", "libcuda.so.1")
BYTES = 64  # of the memory that kernels get
# name: instructions that see the number of a thread in %r0 and memory in %rd0; threads
KERNELS = {
    "good": ("st.global.b32 [%rd0], %r0;", 32),
    "unknown": ("frobnicate.rn.f32 %r1, %r0;", 32),
    "other-access": ("ld.global.b128 %rd1, [%rd0];", 32),
    "register": ("mov.u32 %r1, %smid;", 32),
    "outside": (f"ld.global.b32 %r1, [%rd0+{BYTES}];", 32),
    "not-aligned": ("ld.global.b32 %r1, [%rd0+2];", 32),
    "not-shared": ("st.shared.b32 [%r0+60000], %r0;", 32),
    "alone": ("setp.lt.u32 %p0, %r0, 32; @%p0 bar.sync 1, 64;", 64),
    "too-many": ("bar.sync 1, 64;", 32),
    "lanes": ("shfl.sync.bfly.b32 %r1, %r0, 1, 31, 7;", 32),
    "other-barriers": ("setp.lt.u32 %p0, %r0, 32; @%p0 bar.sync 1, 64; @!%p0 bar.sync 1, 96;", 96),
    "more-copied": ("mov.b32 %r1, 0; cp.async.cg.shared.global [%r1], [%rd0], 16, 17;", 1),
    "trap": ("trap;", 1),
    "more-shared": (".shared .align 16 .b8 many[50000]; trap;", 1),
}


def text(body, chip):
    return f""".version 8.0
.target {chip}
.address_size 64
.visible .entry test(.param .u64 memory)
{{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.b64 %rd0, [memory];
  mov.u32 %r0, %tid.x;
  {body}
  ret;
}}
"""


def run(driver, body, threads, chip="sm_80", blocks=(1, 1, 1), shared=0):
    """What the driver says."""
    module, function, stream, memory = (ctypes.c_void_p() for _ in range(4))
    driver.cuMemAlloc_v2(ctypes.byref(memory), ctypes.c_size_t(BYTES))
    driver.cuStreamCreate(ctypes.byref(stream), 0)
    code = driver.cuModuleLoadData(ctypes.byref(module), text(body, chip).encode())
    if code == 0:
        driver.cuModuleGetFunction(ctypes.byref(function), module, b"test")
        arguments = (ctypes.c_void_p * 1)(ctypes.cast(ctypes.pointer(memory), ctypes.c_void_p))
        code = driver.cuFuncSetAttribute(function, 8, shared) if shared else 0
        if code == 0:
            code = driver.cuLaunchKernel(function, *blocks, threads, 1, 1, shared, stream, arguments, None)
        if code == 0:
            code = driver.cuStreamSynchronize(stream)
    said = ctypes.c_char_p()
    driver.cuGetErrorString(code, ctypes.byref(said))
    return f"{code} {said.value.decode() if code else ''}"


def apart(name, *arguments):
    child = os.fork()
    if child == 0:
        os.environ.setdefault("SSMC_EMULATOR_CHIP", "80")
        print(name, run(ctypes.CDLL(DRIVER), *arguments), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name


for name, (body, threads) in KERNELS.items():
    apart(name, body, threads)
apart("newer", "", 1, "sm_90")
apart("blocks", "", 1, "sm_80", (1, 65536, 1))
for chip, kilobytes in (("80", 163), ("86", 99), ("90", 227)):
    os.environ["SSMC_EMULATOR_CHIP"] = chip
    apart(f"shared-{chip}", "", 1, "sm_80", (1, 1, 1), kilobytes << 10)
    apart(f"shared-{chip}-more", "", 1, "sm_80", (1, 1, 1), (kilobytes << 10) + 16)
