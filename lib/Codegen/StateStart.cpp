//===- StateStart.cpp - what a mixer's state begins with ------------------===//

#include "lib/Codegen/StateStart.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace ssmc;

/// On a start that has been joined: not every copy in front of a mixer may be.
static constexpr StringLiteral kStartAttr = "ssm.start";

static bool hasOneInputAndInit(linalg::LinalgOp op) {
  return op && op.getNumDpsInits() == 1 && op.getNumDpsInputs() == 1;
}

/// Whether `op` copies a buffer to one of the same type.
static bool isCopy(linalg::LinalgOp op) {
  auto type = cast<MemRefType>(op.getDpsInits()[0].getType());
  Block *body = op.getBlock();
  return op.getDpsInputs()[0].getType() == type &&
         type.getLayout().isIdentity() &&
         llvm::all_of(op.getIndexingMapsArray(),
                      [](AffineMap map) { return map.isIdentity(); }) &&
         body->getTerminator()->getOperand(0) == body->getArgument(0);
}

static StateStart findStart(Operation *mixer, Value state) {
  Operation *before = mixer->getPrevNode();
  while (before && isMemoryEffectFree(before))
    before = before->getPrevNode();
  auto op = dyn_cast_or_null<linalg::LinalgOp>(before);
  if (!hasOneInputAndInit(op) || op.getDpsInits()[0] != state)
    return {};
  Value input = op.getDpsInputs()[0];
  if (isa<linalg::FillOp>(op) && matchPattern(input, m_AnyZeroFloat()))
    return {op, Value()};
  if (isCopy(op))
    return {op, input};
  return {};
}

/// The memory that a buffer is a view of.
static Value baseOf(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

StateStart ssmc::findJoinableStart(Operation *mixer, Value state,
                                   Value written) {
  StateStart start = findStart(mixer, state);
  // Behind the copy its source may be dead, and its place another buffer's.
  if (start.source && (baseOf(start.source) == baseOf(written) ||
                       baseOf(start.source) == baseOf(state)))
    return {};
  return start;
}

void ssmc::joinStart(const StateStart &start, Operation *mixer) {
  OpBuilder b(mixer);
  auto region = scf::ExecuteRegionOp::create(b, mixer->getLoc(), TypeRange());
  b.createBlock(&region.getRegion());
  Operation *end = scf::YieldOp::create(b, mixer->getLoc());
  start.op->setAttr(kStartAttr, b.getUnitAttr());
  start.op->moveBefore(end);
  mixer->moveBefore(end);
}

StateStart ssmc::findJoinedStart(Operation *mixer, Value state) {
  StateStart start = findStart(mixer, state);
  return start.op && start.op->hasAttr(kStartAttr) ? start : StateStart();
}

Value ssmc::takeBegin(Operation *mixer, Value state) {
  StateStart start = findJoinedStart(mixer, state);
  if (start.source)
    start.op->erase();
  return start.bufferOr(state);
}
