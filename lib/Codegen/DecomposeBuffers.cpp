//===- DecomposeBuffers.cpp - ssm ops on buffers without a kernel ---------===//
//
// An op's decomposition is defined on tensors. Here an op on buffers becomes
// one on tensors that stand for the buffers, is decomposed, and its results are
// stored where they belong; bufferization then runs on what came out.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMDECOMPOSEBUFFERS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

static LogicalResult decompose(IRRewriter &rewriter, ssm::MixerOpInterface op) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  auto destination = cast<DestinationStyleOpInterface>(op.getOperation());
  SmallVector<Value> tensors;
  SmallVector<Type> results;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type) {
      tensors.push_back(operand.get());
      continue;
    }
    bool isInit = destination.isDpsInit(&operand);
    auto tensor = RankedTensorType::get(type.getShape(), type.getElementType());
    tensors.push_back(bufferization::ToTensorOp::create(
        rewriter, loc, tensor, operand.get(), /*restrict=*/true,
        /*writable=*/isInit));
    if (isInit)
      results.push_back(tensor);
  }
  Operation *onTensors = clone(rewriter, op, results, tensors);
  FailureOr<SmallVector<Value>> values =
      cast<linalg::AggregatedOpInterface>(onTensors).decomposeOperation(
          rewriter);
  if (failed(values))
    return op->emitOpError("has neither a kernel nor a decomposition");
  for (auto [value, init] :
       llvm::zip_equal(*values, destination.getDpsInits())) {
    auto store = bufferization::MaterializeInDestinationOp::create(
        rewriter, loc, /*result=*/Type(), value, init);
    store.setRestrict(true);
    store.setWritable(true);
  }
  rewriter.eraseOp(onTensors);
  rewriter.eraseOp(op);
  return success();
}

namespace {
struct DecomposeBuffers
    : ssmc::impl::SsmDecomposeBuffersBase<DecomposeBuffers> {
  void runOnOperation() override {
    SmallVector<ssm::MixerOpInterface> ops;
    getOperation().walk([&](ssm::MixerOpInterface op) {
      auto destination = cast<DestinationStyleOpInterface>(op.getOperation());
      if (destination.hasPureBufferSemantics())
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (ssm::MixerOpInterface op : ops)
      if (failed(decompose(rewriter, op)))
        return signalPassFailure();
  }
};
} // namespace
