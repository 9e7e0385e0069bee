//===- LaunchReductions.cpp - ssm-launch-reductions -----------------------===//
//
// A reduction along what lies side by side in memory: the sum of a norm, the
// largest score of a row. Neighbouring threads, a warp or a block of them, read
// neighbouring elements of a row, four of them on their way at once:
//
//   part[u] = combine over j of element[(4 j + u) * threads + thread]
//
// The parts of a thread, of the lanes of a warp, and of warps are combined in
// this order, and last with what the result begins with.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHREDUCTIONS
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t shortest = 9;       // below, a thread to a row does
constexpr int64_t mostOfWarp = 512;   // elements of a row
constexpr int64_t mostOfBlock = 2048; // of the smaller one
constexpr int64_t blockThreads = 128;
constexpr int64_t unrolled = 4;

/// A generic that combines with an op of arith what its body makes of elements.
struct Reduction : LoopNest {
  Loops rows, columns;
  Operation *combiner = nullptr;
  BlockArgument out; // what is combined with
  Value element;     // in the body
  TypedAttr neutral;

  static std::optional<Reduction> get(linalg::GenericOp op);
  /// Combines two values.
  Value combine(LaunchBuilder &b, Value first, Value second) const;

private:
  using LoopNest::LoopNest;
  bool findCombiner();
  bool readsAlongRows() const;
};

bool Reduction::findCombiner() {
  Block &body = *op.getBody();
  out = body.getArguments().back();
  Type type = out.getType();
  combiner = body.getTerminator()->getOperand(0).getDefiningOp();
  if (!combiner || combiner->getNumOperands() != 2 || !out.hasOneUse() ||
      !(type.isF32() || type.isInteger(32) || type.isInteger(1)))
    return false;
  if (combiner->getOperand(0) != out && combiner->getOperand(1) != out)
    return false;
  element = combiner->getOperand(combiner->getOperand(0) == out ? 1 : 0);
  std::optional<TypedAttr> identity = arith::getNeutralElement(combiner);
  if (!identity)
    return false;
  neutral = *identity;
  return llvm::all_of(body.without_terminator(), [](Operation &nested) {
    return isMemoryEffectFree(&nested) && nested.getNumRegions() == 0 &&
           !isa<linalg::IndexOp>(nested);
  });
}

/// Threads of a row read side by side what depends on the column at all.
bool Reduction::readsAlongRows() const {
  unsigned last = columns.back();
  bool any = false;
  for (const BufferOperand &operand : ArrayRef(operands).drop_back()) {
    if (!operand.dimOf(last))
      continue;
    if (!operand.isContiguous(last))
      return false;
    any = true;
  }
  return any;
}

std::optional<Reduction> Reduction::get(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1 || !op.hasPureBufferSemantics() ||
      op.getNumReductionLoops() == 0)
    return std::nullopt;
  Reduction reduction(op);
  if (!llvm::all_of(op->getOperands(), [](Value value) {
        return isa<MemRefType>(value.getType());
      }))
    return std::nullopt;
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (reduction.count(loop) == 1)
      continue;
    (type == utils::IteratorType::reduction ? reduction.columns
                                            : reduction.rows)
        .push_back(loop);
  }
  std::optional<int64_t> count = reduction.count(reduction.columns);
  if (reduction.columns.empty() || (count && *count < shortest) ||
      !reduction.isProjected() || !reduction.findCombiner() ||
      !reduction.readsAlongRows())
    return std::nullopt;
  return reduction;
}

Value Reduction::combine(LaunchBuilder &b, Value first, Value second) const {
  IRMapping mapping;
  mapping.map(out, first);
  mapping.map(element, second);
  return b.clone(*combiner, mapping)->getResult(0);
}

class Kernel {
public:
  Kernel(LaunchBuilder &b, const Reduction &reduction, Value start)
      : b(b), reduction(reduction), start(start) {}
  void emit();

private:
  Value combineRow();
  Value elementAt(Value column);
  Value combineLanes(Value value);
  Value combineWarps(Value value);
  SmallVector<Value> indicesOf(const BufferOperand &operand);
  void setIndices(ArrayRef<unsigned> loops, Value index);
  /// As a number of 32 bits, and back.
  Value pack(Value value);
  Value unpack(Value bits);

  LaunchBuilder &b;
  const Reduction &reduction;
  Value start;
  int64_t threads = warpLanes; // of a row
  Value thread, count, shared;
  DenseMap<unsigned, Value> indices; // of loops; others have one iteration
};

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  std::optional<int64_t> known = reduction.count(reduction.columns);
  if (!known || *known > mostOfWarp)
    threads = !known || *known <= mostOfBlock ? blockThreads : 2 * blockThreads;
  int64_t perBlock = std::max<int64_t>(1, blockThreads / threads);
  count = reduction.count(b, reduction.columns);
  Value rows = reduction.count(b, reduction.rows);
  gpu::LaunchOp launch = b.launch(b.ceilDiv(rows, perBlock), b.idx(1), b.idx(1),
                                  perBlock * threads);
  Value all = launch.getThreadIds().x;
  thread = b.rem(all, threads);
  Value row =
      b.add(b.mul(launch.getBlockIds().x, perBlock), b.div(all, threads));
  // Warps behind the last row repeat it.
  setIndices(reduction.rows, b.min(row, b.sub(rows, b.idx(1))));
  Type type = reduction.out.getType();
  if (threads > warpLanes)
    shared = b.shared(launch, threads / warpLanes,
                      type.isF32() ? type : Type(b.getI32Type()));
  Value total = combineRow();
  b.when(b.both(b.equal(thread, b.idx(0)), b.less(row, rows)), [&] {
    const BufferOperand &result = reduction.operands.back();
    SmallVector<Value> at = indicesOf(result);
    Value first = start ? start : memref::LoadOp::create(b, result.memref, at);
    memref::StoreOp::create(b, reduction.combine(b, first, total),
                            result.memref, at);
  });
}

void Kernel::setIndices(ArrayRef<unsigned> loops, Value index) {
  for (unsigned i = loops.size(); i-- > 0;) {
    indices[loops[i]] = index;
    if (i == 0)
      return;
    Value extent = reduction.count(b, loops[i]);
    indices[loops[i]] = b.rem(index, extent);
    index = b.div(index, extent);
  }
}

SmallVector<Value> Kernel::indicesOf(const BufferOperand &operand) {
  SmallVector<Value> at;
  for (AffineExpr expr : operand.map.getResults()) {
    auto loop = dyn_cast<AffineDimExpr>(expr);
    Value index = loop ? indices.lookup(loop.getPosition()) : Value();
    at.push_back(index ? index : b.idx(0));
  }
  return at;
}

/// What the body makes of the elements of a column.
Value Kernel::elementAt(Value column) {
  setIndices(reduction.columns, column);
  Block &body = *reduction.out.getOwner();
  IRMapping mapping;
  for (auto [argument, operand] :
       llvm::zip(body.getArguments().drop_back(), reduction.operands))
    mapping.map(argument,
                memref::LoadOp::create(b, operand.memref, indicesOf(operand)));
  for (Operation &nested : body.without_terminator())
    if (&nested != reduction.combiner)
      b.clone(nested, mapping);
  return mapping.lookupOrDefault(reduction.element);
}

Value Kernel::combineRow() {
  int64_t atOnce = unrolled * threads;
  Value neutral = arith::ConstantOp::create(b, reduction.neutral);
  SmallVector<Value> parts(unrolled, neutral);
  Value whole = b.div(count, atOnce);
  ValueRange done =
      b.loop(b.idx(0), whole, 1, parts, [&](Value round, ValueRange carried) {
        SmallVector<Value> elements, next;
        Value first = b.add(b.mul(round, atOnce), thread);
        for (int64_t u = 0; u < unrolled; ++u)
          elements.push_back(elementAt(b.add(first, u * threads)));
        for (auto [part, element] : llvm::zip_equal(carried, elements))
          next.push_back(reduction.combine(b, part, element));
        return next;
      });
  parts.assign(done.begin(), done.end());
  Value rest = b.add(b.mul(whole, atOnce), thread);
  parts[0] =
      b.loop(rest, count, threads, parts[0],
             [&](Value column, ValueRange carried) -> SmallVector<Value> {
               return {reduction.combine(b, carried[0], elementAt(column))};
             })[0];
  for (int64_t u = 1; u < unrolled; ++u)
    parts[0] = reduction.combine(b, parts[0], parts[u]);
  return combineWarps(combineLanes(parts[0]));
}

Value Kernel::pack(Value value) {
  if (!value.getType().isInteger(1))
    return value;
  return arith::ExtUIOp::create(b, b.getI32Type(), value);
}
Value Kernel::unpack(Value bits) {
  if (!reduction.out.getType().isInteger(1))
    return bits;
  return arith::TruncIOp::create(b, b.getI1Type(), bits);
}

Value Kernel::combineLanes(Value value) {
  for (int64_t mask = 1; mask < warpLanes; mask *= 2)
    value =
        reduction.combine(b, value, unpack(b.shuffleXor(pack(value), mask)));
  return value;
}

Value Kernel::combineWarps(Value value) {
  if (!shared)
    return value;
  Value lane = b.rem(thread, warpLanes);
  b.when(b.equal(lane, b.idx(0)), [&] {
    memref::StoreOp::create(b, pack(value), shared,
                            ValueRange{b.div(thread, warpLanes)});
  });
  b.barrier();
  auto load = [&](int64_t warp) {
    return unpack(memref::LoadOp::create(b, shared, ValueRange{b.idx(warp)}));
  };
  Value total = load(0);
  for (int64_t warp = 1; warp < threads / warpLanes; ++warp)
    total = reduction.combine(b, total, load(warp));
  return total;
}

struct LaunchReductions
    : ssmc::impl::SsmLaunchReductionsBase<LaunchReductions> {
  void runOnOperation() override {
    launchGenerics(getOperation(), [](LaunchBuilder &b, linalg::GenericOp op,
                                      linalg::FillOp start,
                                      function_ref<void()>) {
      std::optional<Reduction> reduction = Reduction::get(op);
      if (!reduction)
        return false;
      Kernel(b, *reduction, start ? start.getInputs()[0] : Value()).emit();
      return true;
    });
  }
};

} // namespace
