//===- SeparateResults.cpp - results that do not share a place ------------===//
//
// A result is computed in the caller's memory, and so is what leads there:
//
//   %y = exp(%x) outs(%e); %z = mul(%y, %b) outs(%y); return %z, %y
//
// would have %e, and with it %y, in the place of the first result. Where %z
// goes is a store into memory, which the analysis of tensors does not see: it
// finds that %z cannot lie where %y does, and %z is then stored over %y before
// that is. From a result back along the destinations, the first value that
// another result or destination can share is therefore not written over: the op
// gets a destination of its own, a copy where it reads what is there.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMSEPARATERESULTS
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

static bool isView(Operation *op) {
  return isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
             tensor::ExtractSliceOp>(op);
}

/// The operand whose buffer `value` is in, if it is not computed in a new one.
static OpOperand *placeOf(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return nullptr;
  Operation *op = result.getOwner();
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
    return loop.getTiedLoopInit(result);
  if (isView(op))
    return &op->getOpOperand(0);
  auto destination = dyn_cast<DestinationStyleOpInterface>(op);
  return destination ? destination.getTiedOpOperand(result) : nullptr;
}

/// Whether what is in the buffer of `value` may be wanted, or changed, by other
/// than `known` once that has been computed.
static bool isShared(Value value, OpOperand *known) {
  return llvm::any_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (&use == known || isa<tensor::DimOp, tensor::ExtractOp>(user))
      return false;
    if (isView(user))
      return isShared(user->getResult(0), nullptr);
    auto destination = dyn_cast<DestinationStyleOpInterface>(user);
    return !destination || destination.isDpsInit(&use);
  });
}

/// Gives the op a destination of its own.
static void separate(OpOperand &place, OpBuilder &builder) {
  Operation *op = place.getOwner();
  Location loc = op->getLoc();
  Value value = place.get();
  builder.setInsertionPoint(op);
  Value own = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, value),
      cast<RankedTensorType>(value.getType()).getElementType());
  bufferization::BufferizationOptions options;
  bufferization::AnalysisState state(options);
  auto bufferizable = dyn_cast<bufferization::BufferizableOpInterface>(op);
  // A view reads nothing itself; what looks through it does.
  if (isView(op) || !bufferizable ||
      bufferizable.bufferizesToMemoryRead(place, state))
    own = linalg::CopyOp::create(builder, loc, value, own).getResult(0);
  place.set(own);
}

namespace {
struct SeparateResults : ssmc::impl::SsmSeparateResultsBase<SeparateResults> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    getOperation().walk([&](func::ReturnOp end) {
      for (Value result : end.getOperands()) {
        OpOperand *shared = nullptr;
        Value value = result;
        while (OpOperand *place = placeOf(value)) {
          value = place->get();
          bool fresh = value.getDefiningOp<tensor::EmptyOp>() ||
                       value.getDefiningOp<linalg::FillOp>();
          if (!shared && !fresh && isShared(value, place))
            shared = place;
        }
        // Where all began in a buffer that there is, that is not the caller's.
        if (shared && value.getDefiningOp<tensor::EmptyOp>())
          separate(*shared, builder);
      }
    });
  }
};
} // namespace
