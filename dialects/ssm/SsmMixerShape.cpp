//===- SsmMixerShape.cpp - extents, loops and operands of each op ---------===//

#include "dialects/ssm/SsmOps.h"

using namespace mlir;
using namespace mlir::ssm;

namespace {
enum { B, L, D, N };
/// Names a list of operands that the assembly does not name one by one.
std::string numbered(StringRef name, size_t i) {
  return (name + "[" + Twine(i) + "]").str();
}
} // namespace

MixerShape ScanOp::getMixerShape() {
  MixerShape shape;
  int64_t rank = cast<ShapedType>(getH().getType()).getRank();
  auto time = static_cast<int64_t>(getDimension());
  MixerOperand state{"state", {}};
  MixerOperand sequence{"h", {}, getReverse()};
  for (int64_t i = 0; i < rank; ++i) {
    shape.extents.push_back(i == time ? "L" : "D" + std::to_string(i));
    sequence.dims.push_back(i);
    if (i != time)
      state.dims.push_back(i);
  }
  shape.numLoops = rank;
  shape.time = time;
  for (const char *name : {"a", "b", "h"}) {
    sequence.name = name;
    sequence.read = sequence.name != "h";
    shape.operands.push_back(sequence);
  }
  shape.operands.push_back(state);
  return shape;
}

MixerShape SelectiveScanOp::getMixerShape() {
  bool reverse = getReverse();
  MixerShape shape{{"B", "L", "D", "N"}, 3, L, {}};
  shape.operands = {{"u", {B, L, D}, reverse},
                    {"delta", {B, L, D}, reverse},
                    {"A", {D, N}},
                    {"B", {B, L, N}, reverse},
                    {"C", {B, L, N}, reverse}};
  if (getD())
    shape.operands.push_back({"D", {D}});
  if (getZ())
    shape.operands.push_back({"z", {B, L, D}, reverse});
  shape.operands.push_back({"y", {B, L, D}, reverse, /*read=*/false});
  shape.operands.push_back({"state", {B, D, N}});
  return shape;
}

MixerShape ShortConvOp::getMixerShape() {
  enum { C = 2, W, S };
  bool reverse = getReverse();
  MixerShape shape{{"B", "L", "C", "W", "S"}, 3, L, {}};
  shape.operands = {{"x", {B, L, C}, reverse}, {"w", {C, W}}};
  if (getBias())
    shape.operands.push_back({"bias", {C}});
  shape.operands.push_back({"y", {B, L, C}, reverse, /*read=*/false});
  shape.operands.push_back({"state", {B, S, C}});
  return shape;
}

MixerShape LinearOp::getMixerShape() {
  enum { M, K, P, R, N };
  MixerShape shape{{"M", "K", "P", "R", "N"}, 1, std::nullopt, {}};
  shape.operands = {{"x", {M, K}}, {"w", {P, K, R}}};
  for (auto [i, extra] : llvm::enumerate(getExtras())) {
    bool isVector = cast<ShapedType>(extra.getType()).getRank() == 1;
    MixerOperand operand{numbered("extras", i), {M, N}};
    if (isVector)
      operand.dims = {N};
    shape.operands.push_back(operand);
  }
  shape.operands.push_back({"out", {M, N}, false, /*read=*/false});
  return shape;
}

MixerShape RecurrenceOp::getMixerShape() {
  MixerShape shape{{"L"}, 1, 0, {}};
  unsigned axis = 0;
  auto add = [&](StringRef name, OperandRange values, bool timed, bool read) {
    for (auto [i, value] : llvm::enumerate(values)) {
      MixerOperand operand;
      operand.name = numbered(name, i);
      operand.read = read;
      operand.dims.assign(cast<ShapedType>(value.getType()).getRank(),
                          MixerOperand::anyExtent);
      if (timed) {
        operand.dims[getAxes()[axis]] = 0;
        operand.reversed = isReversed(axis++);
      }
      shape.operands.push_back(operand);
    }
  };
  add("xs", getXs(), true, true);
  add("ys", getYs(), true, false);
  add("states", getStates(), false, true);
  return shape;
}
