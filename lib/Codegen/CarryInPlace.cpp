//===- CarryInPlace.cpp - loops carry tensors in one buffer ---------------===//
//
// A tensor that a loop carries lives in one buffer if each iteration computes
// the next value where the last one lay. Where it does not, because the value
// comes from an op without that destination, it is stored there explicitly:
//
//   scf.for ... iter_args(%s = %init) { ...; %n = op ...;
//     %m = materialize_in_destination %n in %s;  scf.yield %m }
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMCARRYINPLACE
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

/// True if `value` is computed, through destinations, where `carried` lies.
static bool isComputedIn(Value value, Value carried) {
  while (value != carried) {
    auto result = dyn_cast<OpResult>(value);
    if (!result)
      return false;
    Operation *op = result.getOwner();
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      value = insert.getDest();
    else if (auto destination = dyn_cast<DestinationStyleOpInterface>(op))
      value = destination.getTiedOpOperand(result)->get();
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      value = loop.getInitArgs()[result.getResultNumber()];
    else
      return false;
  }
  return true;
}

static void carryInPlace(scf::ForOp loop) {
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  OpBuilder builder(yield);
  for (auto [operand, carried] :
       llvm::zip_equal(yield->getOpOperands(), loop.getRegionIterArgs()))
    if (isa<RankedTensorType>(carried.getType()) &&
        !isComputedIn(operand.get(), carried))
      operand.set(bufferization::MaterializeInDestinationOp::create(
                      builder, yield.getLoc(), operand.get(), carried)
                      ->getResult(0));
}

namespace {
struct CarryInPlace : ssmc::impl::SsmCarryInPlaceBase<CarryInPlace> {
  void runOnOperation() override {
    getOperation().walk([](scf::ForOp loop) { carryInPlace(loop); });
  }
};
} // namespace
