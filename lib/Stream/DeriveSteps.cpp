//===- DeriveSteps.cpp - pass ssm-derive-steps ----------------------------===//

#include "lib/Stream/StepEntry.h"
#include "lib/Stream/StreamPasses.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"

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
      if (!llvm::is_contained(
              {"forward", "prefill", "prefill_lengths", "step", "verify"},
              name)) {
        getOperation().emitError("no such entry: ") << name;
        return signalPassFailure();
      }
    auto graph = getOperation().lookupSymbol<func::FuncOp>("forward");
    if (entries.empty() || !graph || graph.isExternal())
      return;
    if (failed(derive(graph)))
      return signalPassFailure();
    if (!llvm::is_contained(entries, "forward"))
      graph.erase();
  }

  LogicalResult derive(func::FuncOp graph) {
    Sequence sequence(graph);
    FailureOr<bool> right = sequence.analyse();
    if (failed(right))
      return failure();
    if (!*right)
      return report(sequence.getRefusal());
    for (const Attention &attention : sequence.getAttentions())
      if (!attention.window && maxLength == 0)
        return report(
            {attention.op->getLoc(),
             "attention sees all tokens before, whose keys need a cache: say "
             "how many tokens a sequence may have with --max-length=N"});
    for (StringRef name : {"prefill_lengths", "verify"})
      if (Operation *op = sequence.getUncut();
          op && llvm::is_contained(entries, name))
        return report({op->getLoc(),
                       op->getName().getStringRef().str() +
                           " cannot end earlier in some rows than in others; "
                           "leave " +
                           name.str() + " out"});
    for (StringRef name : entries)
      if (name != "forward" && failed(make(sequence, name)))
        return failure();
    return success();
  }

  LogicalResult make(const Sequence &sequence, StringRef name) {
    StepOptions options{name.str(), name == "prefill_lengths", name == "step",
                        maxLength};
    if (name == "verify") {
      StepEntry accept(sequence, {"accept", /*counted=*/true, /*one=*/false,
                                  maxLength, /*fromBrought=*/true});
      if (failed(accept.make()))
        return failure();
      llvm::append_range(options.brought, accept.getBrought());
    }
    return StepEntry(sequence, options).make();
  }

  LogicalResult report(const Refusal &refusal) {
    if (required)
      return onnx::emitModelError(refusal.loc)
             << refusal.why << ", so prefill and step cannot be derived";
    Builder b(&getContext());
    getOperation()->setAttr(
        "ssmc.steps",
        b.getDictionaryAttr(
            {b.getNamedAttr("reason", b.getStringAttr(refusal.why)),
             b.getNamedAttr(
                 "site",
                 b.getStringAttr(onnx::describeLocation(refusal.loc).node))}));
    return success();
  }
};
} // namespace
