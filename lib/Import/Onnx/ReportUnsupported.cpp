//===- ReportUnsupported.cpp - one table of all that is missing -----------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Import/Onnx/Passes.h"
#include "lib/Import/Onnx/Schema.h"
#include "lib/Operators/Operator.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/FormatVariadic.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXREPORTUNSUPPORTED
#include "lib/Import/Onnx/OnnxImportPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;
using mlir::onnx::NodeOp;

LogicalResult ssmc::reportUnsupported(ModuleOp module) {
  struct Missing {
    NodeOp first;
    unsigned count = 0;
  };
  llvm::MapVector<std::pair<StringAttr, int64_t>, Missing> missing;
  const OperatorTable &table = OperatorTable::get();
  auto isUndefined = [](NodeOp node) {
    return node.getDomain().empty() && isStandardName("", node.getOpType()) &&
           !isStandardOp("", node.getOpType(), node.getVersion());
  };
  module.walk([&](NodeOp node) {
    if (table.find(node) && !isUndefined(node))
      return;
    Missing &entry =
        missing[{StringAttr::get(module.getContext(), node.getQualifiedName()),
                 node.getVersion()}];
    if (entry.count++ == 0)
      entry.first = node;
  });
  if (missing.empty())
    return success();

  std::string text;
  llvm::raw_string_ostream os(text);
  constexpr const char *kRow = "\n  {0,-28} {1,-16} {2,5} {3,6}  {4}";
  os << missing.size()
     << (missing.size() == 1 ? " operator is" : " operators are")
     << " not supported:";
  os << llvm::formatv(kRow, "operator", "domain", "opset", "nodes",
                      "first node");
  for (auto &[key, entry] : missing) {
    NodeOp node = entry.first;
    StringRef domain = node.getDomain();
    std::string first =
        "'" + mlir::onnx::describeLocation(node.getLoc()).node.str() + "'";
    if (isUndefined(node))
      first += " (ONNX defines no such operator at this opset)";
    os << llvm::formatv(kRow, node.getOpType(),
                        domain.empty() ? "ai.onnx" : domain, key.second,
                        entry.count, first);
  }
  InFlightDiagnostic diagnostic = mlir::onnx::emitModelError(module.getLoc());
  diagnostic << text;
  mlir::onnx::attachRemedy(diagnostic)
      << "export the model without them, or define them in the file as "
         "model-local functions";
  return diagnostic;
}

namespace {
struct OnnxReportUnsupported
    : ssmc::impl::OnnxReportUnsupportedBase<OnnxReportUnsupported> {
  void runOnOperation() override {
    if (failed(reportUnsupported(getOperation())))
      signalPassFailure();
  }
};
} // namespace
