//===- UpdateScans.cpp - pass onnx-update-scans ---------------------------===//
//
// Before version 9 a Scan had a batch as its first axis, of which its body saw
// nothing. That is a Scan over the batch, without states, of Scans over time.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxOps.h"
#include "lib/Import/Onnx/Passes.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXUPDATESCANS
#include "lib/Import/Onnx/OnnxImportPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using mlir::onnx::NodeOp;

/// The first version without a batch axis.
static constexpr int64_t kVersion = 9;

static NodeOp createScan(OpBuilder &b, NodeOp like, ValueRange inputs,
                         int64_t reads, NamedAttribute directions) {
  SmallVector<Type> types(like->getNumResults(),
                          mlir::onnx::UnknownType::get(b.getContext()));
  SmallVector<NamedAttribute> attrs{
      b.getNamedAttr("body", b.getI64IntegerAttr(0)),
      b.getNamedAttr("num_scan_inputs", b.getI64IntegerAttr(reads))};
  if (directions.getValue())
    attrs.push_back(directions);
  return NodeOp::create(b, like.getLoc(), types, inputs, "Scan", "", kVersion,
                        b.getDictionaryAttr(attrs), 1);
}

static void update(NodeOp scan) {
  ValueRange inputs = scan.getInputs().drop_front();
  int64_t reads = scan.getInt("num_scan_inputs", 0);
  if (scan.hasInput(0) || reads < 1 || reads > int64_t(inputs.size()) ||
      scan->getNumRegions() != 1)
    return; // to be reported
  OpBuilder b(scan);
  NamedAttribute none(b.getStringAttr("scan_input_directions"), Attribute());
  NodeOp outer = createScan(b, scan, inputs, inputs.size(), none);
  Block &body = outer->getRegion(0).emplaceBlock();
  auto unknown = mlir::onnx::UnknownType::get(b.getContext());
  for (size_t i = 0; i < inputs.size(); ++i)
    body.addArgument(unknown, scan.getLoc());
  b.setInsertionPointToEnd(&body);
  if (auto given = scan.getInts("directions"))
    none.setValue(b.getDenseI64ArrayAttr(*given));
  NodeOp inner = createScan(b, scan, body.getArguments(), reads, none);
  inner->getRegion(0).takeBody(scan->getRegion(0));
  mlir::onnx::YieldOp::create(b, scan.getLoc(), inner->getResults());
  scan->replaceAllUsesWith(outer->getResults());
  scan->erase();
}

namespace {
struct UpdateScans : ssmc::impl::OnnxUpdateScansBase<UpdateScans> {
  void runOnOperation() override {
    SmallVector<NodeOp> scans;
    getOperation().walk([&](NodeOp node) {
      if (node.getDomain().empty() && node.getOpType() == "Scan" &&
          node.getVersion() < kVersion && !node.getInputs().empty())
        scans.push_back(node);
    });
    for (NodeOp scan : scans)
      update(scan);
  }
};
} // namespace
