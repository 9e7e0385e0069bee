//===- CpuPasses.td - kernels for CPUs --------------------*- tablegen -*-===//

#ifndef SSMC_CPU_PASSES
#define SSMC_CPU_PASSES

include "mlir/Pass/PassBase.td"

class CpuPass<string name> : Pass<name, "::mlir::func::FuncOp"> {
  let options = [Option<"cpu", "cpu", "std::string", "\"host\"",
                        "LLVM name of the CPU, or 'host'">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"
  ];
}

def SsmLowerSelectiveScan : CpuPass<"ssm-lower-selective-scan"> {
  let summary = "Lower ssm.selective_scan on buffers to a vector kernel";
  let description = [{
    Discretisation, recurrence, read-out, skip and gate in one pass over time.
    The lanes of a vector are neighbouring channels; a parallel loop runs over
    batch and blocks of channels. The exponentials are powers of two computed
    inline, with log2(e) folded into `A`, which is transposed once per block of
    channels into a scratch. The states are loop-carried registers where the
    target has enough of them, otherwise they stay in the scratch (which a
    first-level cache holds).

    The scratch is a static `memref.alloca` in the body of the `scf.parallel`,
    to be hoisted to the entry of the function the body becomes
    (`ssm-hoist-alloca`). Ops with element types other than f32, with a state
    size that is not static or with channels that are not contiguous are left
    alone.
  }];
}

def SsmLowerSemiseparable : CpuPass<"ssm-lower-semiseparable"> {
  let summary = "Lower ssm.semiseparable on buffers to a vector kernel";
  let description = [{
    A parallel loop over batch and heads; time in blocks, of which the decays
    are applied to the inputs and outputs instead of the state, as far as their
    product stays in the range of floats. A tile of the state is held in
    registers over a block and costs two multiply-adds for an element and token.
    Ops with element types other than f32, with a key width that is not static
    or with inner dimensions that are not contiguous are left alone.
  }];
}

def SsmLowerQuasiseparable : CpuPass<"ssm-lower-quasiseparable"> {
  let summary = "Lower ssm.quasiseparable on buffers to a vector kernel";
  let description = [{
    A parallel loop over batch and heads, in which a head is walked forward and
    then back as `ssm-lower-semiseparable` does; the second walk adds to what the
    first has written. Ops with element types other than f32, with widths of
    keys or values that are not static, with a state of more than 65536 elements
    or with inner dimensions that are not contiguous are left alone.
  }];
}

def SsmLowerDeltaRule : CpuPass<"ssm-lower-delta-rule"> {
  let summary = "Lower ssm.delta_rule on buffers to a vector kernel";
  let description = [{
    A parallel loop over batch and heads; a panel of the state lies in the
    first-level cache while a block of tokens passes. One walk over it changes it
    by one token and reads it for the next. Decays are applied to keys and
    queries instead of the state, as far as their product stays in the range of
    floats. Ops with element types other than f32, with a key width that is not
    static, with more query than value heads or with inner dimensions that are
    not contiguous are left alone.
  }];
}

def SsmLowerLinear : CpuPass<"ssm-lower-linear"> {
  let summary = "Lower ssm.linear on buffers to a register-tiled product";
  let description = [{
    One `scf.parallel` over panels of the weight and blocks of rows. The rows
    are cut into the fewest tiles, of equal size or one less, each size with
    its own code; with one to three rows several panels share the loop over K.
    The epilogue is applied while a tile lies in the first-level cache. Rows and
    weights may be f16 or bf16; where both are bf16 and the target has the
    instruction, pairs of products are added to a sum at once. Ops on other
    element types than f32 otherwise, or with an epilogue that is not elementwise,
    are left alone.
  }];
}

def SsmLowerShortConv : CpuPass<"ssm-lower-short-conv"> {
  let summary = "Lower ssm.short_conv on buffers to a vector kernel";
  let description = [{
    Convolution, bias and activation in one pass over time, lanes are channels,
    the window is carried in registers. Ops on other element types than f32, or
    with channels that are not contiguous, are left alone.
  }];
}

def SsmLowerLongConv : Pass<"ssm-lower-long-conv", "::mlir::ModuleOp"> {
  let summary = "Lower ssm.long_conv on buffers to vector kernels";
  let description = [{
    Lanes are channels. An op that carries the strategy `fft` takes time in blocks
    that are transformed modulo z^n - i; products of blocks are summed up and
    transformed back. Roots are constants of the module, and the workspace is a
    buffer in front of the kernel, to be planned with the other buffers of an
    entry. Other ops are computed lag by lag, a few steps at once in registers.
    Rings, ops on element types wider than f32, or with channels that are not
    contiguous are left alone.
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"host\"",
                        "LLVM name of the CPU, or 'host'">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"
  ];
}

def SsmLowerSsmKernel : CpuPass<"ssm-lower-ssm-kernel"> {
  let summary = "Lower ssm.ssm_kernel on buffers to a vector kernel";
  let description = [{
    Lanes are channels. A lag is a chunk's first one and one of a chunk: products
    of two tables of powers, which are multiplied up in f64 from exponentials that
    are taken in f64 as well, are summed up over the modes in tiles that registers
    hold. The tables are buffers in front of the kernel, to be planned with the
    other buffers of an entry. Ops with parameters of f64, or with channels that
    are not contiguous, are left alone.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"
  ];
}

def SsmLowerScan : CpuPass<"ssm-lower-scan"> {
  let summary = "Lower ssm.scan on buffers to a vector kernel";
  let description = [{
    Lanes run along the last dimension, the state is carried in registers. Along
    the last dimension itself, lanes are neighbouring rows, transposed tile by
    tile. Ops on other element types than f32 are left alone.
  }];
}

def SsmLowerAttention : CpuPass<"ssm-lower-attention"> {
  let summary = "Lower ssm.attention on buffers to a flash attention kernel";
  let description = [{
    One `scf.parallel` over batch, key heads and blocks of queries; the query
    heads that share a key head share a block. Tiles of keys pass by with a
    running maximum and sum, so that no matrix of scores is stored. Tiles that
    no query of a block sees are not visited; only those that some do not see
    are masked. One query has code of its own, which reads keys and values in
    place. Ops on other element types than f32, with head widths that are
    not static or very large, or with a bias that differs between queries or
    heads, are left alone.
  }];
}

def SsmExpandMath : Pass<"ssm-expand-math"> {
  let summary = "Expand math functions of f32 into arithmetic";
  let description = [{
    Scalars and vectors alike, so that loops over scalars are vectorised later.
    Functions of other types, and those that are one instruction, stay.
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"host\"",
                        "LLVM name of the CPU, or 'host'">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def SsmFormLinear : CpuPass<"ssm-form-linear"> {
  let summary = "Form ssm.linear of products with constant matrices";
  let description = [{
    A contraction over one dimension of f32 tensors, one operand of which is a
    constant matrix (perhaps transposed), becomes `ssm.linear`: leading
    dimensions collapsed, the constant under a `linalg.pack` into panels of two
    vectors of the target; a destination that is not zero is added. Then
    elementwise ops that alone use the result are drawn into its region, as far as
    their other operands are whole rows, one row, or scalars. Other users of the
    constant (a lookup in a tied embedding) keep it as it is.

    With `weights` bf16 or f16 the packed constant is of that type, rounded when
    it is written (`arith.truncf` below the pack); a weight with elements beyond
    the range of the type stays f32. With `products` bf16 the rows that meet a
    weight of bf16 are rounded too, and stay bf16 where the target multiplies
    pairs of them. Rows and weights that the model itself has in f16 or bf16 are
    taken as they are; rows are extended first, but for bf16 where both are and
    the target has the instruction.
  }];
  let options = [Option<"cpu", "cpu", "std::string", "\"host\"",
                        "LLVM name of the CPU, or 'host'">,
                 Option<"weights", "weights", "std::string", "\"f32\"",
                        "type of packed weights: f32, bf16, f16">,
                 Option<"products", "products", "std::string", "\"f32\"",
                        "type that rows are rounded to where the weight has it: "
                        "f32 (not at all), bf16">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::ssm::SsmDialect", "::mlir::tensor::TensorDialect"
  ];
}

def SsmExpandShapes : Pass<"ssm-expand-shapes"> {
  let summary = "Turn memref.expand_shape into a view with its sizes";
  let description = [{
    Upstream's expansion takes for granted that only one extent of a group is
    dynamic; batch and length are both.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
}

def SsmHoistAlloca : Pass<"ssm-hoist-alloca", "::mlir::func::FuncOp"> {
  let summary = "Move stack buffers of static size to the entry of the function";
  let description = [{
    Kernels allocate scratch where they use it, inside loops. Once a loop body
    runs on one thread, one such buffer serves all its iterations: without
    this, the stack would grow with every iteration.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

#endif // SSMC_CPU_PASSES
