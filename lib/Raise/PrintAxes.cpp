//===- PrintAxes.cpp - the axis analysis as attributes --------------------===//

#include "lib/Raise/AxisAnalysis.h"
#include "lib/Raise/RaisePasses.h"

#include "mlir/IR/BuiltinOps.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMPRINTAXES
#include "lib/Raise/RaisePasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

static std::string describe(const AxisAnalysis &analysis, Value value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  switch (analysis.getClass(value)) {
  case TokenClass::Constant:
    return "constant";
  case TokenClass::PerToken:
    os << "token";
    break;
  case TokenClass::Mixed:
    os << "mixed";
    break;
  }
  const ValueAxes *axes = analysis.getAxes(value);
  if (!axes)
    return text;
  os << " [";
  llvm::interleave(
      *axes, os,
      [&](const Digits &axis) {
        llvm::interleave(
            axis, os,
            [&](const Digit &digit) {
              if (digit.kind != AxisKind::Other)
                os << (digit.kind == AxisKind::Batch ? "b:" : "t:");
              os << digit.extent;
              if (digit.kind != AxisKind::Other && digit.stride != 1)
                os << "/" << digit.stride;
            },
            "*");
      },
      ", ");
  os << "]";
  StepRange steps = analysis.getSteps(value);
  if (steps.known())
    os << " steps " << steps.first << ".." << steps.last;
  return text;
}

namespace {
struct SsmPrintAxesPass
    : public ssmc::impl::SsmPrintAxesBase<SsmPrintAxesPass> {
  void runOnOperation() override {
    Builder builder(&getContext());
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal() || !llvm::hasSingleElement(func.getBody()))
        continue;
      Graph graph(func);
      AxisAnalysis analysis(graph);
      for (Operation *op : graph.getNodes()) {
        if (!isa<onnx::NodeOp>(op))
          continue;
        SmallVector<Attribute> texts;
        for (Value result : op->getResults())
          texts.push_back(builder.getStringAttr(describe(analysis, result)));
        op->setAttr("ssm.axes", builder.getArrayAttr(texts));
        if (analysis.mixesTime(op))
          op->setAttr("ssm.mixes", builder.getUnitAttr());
      }
    }
  }
};
} // namespace
