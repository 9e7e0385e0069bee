//===- HoistAssertion.cpp - an assertion in front of what it guards -------===//

#include "lib/Codegen/HoistAssertion.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

/// Arithmetic on numbers, and elements that exist, may stand anywhere behind
/// their operands.
static bool moves(Operation *op) {
  if (auto element = dyn_cast<tensor::ExtractOp>(op)) {
    auto type = dyn_cast<RankedTensorType>(element.getTensor().getType());
    return type && type.hasStaticShape() &&
           llvm::all_of_zip(element.getIndices(), type.getShape(),
                            [](Value index, int64_t extent) {
                              auto at = getConstantIntValue(index);
                              return at && *at >= 0 && *at < extent;
                            });
  }
  return isa_and_present<arith::ArithDialect, affine::AffineDialect>(
             op->getDialect()) &&
         isPure(op) && llvm::all_of(op->getResultTypes(), [](Type type) {
           return type.isIntOrIndex();
         });
}

void ssmc::hoistAssertion(cf::AssertOp op) {
  Block *block = op->getBlock();
  SetVector<Operation *> cone;
  cone.insert(op);
  Operation *last = nullptr; // what stays and is used
  for (size_t i = 0; i < cone.size(); ++i)
    for (Value operand : cone[i]->getOperands()) {
      Operation *source = operand.getDefiningOp();
      if (!source || source->getBlock() != block)
        continue;
      if (moves(source))
        cone.insert(source);
      else if (!last || last->isBeforeInBlock(source))
        last = source;
    }
  // What stands in front of that has users there.
  SmallVector<Operation *> ops;
  for (Operation *used : cone)
    if (!last || last->isBeforeInBlock(used))
      ops.push_back(used);
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  Operation *before = last ? last->getNextNode() : &block->front();
  for (Operation *moved : ops) {
    if (moved == before)
      before = before->getNextNode();
    else
      moved->moveBefore(before);
  }
}
