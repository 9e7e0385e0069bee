//===- GpuPasses.td - kernels for GPUs --------------------*- tablegen -*-===//

#ifndef SSMC_GPU_PASSES
#define SSMC_GPU_PASSES

include "mlir/Pass/PassBase.td"

def SsmLaunchLoops : Pass<"ssm-launch-loops", "::mlir::ModuleOp"> {
  let summary = "compute parallel loops on the device";
  let description = [{
    Each outermost `scf.parallel` of an entry or kernel becomes a `gpu.launch`
    with one iteration to a thread. The innermost extents, as many as fill a
    block, are numbered by threads and the rest by blocks, so that neighbouring
    threads touch neighbouring elements and divisions are of 32 bits. What
    stands around the loops runs on the host. All buffers are the device's: a
    loop or branch without parallel loops runs in a single thread there, an
    element that the host stores is stored by a thread, and one that the host
    must know is fetched by `ssmrt_read`, which waits for it. An error that a
    loop reports is written into a block of device memory that the host reads
    at the end of the run.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def SsmHopperAttention : Pass<"ssm-hopper-attention", "::mlir::ModuleOp"> {
  let summary = "attention on Hopper's tensor cores";
  let description = [{
    `ssm.attention` on buffers of bf16 or f16 becomes a launch of a kernel for
    sm_90a, in a `gpu.module` of its own: any lengths, numbers of heads and
    columns up to 256 (rows are multiples of 16 bytes), `left`, `right`,
    `softcap`, `slopes`, `sinks`. What has a bias, segments, positions, a prefix
    or one query alone stays an op; so does, behind a test, what lies badly
    aligned when the program runs.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def SsmHopperSemiseparable : Pass<"ssm-hopper-semiseparable", "::mlir::ModuleOp"> {
  let summary = "matrix states on Hopper's tensor cores";
  let description = [{
    `ssm.semiseparable` on buffers of bf16 or f16 with a state of f32 becomes a
    launch of a kernel for sm_90a: decays of the token, of the head, or none,
    keys of up to 128 columns, resets, `reverse`, any length, and states in and
    out. Where few heads would leave multiprocessors idle, time is cut into
    segments, whose states a first kernel computes. What decays for each key
    stays an op.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def SsmHopperQuasiseparable : Pass<"ssm-hopper-quasiseparable", "::mlir::ModuleOp"> {
  let summary = "mixing of both directions on Hopper's tensor cores";
  let description = [{
    `ssm.quasiseparable` on buffers becomes two launches of the kernel of
    `ssm-hopper-semiseparable`, one for each direction; the second adds to the
    outputs of the first, which are rounded in between. What has resets stays an
    op, and what that pass leaves alone.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def SsmSinkIntoLaunches : Pass<"ssm-sink-into-launches", "::mlir::ModuleOp"> {
  let summary = "repeat constants and buffers' descriptions inside launches";
  let description = [{
    What a launch uses from outside becomes arguments of its kernel. Buffers are
    views of pointers with sizes: the ops that make them are repeated inside, so
    that a kernel takes pointers and numbers alone.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect"];
}

def SsmLaunchToRuntime : Pass<"ssm-launch-to-runtime", "::mlir::ModuleOp"> {
  let summary = "launch kernels by calls of the runtime";
  let description = [{
    The functions of all `gpu.module`s move into one, `@ssm_device`; equal ones
    are kept once. A launch becomes a call of `ssmrt_launch` with the number of
    the kernel, which is its position in the module's attribute
    `ssm.device_kernels`. A pointer is `noalias` in the kernel where it is in
    the function that launches it. An argument with `llvm.byval`, a tensor map,
    is passed as the bytes at the pointer.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::arith::ArithDialect",
    "::mlir::LLVM::LLVMDialect"];
}

def SsmLowerDeviceMath : Pass<"ssm-lower-device-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "functions of mathematics to instructions of the device";
  let description = [{
    Functions that the chip has become intrinsics of LLVM, those that have a
    polynomial become one, and the rest is refused: LLVM would end the process.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def SsmJoinFills : Pass<"ssm-join-fills", "::mlir::func::FuncOp"> {
  let summary = "outline what a reduction begins with beside it";
  let description = [{
    A `linalg.fill` right in front of the reduction that it begins moves with it
    into an `scf.execute_region`, which becomes one kernel.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
}

class LaunchPass<string name> : Pass<name, "::mlir::func::FuncOp"> {
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

def SsmJoinScales : Pass<"ssm-join-scales"> {
  let summary = "Join products with values, and what skips the state, to mixers";
  let description = [{
    The product of the values of `ssm.semiseparable` with a number for each token and
    head becomes its `scale`, and values times a number of the head that are added to
    its outputs become its `skip`, where it gets a kernel that takes them: that of
    `wgmma`, for decays that are not of each key, or the one that streams, for f32 and
    for fewer than 16 tokens. The scaled values are not rounded to their type then.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cuda:sm_90a\"", "cuda:sm_...">];
}

def SsmLaunchScan : LaunchPass<"ssm-launch-scan"> {
  let summary = "Lower ssm.scan on buffers to a streaming kernel";
  let description = [{
    States are in registers, neighbouring channels in neighbouring lanes, and the
    operands on their way through a ring in shared memory. Time is cut into
    segments where few rows would leave the memory idle. What is not aligned to
    16 bytes, or has time as its last dimension, is computed with a row to a
    thread. Left alone are types other than f32, f16 and bf16, and states that
    are not f32.
  }];
}

def SsmLaunchSelectiveScan : LaunchPass<"ssm-launch-selective-scan"> {
  let summary = "Lower ssm.selective_scan on buffers to a streaming kernel";
  let description = [{
    A channel to a lane, with its states in registers; the sequences come through
    a ring in shared memory, `B` and `C` through a tile that a block shares. Time
    is cut into segments where few channels would leave the device idle. With
    resets, more than 32 states or such that are no multiple of 4, and where
    memory is not aligned to 16 bytes, a thread computes a channel with its states
    in memory of its own. Left alone are types other than f32, f16 and bf16, and
    states that are not f32 or whose number is not static.
  }];
}

def SsmLaunchSemiseparable : LaunchPass<"ssm-launch-semiseparable"> {
  let summary = "Lower ssm.semiseparable on buffers to a streaming kernel";
  let description = [{
    A block has the state of a head in registers, a warp some of its columns with
    all keys; the steps come through shared memory, in f32. All decays, numbers of
    heads, resets and strides are computed, without tensor cores. Time is cut into
    segments where few heads would leave the device idle. Left alone are types
    other than f32, f16 and bf16, states that are not f32, and more than 1024 keys
    or 8 queries of a state.
  }];
}

def SsmMmaMatrixState : LaunchPass<"ssm-mma-matrix-state"> {
  let summary = "Lower matrix states to tensor cores, by chunks of 16 tokens";
  let description = [{
    `ssm.semiseparable` and `ssm.delta_rule` on buffers of bf16 or f16, with 64 or 128
    keys and columns in whole warps become a launch of blocks that walk over chunks of
    16 tokens, with the state in registers and products by `mma.sync`. Decays are of
    the head, of the token, of each key, or of both. Fewer tokens, and rows that are
    not whole pieces of 16 bytes, stream, which is decided at run time. Resets beside
    decays of each key, vectors that erase and several queries for a state are left
    alone.
  }];
  let options = [
    Option<"onlyKeys", "only-keys", "bool", "false",
           "leave ssm.semiseparable with decays that are not of each key">];
}

def SsmLaunchDeltaRule : LaunchPass<"ssm-launch-delta-rule"> {
  let summary = "Lower ssm.delta_rule on buffers to a streaming kernel";
  let description = [{
    A block has the state of a head, or of some of its columns, in registers and
    walks over time; the operands come through shared memory, the steps of a tile
    while those of the one before are computed. Left alone are types other than
    f32, f16 and bf16, states that are not f32 or whose extents are not static,
    of more than 1024 keys, and more than eight queries for a state.
  }];
}

def SsmLaunchAttention : LaunchPass<"ssm-launch-attention"> {
  let summary = "Lower attention of a few queries to a kernel that reads keys once";
  let description = [{
    `ssm.attention` on buffers of f32, f16 and bf16 with up to 16 queries becomes a
    launch with a block for each query of a head. Windows, biases, slopes, sinks,
    segments, positions and prefixes are computed for each key. Left alone are more
    queries, or a number that is not known, and rows of more than 512 columns.
  }];
}

def SsmLaunchShortConv : LaunchPass<"ssm-launch-short-conv"> {
  let summary = "Lower ssm.short_conv on buffers to a streaming kernel";
  let description = [{
    Weights and the last inputs are in registers, neighbouring channels in
    neighbouring lanes, and time is cut into segments. With resets, and where
    memory is not aligned to 16 bytes, a thread walks over a channel. Left alone
    are types other than f32, f16 and bf16, and states of more than 32 inputs.
  }];
}

def SsmLaunchFewRows : LaunchPass<"ssm-launch-few-rows"> {
  let summary = "Lower products of few rows to kernels that read a matrix once";
  let description = [{
    A product of floats on buffers, of up to 16 rows (or columns, which is the
    same transposed) and any number of batches, becomes a launch whose threads
    read the other matrix once, by vectors of 16 bytes; sums are of f32 and
    always in the same order. Where the number of rows is not known,
    or the alignment of the matrix, that is a branch on the host. Left alone is
    what sums less than 16 products, or has neither columns nor the elements of
    a column side by side.
  }];
}

def SsmLaunchMmaFewRows : LaunchPass<"ssm-launch-mma-few-rows"> {
  let summary = "Lower products of few rows in 16 bits to tensor cores";
  let description = [{
    A product on buffers of two operands of bf16 or of f16, of 2 to 64 rows (or up
    to 16 columns), whose pieces of 16 bytes are aligned, becomes a launch that reads
    the other matrix once, straight into fragments of `mma.sync`; sums are of f32 and
    always in the same order. Where only a run knows the number of rows, or whether
    memory is aligned, that is a branch.
  }];
}

def SsmCallProducts : Pass<"ssm-call-products", "::mlir::ModuleOp"> {
  let summary = "Let a library compute products of many rows, if there is one";
  let description = [{
    A product on buffers of two operands of one type, that begins with zero or with
    what is there, becomes a call of `ssmrt_multiply`, which tells whether a library
    of the machine has computed it; if not, the product stays, for the kernels that
    other passes make. Several loops of rows, columns or batches are one where a run
    finds them so in memory. Up to 16 rows or columns are left alone.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def SsmLaunchMma : LaunchPass<"ssm-launch-mma"> {
  let summary = "Lower products of many rows in 16 bits to tensor cores";
  let description = [{
    A product on buffers of two operands of bf16 or of f16, whose pieces of 16
    bytes are aligned, becomes a launch of warps that multiply by `mma.sync`,
    with tiles of 128 x 128, or 64 x 64 where those are few, and sums of f32.
    Where only a run knows whether memory is aligned, that is a branch.
  }];
}

def SsmLaunchTiles : LaunchPass<"ssm-launch-tiles"> {
  let summary = "Lower products of many rows to tiles in shared memory";
  let description = [{
    A product of floats on buffers, with one loop to sum over, becomes a launch
    whose blocks compute tiles of 128 x 128, or 64 x 64 where those are few, in
    f32, 64 elements to a thread.
  }];
}

def SsmLaunchReductions : LaunchPass<"ssm-launch-reductions"> {
  let summary = "Lower reductions along rows to kernels of a warp or block to a row";
  let description = [{
    A reduction on buffers by an op of arith with a neutral element, of f32, i32
    or i1, whose operands lie side by side along the last loop that is reduced,
    becomes a launch with a warp to a row of up to 512 elements, else a block.
    Results are combined always in the same order.
  }];
}

def SsmLaunchRecurrence : LaunchPass<"ssm-launch-recurrence"> {
  let summary = "Lower the steps of LSTMs and their like to one launch";
  let description = [{
    A loop over time, whose steps are products of a state with weights and ops
    that compute a unit from the columns of that unit (its gates), becomes one
    launch: each block owns units, keeps their weights in shared memory, and
    meets the others where a product needs what they computed. Blocks are
    launched together (`ssmrt_launch_together`). Left alone are loops whose
    weights do not fit, whose rows have other than two dimensions, or with
    further reductions.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cuda:sm_90a\"", "cuda:sm_...">];
}

#endif // SSMC_GPU_PASSES
