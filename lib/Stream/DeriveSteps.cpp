//===- DeriveSteps.cpp - pass ssm-derive-steps ----------------------------===//

#include "lib/Stream/StepEntry.h"
#include "lib/Stream/StreamPasses.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMDERIVESTEPS
#include "lib/Stream/StreamPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
struct DeriveSteps : ssmc::impl::SsmDeriveStepsBase<DeriveSteps> {
  using SsmDeriveStepsBase::SsmDeriveStepsBase;

  void runOnOperation() override {
    for (StringRef name : entries)
      if (name != "forward" && name != "prefill" && name != "step") {
        getOperation().emitError("no such entry: ") << name;
        return signalPassFailure();
      }
    auto graph = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (entries.empty() || !graph || graph.isExternal())
      return;
    ShapeInference shapes(getOperation());
    if (failed(shapes.run(graph)))
      return signalPassFailure();
    Sequence sequence(graph, shapes);
    if (!sequence.analyse()) {
      report(graph, sequence.getRefusal());
      return required ? signalPassFailure() : void();
    }
    for (StringRef name : entries)
      if (name != "forward" &&
          failed(makeStepEntry(sequence, name, name == "step")))
        return signalPassFailure();
    if (!llvm::is_contained(entries, "forward"))
      graph.erase();
  }

  void report(func::FuncOp graph, const Refusal &refusal) {
    Operation *op = refusal.op ? refusal.op : graph.getOperation();
    std::string what = isa<onnx::NodeOp, func::FuncOp>(op)
                           ? ""
                           : op->getName().getStringRef().str() + " ";
    if (required) {
      onnx::emitModelError(op->getLoc())
          << what << refusal.why << ", so prefill and step cannot be derived";
      return;
    }
    Builder b(&getContext());
    getOperation()->setAttr(
        "ssmc.steps",
        b.getDictionaryAttr(
            {b.getNamedAttr("reason", b.getStringAttr(what + refusal.why)),
             b.getNamedAttr(
                 "site",
                 b.getStringAttr(onnx::describeLocation(op->getLoc()).node))}));
  }
};
} // namespace
