//===- LengthSweep.cpp - numbers that may be the traced length ------------===//
//
// What LengthNumbers.cpp neither rewrites nor refuses is no silence: every
// number of the graph that reads as a function of an extent that changes - of
// the length, the batch, or both together - is listed as an assumption with its
// node, and a warning says so once per number. Numbers are uniform constants,
// of any size, and the attributes that scale, bound, or count tokens. Operands
// that only say extents are none: what they do shows in the extents.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/ssm/SsmOps.h"
#include "lib/Fold/LengthFreeing.h"
#include "lib/Fold/LengthReading.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

// True for operands whose value is an extent, an axis or an index.
static bool saysExtents(onnx::NodeOp node, unsigned operand) {
  StringRef type = node.getOpType();
  if (type == "ConstantOfShape" || type == "Range")
    return true;
  // The data comes first.
  return operand > 0 &&
         (type.starts_with("Reduce") || type.starts_with("Gather") ||
          llvm::StringSwitch<bool>(type)
              .Cases({"Reshape", "Expand", "Slice", "Split", "Tile"}, true)
              .Cases({"Squeeze", "Unsqueeze", "CumSum", "TopK"}, true)
              .Cases({"Resize", "CenterCropPad"}, true)
              .Case("Pad", operand == 3)
              .Case("OneHot", operand == 1)
              .Default(false));
}

// True for integer attributes that count tokens.
static bool countsTokens(Operation *op, StringRef name) {
  if (isa<ssm::SsmDialect>(op->getDialect()))
    return name != "dimension";
  return llvm::StringSwitch<bool>(name)
      .Cases({"kernel_shape", "pads", "dilations", "size"}, true)
      .Default(false);
}

static void addNumbers(Operation *op, NamedAttribute named,
                       LengthFreeing::Numbers &numbers) {
  MLIRContext *context = op->getContext();
  Type f32 = Float32Type::get(context), i64 = IntegerType::get(context, 64);
  Attribute attr = named.getValue();
  if (auto number = dyn_cast<FloatAttr>(attr)) {
    numbers.push_back({number.getValueAsDouble(), number.getType()});
  } else if (auto constant = dyn_cast<ElementsAttr>(attr);
             constant && !isa<DenseArrayAttr>(attr)) {
    if (auto number = uniformNumber(constant))
      numbers.push_back({*number, constant.getElementType()});
  } else if (auto list = dyn_cast<DenseF32ArrayAttr>(attr)) {
    for (float number : list.asArrayRef())
      numbers.push_back({number, f32});
  } else if (countsTokens(op, named.getName())) {
    if (auto number = dyn_cast<IntegerAttr>(attr))
      numbers.push_back({double(number.getInt()), i64});
    else if (auto list = dyn_cast<DenseI64ArrayAttr>(attr))
      for (int64_t number : list.asArrayRef())
        numbers.push_back({double(number), i64});
  }
}

LengthFreeing::Numbers LengthFreeing::numbersOf(Operation *op) const {
  Numbers numbers;
  auto node = dyn_cast<onnx::NodeOp>(op);
  auto add = [&](ElementsAttr constant) {
    if (auto number = uniformNumber(constant))
      numbers.push_back({*number, constant.getElementType()});
  };
  for (OpOperand &operand : op->getOpOperands()) {
    auto source = operand.get().getDefiningOp<onnx::ConstantOp>();
    if (!source || (node && saysExtents(node, operand.getOperandNumber())))
      continue;
    ElementsAttr constant = source.getValue();
    // Amounts are one by one of axes.
    FailureOr<Tensor> amounts = failure();
    if (node && node.getOpType() == "Pad" && operand.getOperandNumber() == 1)
      amounts = Tensor::fromAttr(constant);
    if (succeeded(amounts))
      for (int64_t i = 0; i < amounts->getNumElements(); ++i)
        numbers.push_back({amounts->at(i), constant.getElementType()});
    else
      add(constant);
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto elements = dyn_cast<ElementsAttr>(constant.getValue()))
      add(elements);
    else if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
      numbers.push_back({number.getValueAsDouble(), number.getType()});
    return numbers;
  }
  for (NamedAttribute named :
       node ? node.getAttrs().getValue() : op->getAttrs())
    addNumbers(op, named, numbers);
  return numbers;
}

void LengthFreeing::noteNumbers(ArrayRef<Operation *> ops) {
  SmallVector<std::pair<int64_t, StringRef>> extents;
  if (newLength && length > 1)
    extents.push_back({length, "the traced length"});
  if (newBatch && batch > 1)
    extents.push_back({batch, "the traced batch"});
  if (!extents.empty() && length > 1 && batch > 1)
    extents.push_back({batch * length, "the traced batch times length"});
  // What is said about a number, and where.
  llvm::MapVector<StringAttr, SmallVector<Operation *>> sites;
  SmallVector<Operation *> common;
  for (Operation *op : ops) {
    if (isa<onnx::ConstantOp>(op))
      continue;
    for (auto [number, type] : numbersOf(op))
      for (auto [extent, name] : extents) {
        auto reading = readNumber(std::abs(number), extent, type);
        if (!reading)
          continue;
        SmallVector<Operation *> *list = &common;
        if (!reading->isCommon(extent)) {
          std::string text;
          llvm::raw_string_ostream(text)
              << llvm::format("%g", number) << " is not "
              << (number < 0 ? "minus " : "") << reading->describe(name)
              << " of " << extent;
          list = &sites[b.getStringAttr(text)];
        }
        if (list->empty() || list->back() != op)
          list->push_back(op);
        break;
      }
  }
  for (auto &[text, list] : sites) {
    for (Operation *op : list)
      assume(op, "the number " + text.getValue());
    std::string others =
        list.size() > 1
            ? ", here and at " + std::to_string(list.size() - 1) + " others"
            : "";
    warnings.push_back(
        {list.front()->getLoc(),
         asked + " assumes that the number " + text.getValue().str() + others});
  }
  // Numbers of formulas, which would be everywhere.
  if (!common.empty())
    assume(common.front(),
           "the small numbers here and at " + Twine(common.size() - 1) +
               " others, such as 2 and 1/2, are none of the traced "
               "extents");
}
