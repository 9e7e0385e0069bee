//===- HoistAssertion.cpp - an assertion in front of what it guards -------===//

#include "lib/Codegen/HoistAssertion.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

/// Arithmetic on numbers may stand anywhere behind its operands, what reads a
/// tensor anywhere behind its guards, and a choice of such where they may.
static bool moves(Operation *op) {
  if (isa<tensor::ExtractOp, tensor::ExtractSliceOp, tensor::DimOp>(op))
    return true;
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return llvm::all_of(choice->getRegions(), [](Region &region) {
      return llvm::all_of(region.getOps(), [](auto &inner) {
        return isa<cf::AssertOp, scf::YieldOp>(&inner) || moves(&inner);
      });
    });
  return isa_and_present<arith::ArithDialect, affine::AffineDialect>(
             op->getDialect()) &&
         isPure(op) && llvm::all_of(op->getResultTypes(), [](Type type) {
           return type.isIntOrIndex();
         });
}

void ssmc::hoistAssertion(cf::AssertOp op, const Guards &guards) {
  Block *block = op->getBlock();
  SetVector<Operation *> cone;
  cone.insert(op);
  Operation *last = nullptr; // what stays and is used
  auto use = [&](Value value) {
    Operation *source = value.getDefiningOp();
    if (!source || source->getBlock() != block)
      return;
    if (moves(source))
      cone.insert(source);
    else if (!last || last->isBeforeInBlock(source))
      last = source;
  };
  for (size_t i = 0; i < cone.size(); ++i) {
    Operation *moved = cone[i];
    llvm::for_each(moved->getOperands(), use);
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(moved->getRegions(), captured);
    llvm::for_each(captured, use);
    if (auto own = guards.find(moved); own != guards.end())
      cone.insert(own->second.begin(), own->second.end());
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
