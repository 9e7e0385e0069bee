//===- SsmBufferize.cpp - bufferisation of the ssm ops --------------------===//
//
// An op on tensors becomes the same op on buffers and is replaced by its
// destinations. An output is not read, so its buffer needs no copy; a state is.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmBufferize.h"

#include "dialects/ssm/SsmOps.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

using namespace mlir;
using namespace mlir::ssm;
using namespace mlir::bufferization;

namespace {
template <typename Op>
struct MixerModel
    : DstBufferizableOpInterfaceExternalModel<MixerModel<Op>, Op> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    MixerShape shape = cast<Op>(op).getMixerShape();
    return shape.operands[operand.getOperandNumber()].read;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto dps = cast<DestinationStyleOpInterface>(op);
    if (dps.hasPureBufferSemantics())
      return success();
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    rewriter.setInsertionPoint(op);
    clone(rewriter, op, /*newResultTypes=*/{}, buffers);
    replaceOpWithBufferizedValues(
        rewriter, op, ArrayRef(buffers).take_back(dps.getNumDpsInits()));
    return success();
  }
};

// An op whose region is on tensors has no form on buffers.
template <typename Op>
struct StepModel : DstBufferizableOpInterfaceExternalModel<StepModel<Op>, Op> {
  LogicalResult bufferize(Operation *op, RewriterBase &,
                          const BufferizationOptions &,
                          BufferizationState &) const {
    return op->emitOpError("does not exist on buffers: run ssm-decompose "
                           "before bufferization");
  }
};
} // namespace

void mlir::ssm::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, SsmDialect *) {
    context->loadDialect<BufferizationDialect>();
#define SSM_BUFFER_MIXER(Op) Op::attachInterface<MixerModel<Op>>(*context);
#include "dialects/ssm/SsmMixers.def"
    RecurrenceOp::attachInterface<StepModel<RecurrenceOp>>(*context);
    AssociativeScanOp::attachInterface<StepModel<AssociativeScanOp>>(*context);
  });
}
