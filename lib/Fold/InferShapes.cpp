//===- InferShapes.cpp - pass onnx-infer-shapes ---------------------------===//

#include "lib/Fold/Passes.h"
#include "lib/Fold/ShapeInference.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXINFERSHAPES
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct InferShapes : ssmc::impl::OnnxInferShapesBase<InferShapes> {
  void runOnOperation() override {
    ssmc::ShapeInference inference(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && failed(inference.run(function)))
        return signalPassFailure();
  }
};
} // namespace
