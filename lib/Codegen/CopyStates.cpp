//===- CopyStates.cpp - ssm-copy-states -----------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMCOPYSTATES
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct CopyStates : ssmc::impl::SsmCopyStatesBase<CopyStates> {
  void runOnOperation() override {
    getOperation().walk([](DestinationStyleOpInterface op) {
      if (isa<ssm::SsmDialect>(op->getDialect()))
        for (OpOperand &init : op.getDpsInitsMutable())
          copyWhereReadOnly(init);
    });
  }

  static void copyWhereReadOnly(OpOperand &init) {
    auto input = init.get().getDefiningOp<bufferization::ToTensorOp>();
    if (!input || input.getWritable())
      return;
    OpBuilder b(init.getOwner());
    Location loc = init.getOwner()->getLoc();
    auto type = cast<RankedTensorType>(input.getType());
    Value empty =
        tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, input),
                                type.getElementType());
    auto copy = linalg::CopyOp::create(b, loc, ValueRange{input.getResult()},
                                       ValueRange{empty});
    init.set(copy.getResult(0));
  }
};
} // namespace
