//===- InferShapes.cpp - pass onnx-infer-shapes ---------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Fold/Passes.h"
#include "lib/Fold/ShapeInference.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXINFERSHAPES
#include "lib/Fold/FoldPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// Extents may be declared in vain, as the graph says itself what they are. A
/// caller that reads elements of another type than was declared is wrong.
static LogicalResult checkDeclared(func::FuncOp graph) {
  for (unsigned i = 0; i < graph.getNumResults(); ++i) {
    auto declared = graph.getResultAttrOfType<TypeAttr>(i, onnx::kDeclaredAttr);
    if (!declared)
      continue;
    Type stated = getElementTypeOrSelf(declared.getValue()),
         found = getElementTypeOrSelf(graph.getResultTypes()[i]);
    auto name = graph.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr);
    if (stated != found)
      return onnx::emitModelError(graph.getLoc())
             << "output '" << (name ? name.str() : std::to_string(i))
             << "' is declared to have elements of type " << stated
             << ", and has " << found
             << ": correct the type that the model declares, or cast the value";
  }
  return success();
}

namespace {
struct InferShapes : ssmc::impl::OnnxInferShapesBase<InferShapes> {
  void runOnOperation() override {
    ssmc::ShapeInference inference(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() &&
          (failed(inference.run(function)) || failed(checkDeclared(function))))
        return signalPassFailure();
  }
};
} // namespace
