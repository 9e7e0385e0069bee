//===- Interpreter.cpp - evaluates ops by what they decompose to ----------===//
//
// The op is copied to a block of its own, whose arguments have the shapes of
// the given values; ssm ops in it are decomposed, and the block is interpreted.
//
//===----------------------------------------------------------------------===//

#include "lib/Eval/Interpreter.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Eval/Machine.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ssmc;

/// The type of a value of this shape.
static Type getTypeOf(Type type, const Tensor &tensor) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  return shaped
             ? RankedTensorType::get(tensor.getShape(), shaped.getElementType())
             : type;
}

/// Checks the operands' extents against each other, as the verifier does, so
/// that decomposing may rely on them.
static LogicalResult checkExtents(ssm::MixerOpInterface op,
                                  std::string &error) {
  ssm::MixerShape shape = op.getMixerShape();
  SmallVector<std::pair<int64_t, StringRef>> known(shape.extents.size(),
                                                   {-1, ""});
  for (auto [info, value] :
       llvm::zip_equal(shape.operands, op->getOperands())) {
    auto type = cast<ShapedType>(value.getType());
    if (type.getRank() != int64_t(info.dims.size())) {
      error = "'" + op->getName().getStringRef().str() + "': '" + info.name +
              "' has rank " + std::to_string(type.getRank()) + " instead of " +
              std::to_string(info.dims.size());
      return failure();
    }
    for (auto [extent, size] : llvm::zip_equal(info.dims, type.getShape())) {
      if (extent == ssm::MixerOperand::anyExtent)
        continue;
      if (known[extent].first == -1)
        known[extent] = {size, info.name};
      if (known[extent].first == size)
        continue;
      error = "'" + op->getName().getStringRef().str() + "': extent " +
              shape.extents[extent] + " is " +
              std::to_string(known[extent].first) + " in '" +
              known[extent].second.str() + "' but " + std::to_string(size) +
              " in '" + info.name + "'";
      return failure();
    }
  }
  return success();
}

/// The arguments of a step's region get the types of the op's operands.
static void retypeStep(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case<ssm::RecurrenceOp, ssm::AssociativeScanOp>([](auto op) {
        for (BlockArgument arg : op.getStep().getArguments())
          arg.setType(op.getStepType(arg.getArgNumber()));
      });
}

/// The types in a region are those of the traced shapes. An op in it that is to
/// be decomposed must not rely on them, except for extents that are constants
/// of the op and known wherever it stands: widths and what follows from them,
/// and numbers of heads.
static bool isConstantExtent(StringRef name) {
  return llvm::is_contained({"W", "S", "R", "H", "G", "J", "Y"}, name);
}
static void forgetShapes(ssm::MixerOpInterface op, OpBuilder &b) {
  ssm::MixerShape shape = op.getMixerShape();
  b.setInsertionPoint(op);
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    const ssm::MixerOperand &info = shape.operands[operand.getOperandNumber()];
    if (!type || type.getRank() != int64_t(info.dims.size()))
      continue;
    SmallVector<int64_t> sizes(type.getShape());
    for (auto [size, extent] : llvm::zip_equal(sizes, info.dims))
      if (extent == ssm::MixerOperand::anyExtent ||
          !isConstantExtent(shape.extents[extent]))
        size = ShapedType::kDynamic;
    Type relaxed = RankedTensorType::get(sizes, type.getElementType());
    operand.set(
        tensor::CastOp::create(b, op->getLoc(), relaxed, operand.get()));
  }
  auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
  for (OpResult result : op->getResults())
    result.setType(dps.getTiedOpOperand(result)->get().getType());
  retypeStep(op);
}

LogicalResult ssmc::evaluateByDecomposition(
    Operation *op, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results,
    std::string &error, function_ref<FailureOr<Tensor>(Value)> outer) {
  Machine machine;
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(op->getLoc());
  Block &block = *scratch->getBody();
  SmallVector<Type> types, resultTypes;
  for (auto [value, tensor] : llvm::zip_equal(op->getOperands(), operands)) {
    if (tensor.isNull()) {
      error = "'" + op->getName().getStringRef().str() +
              "': an operand has no value";
      return failure();
    }
    Type type = getTypeOf(value.getType(), tensor);
    machine.bind(block.addArgument(type, value.getLoc()), tensor);
    types.push_back(type);
  }
  // Results of a destination style op have the shapes of its destinations;
  // those of other ops are not looked at.
  llvm::append_range(resultTypes, op->getResultTypes());
  if (auto dps = dyn_cast<DestinationStyleOpInterface>(op))
    for (OpResult result : op->getResults())
      resultTypes[result.getResultNumber()] =
          types[dps.getTiedOpOperand(result)->getOperandNumber()];
  // The copy uses nothing of the op's surroundings, whose lists of uses other
  // threads may read.
  IRMapping mapping;
  mapping.map(op->getOperands(), block.getArguments());
  SetVector<Value> used;
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value value : used) {
    FailureOr<Tensor> tensor = outer ? outer(value) : FailureOr<Tensor>();
    if (failed(tensor)) {
      if (error.empty())
        error = "a value that a region uses is not given";
      return failure();
    }
    Value argument = block.addArgument(value.getType(), value.getLoc());
    machine.bind(argument, *tensor);
    // A value may be an operand, too.
    if (!mapping.contains(value))
      mapping.map(value, argument);
  }

  IRRewriter rewriter(op->getContext());
  rewriter.setInsertionPointToEnd(&block);
  Operation *copy = rewriter.clone(*op, mapping);
  for (auto [result, type] : llvm::zip_equal(copy->getResults(), resultTypes))
    result.setType(type);
  retypeStep(copy);
  if (auto mixer = dyn_cast<ssm::MixerOpInterface>(copy))
    if (failed(checkExtents(mixer, error)))
      return failure();
  // The results leave by the operands of an op that ends the block.
  auto end = ssm::YieldOp::create(rewriter, op->getLoc(), copy->getResults());

  SmallVector<ssm::MixerOpInterface> mixers;
  scratch->walk([&](ssm::MixerOpInterface mixer) { mixers.push_back(mixer); });
  for (ssm::MixerOpInterface mixer : mixers) {
    if (mixer != copy)
      forgetShapes(mixer, rewriter);
    rewriter.setInsertionPoint(mixer);
    FailureOr<SmallVector<Value>> values =
        cast<linalg::AggregatedOpInterface>(mixer.getOperation())
            .decomposeOperation(rewriter);
    if (failed(values)) {
      error = "'" + mixer->getName().getStringRef().str() +
              "' on buffers cannot be evaluated";
      return failure();
    }
    rewriter.replaceOp(mixer, *values);
  }

  Machine::Tensors yielded;
  if (failed(machine.runBlock(*end->getBlock(), yielded))) {
    error = machine.error;
    return failure();
  }
  // A value keeps the element type that the op says.
  results.assign(yielded.begin(), yielded.end());
  return success();
}
