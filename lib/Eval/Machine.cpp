//===- Machine.cpp - interprets scf, linalg and arith ---------------------===//

#include "lib/Eval/Machine.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace ssmc;

LogicalResult Machine::fail(Operation *op, const Twine &why) {
  error = ("'" + op->getName().getStringRef() + "': " + why).str();
  return failure();
}

void Machine::prepare(Block &block) {
  if (!prepared.insert(&block).second)
    return;
  llvm::DenseSet<Value> usedLater;
  for (Operation &op : llvm::reverse(block)) {
    // What a region uses is used by its op, which keeps it.
    llvm::SetVector<Value> nested;
    getUsedValuesDefinedAbove(op.getRegions(), nested);
    usedLater.insert(nested.begin(), nested.end());
    for (OpOperand &operand : op.getOpOperands())
      if (operand.get().getParentBlock() == &block &&
          usedLater.insert(operand.get()).second)
        lastUses.insert(&operand);
  }
  // An op that has a value twice hands it over for neither.
  for (Operation &op : block)
    for (OpOperand &operand : op.getOpOperands())
      if (llvm::count(op.getOperands(), operand.get()) > 1)
        lastUses.erase(&operand);
}

Tensor Machine::take(OpOperand &operand) {
  auto found = values.find(operand.get());
  if (found == values.end())
    return Tensor();
  if (!lastUses.contains(&operand))
    return found->second;
  Tensor tensor = std::move(found->second);
  values.erase(found);
  return tensor;
}

int64_t Machine::peekInteger(Value value) {
  const Tensor &tensor = peek(value);
  return tensor.isNull() || tensor.isFloat() ? 0 : tensor.ints()[0];
}

SmallVector<int64_t> Machine::peekIntegers(ArrayRef<OpFoldResult> list) {
  SmallVector<int64_t> result;
  for (OpFoldResult item : list) {
    if (auto value = dyn_cast<Value>(item))
      result.push_back(peekInteger(value));
    else
      result.push_back(cast<IntegerAttr>(cast<Attribute>(item)).getInt());
  }
  return result;
}

LogicalResult Machine::runBlock(Block &block, Tensors &yielded) {
  prepare(block);
  for (Operation &op : block.without_terminator())
    if (failed(run(&op)))
      return failure();
  yielded.clear();
  for (OpOperand &operand : block.getTerminator()->getOpOperands())
    yielded.push_back(take(operand));
  return success();
}

LogicalResult Machine::run(Operation *op) {
  for (Value operand : op->getOperands())
    if (peek(operand).isNull())
      return fail(op, "an operand has no value");
  Attribute constant;
  if (op->hasTrait<OpTrait::ConstantLike>() &&
      matchPattern(op, m_Constant(&constant)))
    return runConstant(op, constant);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return runLinalg(linalgOp);
  if (auto check = dyn_cast<cf::AssertOp>(op))
    return peekInteger(check.getArg()) ? success() : fail(op, check.getMsg());
  if (isa<scf::ForOp>(op))
    return runFor(op);
  if (isa<scf::IfOp>(op))
    return runIf(op);
  if (isa<scf::WhileOp>(op))
    return runWhile(op);
  if (isa<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(op))
    return runAffine(op);
  if (isa<tensor::TensorDialect>(op->getDialect()))
    return runTensor(op);
  return runElementwise(op);
}

LogicalResult Machine::runConstant(Operation *op, Attribute value) {
  Type type = op->getResult(0).getType();
  if (auto elements = dyn_cast<ElementsAttr>(value)) {
    FailureOr<Tensor> tensor = Tensor::fromAttr(elements);
    if (failed(tensor))
      return fail(op, "a constant whose bytes cannot be read");
    bind(op->getResult(0), *tensor);
    return success();
  }
  if (auto real = dyn_cast<FloatAttr>(value)) {
    bind(op->getResult(0), Tensor::scalar(type, real.getValueAsDouble()));
    return success();
  }
  auto integer = dyn_cast<IntegerAttr>(value);
  if (!integer)
    return fail(op, "a constant of an unknown kind");
  Tensor tensor(type, {});
  tensor.mutableInts()[0] =
      wrapInteger(integer.getValue().getSExtValue(), type);
  bind(op->getResult(0), tensor);
  return success();
}

LogicalResult Machine::runFor(Operation *op) {
  auto loop = cast<scf::ForOp>(op);
  int64_t lower = peekInteger(loop.getLowerBound());
  int64_t upper = peekInteger(loop.getUpperBound());
  int64_t step = peekInteger(loop.getStep());
  if (step <= 0)
    return fail(op, "a step that is not positive");
  Tensors carried;
  for (OpOperand &init : loop.getInitArgsMutable())
    carried.push_back(take(init));
  Tensor counter(loop.getInductionVar().getType(), {});
  for (int64_t i = lower; i < upper; i += step) {
    counter.mutableInts()[0] = i;
    bind(loop.getInductionVar(), counter);
    for (auto [arg, tensor] : llvm::zip(loop.getRegionIterArgs(), carried))
      bind(arg, std::move(tensor));
    if (failed(runBlock(*loop.getBody(), carried)))
      return failure();
    if (step > upper - i)
      break;
  }
  for (auto [result, tensor] : llvm::zip(loop.getResults(), carried))
    bind(result, std::move(tensor));
  return success();
}

LogicalResult Machine::runWhile(Operation *op) {
  auto loop = cast<scf::WhileOp>(op);
  constexpr int64_t kMostSteps = int64_t(1) << 24;
  Tensors carried;
  for (OpOperand &init : loop.getInitsMutable())
    carried.push_back(take(init));
  for (int64_t steps = 0; steps < kMostSteps; ++steps) {
    for (auto [arg, tensor] : llvm::zip(loop.getBeforeArguments(), carried))
      bind(arg, std::move(tensor));
    if (failed(runBlock(*loop.getBeforeBody(), carried)))
      return failure();
    // The terminator's operands are the condition, then the values.
    bool go = carried.front().ints()[0] != 0;
    carried.erase(carried.begin());
    if (!go) {
      for (auto [result, tensor] : llvm::zip(loop.getResults(), carried))
        bind(result, std::move(tensor));
      return success();
    }
    for (auto [arg, tensor] : llvm::zip(loop.getAfterArguments(), carried))
      bind(arg, std::move(tensor));
    if (failed(runBlock(*loop.getAfterBody(), carried)))
      return failure();
  }
  return fail(op, "more than 16 million steps");
}

LogicalResult Machine::runIf(Operation *op) {
  auto branch = cast<scf::IfOp>(op);
  bool taken = peekInteger(branch.getCondition()) != 0;
  Block *block = taken ? branch.thenBlock() : branch.elseBlock();
  if (!block)
    return success();
  Tensors yielded;
  if (failed(runBlock(*block, yielded)))
    return failure();
  for (auto [result, tensor] : llvm::zip(op->getResults(), yielded))
    bind(result, std::move(tensor));
  return success();
}

LogicalResult Machine::runAffine(Operation *op) {
  AffineMap map = cast<AffineMapAttr>(op->getAttr("map")).getValue();
  Builder b(op->getContext());
  SmallVector<Attribute> operands, folded;
  for (Value operand : op->getOperands())
    operands.push_back(b.getIndexAttr(peekInteger(operand)));
  bool poison = false;
  if (failed(map.constantFold(operands, folded, &poison)) || poison ||
      folded.empty())
    return fail(op, "the map has no value");
  auto at = [](Attribute a) { return cast<IntegerAttr>(a).getInt(); };
  int64_t value = at(folded.front());
  for (Attribute other : folded)
    value = isa<affine::AffineMinOp>(op) ? std::min(value, at(other))
                                         : std::max(value, at(other));
  Tensor tensor(IndexType::get(op->getContext()), {});
  tensor.mutableInts()[0] = value;
  bind(op->getResult(0), tensor);
  return success();
}

LogicalResult Machine::runLinalg(linalg::LinalgOp op) {
  auto [kernel, isNew] = kernels.try_emplace(op);
  if (isNew && failed(kernel->second.compile(op, error)))
    return failure();
  if (!op.hasPureTensorSemantics())
    return fail(op, "is on buffers");
  Tensors operands, captured;
  for (OpOperand &operand : op->getOpOperands())
    operands.push_back(take(operand));
  for (Value value : kernel->second.getCaptures()) {
    // Constants of the body are evaluated when they are first needed.
    if (peek(value).isNull() &&
        (!value.getDefiningOp() || failed(run(value.getDefiningOp()))))
      return fail(op, "a value that its body uses has no value");
    captured.push_back(peek(value));
  }
  std::string why;
  if (failed(kernel->second.run(operands, captured, why)))
    return fail(op, why);
  for (auto [result, tensor] : llvm::zip(
           op->getResults(), llvm::drop_begin(operands, op.getNumDpsInputs())))
    bind(result, std::move(tensor));
  return success();
}

LogicalResult Machine::runElementwise(Operation *op) {
  LaneOp lanes = getLaneOp(op);
  if (!lanes.function)
    return fail(op, "cannot be evaluated");
  Tensors operands;
  ArrayRef<int64_t> shape;
  for (OpOperand &operand : op->getOpOperands()) {
    operands.push_back(take(operand));
    if (operands.back().getRank() != 0)
      shape = operands.back().getShape();
  }
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  Tensor result(element, shape);
  int64_t count = result.getNumElements();
  auto bytes = [](const Tensor &tensor) {
    return tensor.isFloat()
               ? reinterpret_cast<const Lane *>(tensor.floats().data())
               : reinterpret_cast<const Lane *>(tensor.ints().data());
  };
  SmallVector<const Lane *> in;
  SmallVector<std::vector<Lane>, 1> repeated;
  repeated.reserve(operands.size());
  for (const Tensor &operand : operands) {
    // Only the condition of a select may be a scalar beside tensors.
    if (operand.getShape() == shape) {
      in.push_back(bytes(operand));
    } else if (operand.getRank() == 0) {
      repeated.emplace_back(count, bytes(operand)[0]);
      in.push_back(repeated.back().data());
    } else {
      return fail(op, "operands disagree in shape");
    }
  }
  Lane *out = result.isFloat()
                  ? reinterpret_cast<Lane *>(result.mutableFloats().data())
                  : reinterpret_cast<Lane *>(result.mutableInts().data());
  lanes.run(out, in.data(), count);
  bind(op->getResult(0), std::move(result));
  return success();
}
