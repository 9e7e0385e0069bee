//===- CodegenPasses.td - from tensors to LLVM ----------------*- tablegen -*-===//

#ifndef SSMC_CODEGEN_PASSES_TD
#define SSMC_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

def SsmCheckExtents : Pass<"ssm-check-extents", "::mlir::ModuleOp"> {
  let summary = "assert that extents that meet are equal";
  let description = [{
    Where extents meet that are not seen to be equal, because the data decides
    one, and where a slice or an element is not seen to be within its tensor, a
    `cf.assert` in front of the op says what must hold. The extents of results
    are those that the signature states. `tensor.dim` is replaced by what the
    tensor was made with. Elements that the body of a linalg op reads are not
    checked: who builds one clamps its indices.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect", "::mlir::onnx::OnnxDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmEvaluateConstants : Pass<"ssm-evaluate-constants", "::mlir::func::FuncOp"> {
  let summary = "compute when compiling what constants alone decide";
  let description = [{
    Linalg ops with exponentials, other functions, divisions or sums, and mixers, whose
    operands are all known are computed by the evaluator, in double precision, and so
    is what arranges their results without making more elements of them. What has more
    than 4 M elements, or takes more than 64 M iterations, is left alone, as is what the
    evaluator does not know.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def SsmSeparateResults : Pass<"ssm-separate-results", "::mlir::ModuleOp"> {
  let summary = "give results that could share a buffer destinations of their own";
  let description = [{
    Results are computed where the caller wants them. Where one is computed from
    another, or both from one value, in place, only one of them may be: the other's
    op gets a new destination, or a copy where it reads the old one.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmLowerEntries : Pass<"ssm-lower-entries", "::mlir::ModuleOp"> {
  let summary = "give each entry its run-time signature";
  let description = [{
    A public function E on tensors becomes `ssm_E_run`, which takes pointers
    (symbols, inputs, outputs, workspace, weights, context) as ssmrt.h says, and
    `ssm_E_dims`. The extents of inputs and outputs come from the function's
    attribute `ssm.signature`, or from its static types. `onnx.symbol` becomes a
    load of the symbol. The signatures stay as module attribute `ssm.entries`.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect"];
}

def SsmExternalizeWeights : Pass<"ssm-externalize-weights", "::mlir::ModuleOp"> {
  let summary = "move constants out of the code, into the weight section";
  let description = [{
    Each constant tensor becomes a view of the entry's weight pointer; a splat
    becomes a fill. `linalg.pack` of a constant, perhaps rounded by `arith.truncf`
    before, is left to packaging: the element type of the pack is the one that is
    stored. The module
    attribute `ssm.weights` lists what the section holds: value, offset, bytes
    and the pack, in the order of offsets; `ssm.weights_bytes` is its size.
    Equal constants share one place.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"];
}

def SsmLowerCopies : Pass<"ssm-lower-copies", "::mlir::ModuleOp"> {
  let summary = "turn memref.copy into linalg.generic";
  let description = [{
    Upstream lowers a strided `memref.copy` to a call of a run-time function of
    its own. As a `linalg.generic` it is a loop like any other.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def SsmDecomposeConcat : Pass<"ssm-decompose-concat", "::mlir::ModuleOp"> {
  let summary = "turn tensor.concat into insertions into one tensor";
  let description = [{
    `tensor.concat` does not bufferize; insertions into one destination do, and
    their sources are then often computed in place.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect"];
}

def SsmHoistProducts : Pass<"ssm-hoist-products", "::mlir::ModuleOp"> {
  let summary = "compute products of inputs before the recurrence that uses them";
  let description = [{
    A product in the step of `ssm.recurrence` of a weight, which is the same in
    all steps, and of what the step computes from its sequences alone, is
    computed for a block of time at once, and handed to the step as a sequence:
    the input projection of LSTM, say. So are the linalg ops in between.
  }];
  let options = [
    Option<"rows", "rows", "int64_t", "32",
           "rows with which a product runs at its full speed">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::ssm::SsmDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmMergeInsertions : Pass<"ssm-merge-insertions", "::mlir::ModuleOp"> {
  let summary = "insert slices where they end up";
  let description = [{
    Exporters write the update of part of a tensor as an update of a copy: of the
    transposed tensor, for a scatter along an inner axis, or of a slice, which is
    then inserted in turn. Where nothing else happens to the copy, the new part is
    inserted into the tensor itself.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmBreakChains : Pass<"ssm-break-chains", "::mlir::ModuleOp"> {
  let summary = "bound how many insertions share a buffer";
  let description = [{
    One-shot bufferization compares every read with every write of the values that
    may share a buffer, for every operand: along a chain of n insertions, as an
    unrolled loop makes, that is n cubed. A long chain that nothing else reads is
    written to memory directly, piece by piece; where something reads in between,
    a copy after every few insertions keeps the sets small.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def SsmFuseElementwise : Pass<"ssm-fuse-elementwise", "::mlir::ModuleOp"> {
  let summary = "fuse elementwise ops into the ops that use them";
  let description = [{
    A producer is fused where none of its elements is then computed twice: it
    has one consumer, which reads every element once. Copies, constants and
    casts are fused wherever they are read by an elementwise op; nothing that
    costs anything is fused into a contraction.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmFuseRows : Pass<"ssm-fuse-rows", "::mlir::ModuleOp"> {
  let summary = "compute norms and softmax row by row";
  let description = [{
    An elementwise op that uses a reduction along its rows, as in a norm or in
    softmax, is tiled by rows, and the ops of its group are computed inside
    for that row alone: memory is passed over once, and the rows run in
    parallel. A group is closed: no op outside uses its inner results.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmRelaxMath : Pass<"ssm-relax-math", "::mlir::ModuleOp"> {
  let summary = "allow sums to be reordered and products to be fused into them";
  let description = [{
    Reductions of linalg ops may be reassociated, which is what lets them run
    in vectors; every product may be contracted with a sum. Infinities and NaNs
    keep their meaning: masks are made of them.
  }];
}

def SsmCloneDestinations : Pass<"ssm-clone-destinations", "::mlir::ModuleOp"> {
  let summary = "give each use of an empty or filled tensor one of its own";
  let description = [{
    Equal empty tensors and fills have been merged, across all layers. A fill that
    several ops write over would have to be copied from one buffer that lives
    throughout; filling again is cheaper. Of an empty tensor all users would be
    candidates for one buffer, and one-shot bufferization compares every read with
    every write of such a set for every operand: for n unrolled steps that is n
    cubed.
  }];
}

def SsmCarryInPlace : Pass<"ssm-carry-in-place", "::mlir::ModuleOp"> {
  let summary = "store what a loop carries where it lay";
  let description = [{
    Bufferization wants a loop to yield each carried tensor in the buffer it
    came in. A value computed elsewhere is stored there.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def SsmHoistBuffers : Pass<"ssm-hoist-buffers", "::mlir::ModuleOp"> {
  let summary = "allocate buffers in the entry's block where that is possible";
  let description = [{
    A `memref.alloc` inside a loop, whose size is a function of the symbols and
    which does not outlive the iteration, moves to the entry's block, where
    `ssm-plan-memory` finds a place for it. Where the size varies within such a
    bound, as that of a last tile does, the bound is allocated. Inside parallel loops every
    iteration needs its own: small static buffers there go to the stack.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def SsmCopyStates : Pass<"ssm-copy-states", "::mlir::ModuleOp"> {
  let summary = "copy a state that is only read before a mixer continues it";
  let description = [{
    A mixer continues its state where it lies. An input of an entry must not be
    written, so bufferization would copy it to memory of its own, and what has
    become of it to the output. With the copy in sight, to an empty tensor, the
    output is where it is copied to.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SsmJoinStates : Pass<"ssm-join-states", "::mlir::func::FuncOp"> {
  let summary = "outline what a mixer's state begins with beside it";
  let description = [{
    Zeros, and a copy of what the mixer does not write, right in front of the mixer
    whose state they store, move with it into an `scf.execute_region`, which
    becomes one kernel. It reads what is copied, rather than the copy.
  }];
  let options = [
    ListOption<"ops", "ops", "std::string",
               "names of the ops whose kernels begin so, as in ssm.scan">
  ];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
}

def SsmOutlineKernels : Pass<"ssm-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "make a function of each loop of an entry, equal ones once";
  let description = [{
    Each linalg op, ssm op and loop of the entry's block becomes a call of a
    private function, a kernel. Kernels with equal bodies are merged, so that
    the layers of a model share theirs and the cost of compilation does not
    depend on their number. A kernel takes the context, then its operands in
    pieces: buffers as pointers with the extents that are not static. A pointer
    is `noalias` where no other argument can reach memory that either writes.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def SsmLowerAsserts : Pass<"ssm-lower-asserts", "::mlir::ModuleOp"> {
  let summary = "end the run where something does not hold";
  let description = [{
    `cf.assert` in an entry or kernel becomes a call of the runtime where its
    condition is false: it reports the message, with both numbers where the
    condition is a comparison of two, and ends the run. A loop whose iterations
    run in parallel cannot be left: there the rest of the block is passed over,
    and the run ends behind the loop.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def SsmParallelToRuntime : Pass<"ssm-parallel-to-runtime", "::mlir::ModuleOp"> {
  let summary = "run outermost parallel loops on the runtime's threads";
  let description = [{
    The outermost `scf.parallel` loops of entries and kernels become functions
    that `ssmrt_parallel_for` calls with pieces of the iteration space. How
    many iterations make a piece is decided at run time from the work of one;
    a loop with less than a piece of work is called directly. Inner parallel
    loops stay, for a serial lowering.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def SsmPlanMemory : Pass<"ssm-plan-memory", "::mlir::ModuleOp"> {
  let summary = "place the buffers of each entry in its workspace";
  let description = [{
    Every `memref.alloc` of `ssm_E_run` whose size is a function of the symbols
    becomes a view of the workspace. Buffers whose lifetimes are disjoint share
    a slot; a slot is as large as its largest member, which is decided at run
    time. Also makes `ssm_E_workspace`, the arena's size. Other buffers, sized
    by data, come from `ssmrt_alloc`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect"];
}

def SsmAllocateLate : Pass<"ssm-allocate-late", "::mlir::ModuleOp"> {
  let summary = "take buffers that could not be planned from the runtime";
  let description = [{
    Buffers whose size depends on data come from `ssmrt_alloc`, which frees them
    at the end of the run.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect"];
}

def SsmDecomposeBuffers : Pass<"ssm-decompose-buffers", "::mlir::ModuleOp"> {
  let summary = "decompose ssm ops on buffers for which there is no kernel";
  let description = [{
    What kernels leave (an element type or a layout they do not know) is brought
    back to tensors inside its function and decomposed there; bufferization has
    to follow.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // SSMC_CODEGEN_PASSES_TD
