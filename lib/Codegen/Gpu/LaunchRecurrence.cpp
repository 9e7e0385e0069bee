//===- LaunchRecurrence.cpp - ssm-launch-recurrence -----------------------===//
//
// All steps of a recurrence in one launch (UnitLoop.h). A block owns some units
// and keeps their weights in shared memory. In every step
//
//   its warps multiply the state, which all blocks wrote (UnitProduct.h);
//   thread (r, u) adds their sums for the gates of unit u in row r and computes
//   its elements of all ops of the step, with what it has just computed in
//   registers, and what else it needs on its way since before the products;
//   blocks meet, where a product follows that reads what they wrote.
//
// States that are exchanged have two halves: a step reads one and writes the
// other, so that to meet once in a step is enough.
//
// Blocks wait for each other, so all must be there: the runtime launches no
// more than fit, and the blocks share the units. One that has more than its own
// reads the weights anew, which is right and slow.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/GpuTarget.h"
#include "lib/Codegen/Gpu/UnitProduct.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/IRMapping.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLAUNCHRECURRENCE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

static constexpr int64_t kThreads = UnitProduct::warps * warpLanes;
/// No more than large chips have room for at once.
static constexpr int64_t kMostBlocks = 128;
/// Rows of a tile, for lanes and for tensor cores; and where they are not
/// known.
static constexpr int64_t kLaneRows = 16, kTileRows = 64, kUnknownRows = 8,
                         kFewRows = 4;

namespace {

/// What a block has.
struct BlockPlan {
  int64_t units = 0, rows = 0, bytes = 0;
  SmallVector<UnitProduct> products; // in the order of the steps

  static std::optional<BlockPlan> make(const UnitLoop &loop, int64_t most);
  const UnitProduct &of(const UnitStep &step) const {
    return *llvm::find_if(products,
                          [&](auto &product) { return product.step == &step; });
  }
};

class Kernel {
public:
  Kernel(LaunchBuilder &b, UnitLoop &loop, const BlockPlan &plan)
      : b(b), loop(loop), plan(plan) {}
  /// A loop that computes all steps; the original one stays.
  void emit();

private:
  /// Reads and results of a thread, by the step, the operand and the gate.
  using Place = std::pair<Value, int64_t>; // a buffer and a gate of it
  struct Point {
    Value row, unit, isValid; // row and unit are in range
    DenseMap<Place, Value> known;
    DenseMap<std::pair<OpOperand *, int64_t>, Value> loaded;
  };

  Value exchange(Value buffer);
  void copyState(Value buffer, Value half, bool back);
  void step(Value iteration);
  void phase(unsigned phase, Value group);
  void tile(unsigned phase, Value group, Value firstRow);
  void loadWeights(Value group);
  void multiply(const UnitStep &step, Value firstRow);
  void prefetch(unsigned phase, Point &point);
  void compute(const UnitStep &step, int64_t gate, Point &point);
  void meet(Value target);

  Value half(Value buffer, bool isWrite, const UnitStep &step);
  Value loadOperand(const UnitStep &step, OpOperand &operand, int64_t gate,
                    const Point &point);
  Place placeOf(Value memref, int64_t gate) const;
  bool isAfterWrite(const UnitStep &step, Value buffer) const;
  ArrayRef<UnitStep> steps() const { return loop.steps; }

  LaunchBuilder &b;
  UnitLoop &loop;
  const BlockPlan &plan;
  DenseMap<Value, Value> halves; // the two halves of what is exchanged
  Value rows, count, counter;
  UnitProduct::Block own;
  Value block, blocks, groups, isResident;
  Value parity; // of the half that is read
  IRMapping views;
};

} // namespace

/// No more blocks than there are places; nothing where the weights do not fit.
std::optional<BlockPlan> BlockPlan::make(const UnitLoop &loop, int64_t most) {
  BlockPlan plan;
  int64_t gates = 1;
  bool onTensorCores = true;
  for (const UnitStep &step : loop.steps)
    if (step.isProduct) {
      plan.products.emplace_back(step, loop.units);
      gates = std::max(gates, step.gates);
      onTensorCores &= plan.products.back().onTensorCores;
    }
  plan.rows = kUnknownRows;
  if (auto known = getConstantIntValue(loop.rows.front()))
    plan.rows =
        std::min<int64_t>(onTensorCores ? kTileRows : kLaneRows,
                          llvm::PowerOf2Ceil(std::max<int64_t>(*known, 1)));
  // For few rows lanes have a column each: few blocks, which meet sooner.
  int64_t columns = !onTensorCores && plan.rows <= kFewRows ? warpLanes : 8;
  plan.units = std::max<int64_t>(llvm::divideCeil(loop.units, kMostBlocks),
                                 llvm::divideCeil(columns, gates));
  plan.units = std::min(plan.units, loop.units);
  plan.rows = std::min(plan.rows, kThreads / plan.units);
  for (; plan.rows > 0; plan.rows /= 2) {
    plan.bytes = 0;
    for (UnitProduct &product : plan.products)
      plan.bytes = product.place(plan.units, plan.rows, plan.bytes);
    if (plan.bytes <= most)
      return plan;
  }
  return std::nullopt;
}

void Kernel::loadWeights(Value group) {
  for (const UnitProduct &product : plan.products)
    product.loadWeights(b, own, group);
}

bool Kernel::isAfterWrite(const UnitStep &step, Value buffer) const {
  for (const UnitStep &other : steps()) {
    if (&other == &step)
      return false;
    if (ColumnView::of(other.out()).buffer == buffer)
      return true;
  }
  return false;
}

/// The half of an exchanged buffer that a step reads or writes, as an index.
Value Kernel::half(Value buffer, bool isWrite, const UnitStep &step) {
  bool isNext = isWrite || isAfterWrite(step, buffer);
  return isNext ? b.sub(b.idx(1), parity) : parity;
}

void Kernel::multiply(const UnitStep &step, Value firstRow) {
  UnitProduct::State state{views.lookupOrDefault(step.state()), Value(),
                           firstRow, rows};
  if (Value both = halves.lookup(step.state())) {
    state.buffer = both;
    state.half = half(step.state(), /*isWrite=*/false, step);
  }
  plan.of(step).multiply(b, own, state);
}

Kernel::Place Kernel::placeOf(Value memref, int64_t gate) const {
  ColumnView view = ColumnView::of(memref);
  return {view.buffer, view.column / loop.units + gate};
}

Value Kernel::loadOperand(const UnitStep &step, OpOperand &operand,
                          int64_t gate, const Point &point) {
  Value column = b.add(point.unit, gate * loop.units);
  Value buffer = ColumnView::of(operand.get()).buffer;
  if (Value both = halves.lookup(buffer)) {
    int64_t first = ColumnView::of(operand.get()).column;
    return memref::LoadOp::create(
        b, both,
        ValueRange{half(buffer, false, step), point.row, b.add(column, first)});
  }
  SmallVector<Value> at;
  auto op = cast<linalg::LinalgOp>(operand.getOwner());
  for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    at.push_back(!dim ? b.idx(0) : dim.getPosition() == 0 ? point.row : column);
  }
  return memref::LoadOp::create(b, views.lookupOrDefault(operand.get()), at);
}

/// Loads what the thread needs and no step of this phase writes before.
void Kernel::prefetch(unsigned phase, Point &point) {
  llvm::SmallDenseSet<Place> fresh;
  for (const UnitStep &step : steps()) {
    if (step.phase != phase)
      continue;
    auto read = [&](OpOperand &operand, int64_t gate) {
      Place place = placeOf(operand.get(), gate);
      if (!loop.written.contains(place.first)) {
        Value &loaded = point.loaded[{&operand, gate}];
        loaded = loadOperand(step, operand, gate, point);
      } else if (!fresh.contains(place) && !point.known.lookup(place)) {
        Value found = loadOperand(step, operand, gate, point);
        point.known[place] = found;
      }
    };
    for (int64_t gate = 0; gate < step.gates; ++gate) {
      linalg::LinalgOp op = step.op;
      for (OpOperand *input : op.getDpsInputOperands())
        if (!step.isProduct && isa<MemRefType>(input->get().getType()))
          read(*input, gate);
      if (op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
        read(*op.getDpsInitOperand(0), gate);
    }
    for (int64_t gate = 0; gate < step.gates; ++gate)
      fresh.insert(placeOf(step.out(), gate));
  }
}

void Kernel::compute(const UnitStep &step, int64_t gate, Point &point) {
  linalg::LinalgOp op = step.op;
  Place place = placeOf(step.out(), gate);
  Value result;
  if (step.isProduct) {
    Value row = b.min(b.div(own.thread, plan.units), b.idx(plan.rows - 1));
    Value column = b.add(b.rem(own.thread, plan.units), gate * plan.units);
    result = b.fadd(point.known.lookup(place),
                    plan.of(step).sum(b, own, row, column));
  } else {
    IRMapping mapping = views; // what the body takes from the loop
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = views.lookupOrDefault(operand.get());
      if (isa<MemRefType>(value.getType())) {
        Value loaded = point.loaded.lookup({&operand, gate});
        value =
            loaded ? loaded : point.known.lookup(placeOf(operand.get(), gate));
      }
      if (value)
        mapping.map(op.getMatchingBlockArgument(&operand), value);
    }
    for (Operation &nested : op.getBlock()->without_terminator())
      b.clone(nested, mapping);
    result =
        mapping.lookupOrDefault(op.getBlock()->getTerminator()->getOperand(0));
  }
  point.known[place] = result;
  Value column = b.add(point.unit, gate * loop.units);
  b.when(point.isValid, [&] {
    if (Value both = halves.lookup(place.first))
      memref::StoreOp::create(
          b, result, both,
          ValueRange{half(place.first, true, step), point.row, column});
    else
      memref::StoreOp::create(b, result, views.lookupOrDefault(step.out()),
                              ValueRange{point.row, column});
  });
}

void Kernel::tile(unsigned phase, Value group, Value firstRow) {
  // The parts of the rows before have been read.
  b.when(b.less(b.idx(0), firstRow), [&] { b.barrier(); });
  Value row = b.div(own.thread, plan.units);
  Value unit = b.add(b.mul(group, plan.units), b.rem(own.thread, plan.units));
  Point point;
  point.isValid = b.both(b.less(row, b.idx(plan.rows)),
                         b.both(b.less(b.add(firstRow, row), rows),
                                b.less(unit, b.idx(loop.units))));
  point.row = b.min(b.add(firstRow, row), b.sub(rows, b.idx(1)));
  point.unit = b.min(unit, b.idx(loop.units - 1));
  prefetch(phase, point);
  for (const UnitStep &step : steps())
    if (step.isProduct && step.phase == phase)
      multiply(step, firstRow);
  b.barrier();
  for (const UnitStep &step : steps())
    for (int64_t gate = 0; step.phase == phase && gate < step.gates; ++gate)
      compute(step, gate, point);
}

void Kernel::phase(unsigned phase, Value group) {
  b.when(b.equal(isResident, b.idx(0)), [&] {
    b.barrier();
    loadWeights(group);
    b.barrier();
  });
  b.loop(b.idx(0), rows, plan.rows, {}, [&](Value firstRow, ValueRange) {
    tile(phase, group, firstRow);
    return SmallVector<Value>();
  });
}

/// Waits until all blocks are here for the n-th time; `target` is n times their
/// number. What they have written until then is seen behind it.
void Kernel::meet(Value target) {
  b.barrier();
  b.when(b.equal(own.thread, b.idx(0)), [&] {
    Type i32 = b.getI32Type();
    Value pointer = b.globalAt(b.addressOf(counter, {b.idx(0)}));
    Value one = arith::ConstantIntOp::create(b, i32, 1);
    // LLVM gives the addition no order of its own.
    LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, "device");
    LLVM::AtomicRMWOp::create(b, LLVM::AtomicBinOp::add, pointer, one,
                              LLVM::AtomicOrdering::monotonic, "device");
    auto wait = scf::WhileOp::create(b, TypeRange(), ValueRange());
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&wait.getBefore());
    Value there = LLVM::LoadOp::create(
        b, i32, pointer, /*alignment=*/4, /*isVolatile=*/false,
        /*isNonTemporal=*/false, /*isInvariant=*/false,
        /*isInvariantGroup=*/false, LLVM::AtomicOrdering::monotonic, "device");
    // The counter may wrap around.
    Value ahead = arith::SubIOp::create(b, there, target);
    Value isEarly =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, ahead,
                              arith::ConstantIntOp::create(b, i32, 0));
    scf::ConditionOp::create(b, isEarly, ValueRange());
    b.createBlock(&wait.getAfter());
    NVVM::NanosleepOp::create(b, arith::ConstantIntOp::create(b, i32, 20));
    scf::YieldOp::create(b);
    b.setInsertionPointAfter(wait);
    LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, "device");
  });
  b.barrier();
}

void Kernel::step(Value iteration) {
  parity = b.rem(iteration, 2);
  Value time =
      b.add(loop.loop.getLowerBound(), b.mul(iteration, loop.loop.getStep()));
  views.map(loop.loop.getInductionVar(), time);
  for (Operation &op : loop.loop.getBody()->without_terminator())
    if (!isa<linalg::LinalgOp>(op))
      b.clone(op, views);
  for (unsigned f = 0; f < loop.phases; ++f) {
    auto groupLoop = scf::ForOp::create(b, block, groups, blocks);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(groupLoop.getBody());
      phase(f, groupLoop.getInductionVar());
    }
    Value meetings = b.add(b.mul(iteration, loop.phases), f + 1);
    meet(
        arith::IndexCastOp::create(b, b.getI32Type(), b.mul(meetings, blocks)));
  }
}

/// Memory for the two halves of a buffer.
Value Kernel::exchange(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  auto both = MemRefType::get({2, type.getDimSize(0), type.getDimSize(1)},
                              type.getElementType());
  return memref::AllocOp::create(
      b, both, type.isDynamicDim(0) ? ValueRange(rows) : ValueRange());
}

void Kernel::copyState(Value buffer, Value part, bool back) {
  auto type = cast<MemRefType>(buffer.getType());
  OpFoldResult height = type.isDynamicDim(0)
                            ? OpFoldResult(rows)
                            : b.getIndexAttr(type.getDimSize(0));
  OpFoldResult one = b.getIndexAttr(1), zero = b.getIndexAttr(0),
               width = b.getIndexAttr(type.getDimSize(1));
  Value both = halves.lookup(buffer);
  SmallVector<OpFoldResult> offsets{part, zero, zero},
      sizes{one, height, width}, strides{one, one, one};
  MemRefType slice = memref::SubViewOp::inferRankReducedResultType(
      type.getShape(), cast<MemRefType>(both.getType()), offsets, sizes,
      strides);
  Value view =
      memref::SubViewOp::create(b, slice, both, offsets, sizes, strides);
  linalg::CopyOp::create(b, back ? view : buffer, back ? buffer : view);
}

void Kernel::emit() {
  OpBuilder::InsertionGuard guard(b);
  rows = getValueOrCreateConstantIndexOp(b, b.getLoc(), loop.rows.front());
  Value begin = loop.loop.getLowerBound(), end = loop.loop.getUpperBound(),
        stride = loop.loop.getStep();
  count = b.ceilDiv(b.max(b.sub(end, begin), b.idx(0)), stride);
  for (Value buffer : loop.exchanged) {
    halves[buffer] = exchange(buffer);
    copyState(buffer, b.idx(0), /*back=*/false);
  }
  counter = memref::AllocOp::create(b, MemRefType::get({1}, b.getI32Type()));
  linalg::FillOp::create(
      b, ValueRange(arith::ConstantIntOp::create(b, b.getI32Type(), 0)),
      counter);
  groups = b.idx(llvm::divideCeil(loop.units, plan.units));
  {
    OpBuilder::InsertionGuard inside(b);
    gpu::LaunchOp launch = b.launch(groups, b.idx(1), b.idx(1), kThreads);
    own.thread = launch.getThreadIds().x;
    block = launch.getBlockIds().x;
    blocks = launch.getGridSize().x;
    own.base = b.dynamicShared(launch, plan.bytes);
    isResident = b.select(b.equal(blocks, groups), b.idx(1), b.idx(0));
    b.when(b.equal(isResident, b.idx(1)), [&] {
      loadWeights(block);
      b.barrier();
    });
    b.loop(b.idx(0), count, 1, {}, [&](Value iteration, ValueRange) {
      step(iteration);
      return SmallVector<Value>();
    });
  }
  for (Value buffer : loop.exchanged)
    copyState(buffer, b.rem(count, 2), /*back=*/true);
}

/// The launch, where a step's results have as many rows each: if only a run
/// knows, a branch.
static void replace(UnitLoop &loop, const BlockPlan &plan) {
  OpBuilder builder(loop.loop);
  LaunchBuilder b(loop.loop.getLoc(), builder);
  Value isEqual;
  for (OpFoldResult other : ArrayRef(loop.rows).drop_front()) {
    Value same = b.equal(
        getValueOrCreateConstantIndexOp(b, b.getLoc(), loop.rows.front()),
        getValueOrCreateConstantIndexOp(b, b.getLoc(), other));
    isEqual = isEqual ? b.both(isEqual, same) : same;
  }
  if (!isEqual) {
    Kernel(b, loop, plan).emit();
    loop.loop.erase();
    return;
  }
  auto branch = scf::IfOp::create(b, isEqual, /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  Kernel(b, loop, plan).emit();
  loop.loop->moveBefore(branch.elseBlock()->getTerminator());
}

namespace {
struct LaunchRecurrence
    : ssmc::impl::SsmLaunchRecurrenceBase<LaunchRecurrence> {
  using Base::Base;
  void runOnOperation() override {
    FailureOr<GpuTarget> gpu = GpuTarget::get(target);
    if (failed(gpu))
      return;
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops) {
      std::optional<UnitLoop> found = UnitLoop::get(loop);
      std::optional<BlockPlan> plan;
      if (found)
        plan = BlockPlan::make(*found, gpu->sharedBytes);
      if (plan)
        replace(*found, *plan);
    }
  }
};
} // namespace
