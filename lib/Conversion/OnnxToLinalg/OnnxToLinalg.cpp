//===- OnnxToLinalg.cpp - pass convert-onnx-to-linalg ---------------------===//

#include "lib/Conversion/OnnxToLinalg/GraphLowering.h"
#include "lib/Conversion/OnnxToLinalg/Passes.h"

namespace ssmc {
#define GEN_PASS_DEF_CONVERTONNXTOLINALG
#include "lib/Conversion/OnnxToLinalg/OnnxToLinalgPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct ConvertOnnxToLinalg
    : ssmc::impl::ConvertOnnxToLinalgBase<ConvertOnnxToLinalg> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder builder(module.getContext());
    SmallVector<func::FuncOp> graphs(module.getOps<func::FuncOp>());
    // Shapes are inferred again: the elements of shape arithmetic are not part
    // of the types.
    for (func::FuncOp graph : graphs) {
      if (!graph.isPublic() || graph.isExternal())
        continue;
      ssmc::ShapeInference inference(module);
      if (failed(inference.run(graph)) ||
          !ssmc::GraphLowering(inference, builder).run(graph))
        return signalPassFailure();
    }
    for (func::FuncOp graph : graphs)
      if (!graph.isExternal())
        graph.erase();
  }
};
} // namespace
