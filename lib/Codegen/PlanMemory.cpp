//===- PlanMemory.cpp - place the buffers of each entry in its workspace --===//
//
// A buffer lives from the op of the entry's block in which it is allocated to
// the last one that uses it or an alias of it; an allocation inside a loop so
// lives as long as the loop. Its size must be computable from the symbols
// alone: its backward slice is then repeated at the start of the entry and in
// `ssm_E_workspace`, in both places by the same code.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/SlotAllocator.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMPLANMEMORY
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

/// What a symbol is taken to be when sizes are compared.
constexpr int64_t kNominalSymbol = 256;

/// Values that are functions of the symbols: can they be computed anywhere, and
/// about how large are they?
class SymbolFunctions {
public:
  explicit SymbolFunctions(Value symbols) : symbols(symbols) {}

  bool contains(Value value) {
    if (value == symbols)
      return true;
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    auto [it, isNew] = known.try_emplace(op, false);
    if (!isNew)
      return it->second;
    auto load = dyn_cast<LLVM::LoadOp>(op);
    bool pure = load ? load.getInvariant() : isPure(op);
    bool result = pure && op->getNumRegions() == 0 &&
                  llvm::all_of(op->getOperands(),
                               [&](Value operand) { return contains(operand); });
    return known[op] = result;
  }

  int64_t estimate(Value value) {
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return constant.getSExtValue();
    Operation *op = value.getDefiningOp();
    if (!op || isa<LLVM::LoadOp>(op))
      return kNominalSymbol;
    auto it = estimates.find(value);
    if (it != estimates.end())
      return it->second;
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands()) {
      if (!operand.getType().isIntOrIndex())
        return kNominalSymbol;
      operands.push_back(
          IntegerAttr::get(operand.getType(), estimate(operand)));
    }
    SmallVector<OpFoldResult> folded;
    int64_t result = kNominalSymbol;
    if (succeeded(op->fold(operands, folded)) && folded.size() == 1)
      if (auto attr = dyn_cast_if_present<IntegerAttr>(
              dyn_cast<Attribute>(folded[0])))
        result = attr.getValue().getSExtValue();
    return estimates[value] = result;
  }

  /// Repeats the computation of `value` at the builder.
  static Value clone(OpBuilder &builder, Value value, IRMapping &mapping) {
    if (Value mapped = mapping.lookupOrNull(value))
      return mapped;
    for (Value operand : value.getDefiningOp()->getOperands())
      clone(builder, operand, mapping);
    builder.clone(*value.getDefiningOp(), mapping);
    return mapping.lookup(value);
  }

private:
  Value symbols;
  DenseMap<Operation *, bool> known;
  DenseMap<Value, int64_t> estimates;
};

class EntryPlan {
public:
  explicit EntryPlan(func::FuncOp entry)
      : entry(entry), functions(entry.getArgument(kSymbols)) {}

  void run();

private:
  bool isPlannable(memref::AllocOp alloc,
                   const BufferViewFlowAnalysis::ValueSetT &aliases);
  Lifetime lifetimeOf(memref::AllocOp alloc,
                      const BufferViewFlowAnalysis::ValueSetT &aliases);
  SmallVector<Value> emitOffsets(OpBuilder &builder, Value symbols);
  void emitWorkspaceFunction();
  void allocateAtRunTime(memref::AllocOp alloc);

  func::FuncOp entry;
  SymbolFunctions functions;
  DenseMap<Operation *, unsigned> positions; // of the ops of the entry's block
  SmallVector<memref::AllocOp> planned;
  SmallVector<unsigned> slots;
};

/// Bytes of a buffer, at the builder.
Value bytesOf(OpBuilder &builder, Location loc, MemRefType type,
              ValueRange sizes) {
  int64_t fixed = elementBytes(type.getElementType());
  for (int64_t extent : type.getShape())
    if (!ShapedType::isDynamic(extent))
      fixed *= extent;
  Value bytes = arith::ConstantIndexOp::create(builder, loc, fixed);
  for (Value size : sizes)
    bytes = builder.createOrFold<arith::MulIOp>(loc, bytes, size);
  return bytes;
}

} // namespace

bool EntryPlan::isPlannable(memref::AllocOp alloc,
                            const BufferViewFlowAnalysis::ValueSetT &aliases) {
  if (!alloc.getType().getLayout().isIdentity() ||
      !llvm::all_of(alloc.getDynamicSizes(),
                    [&](Value size) { return functions.contains(size); }))
    return false;
  for (Operation *parent = alloc->getParentOp(); parent != entry;
       parent = parent->getParentOp()) {
    // Iterations that run at once need memory of their own.
    if (isa<scf::ParallelOp, scf::ForallOp>(parent))
      return false;
    // A buffer handed on to the next iteration must outlive the next one's.
    if (isa<LoopLikeOpInterface>(parent))
      for (Value alias : aliases)
        if (alias.getDefiningOp() == parent ||
            (isa<BlockArgument>(alias) &&
             alias.getParentBlock()->getParentOp() == parent))
          return false;
  }
  return true;
}

Lifetime
EntryPlan::lifetimeOf(memref::AllocOp alloc,
                      const BufferViewFlowAnalysis::ValueSetT &aliases) {
  Block &block = entry.getBody().front();
  auto position = [&](Operation *op) {
    return positions.lookup(block.findAncestorOpInBlock(*op));
  };
  Lifetime life{position(alloc), position(alloc), 0};
  for (Value alias : aliases)
    for (Operation *user : alias.getUsers())
      life.end = std::max(life.end, position(user));
  life.size = elementBytes(alloc.getType().getElementType());
  for (int64_t extent : alloc.getType().getShape())
    if (!ShapedType::isDynamic(extent))
      life.size *= extent;
  for (Value size : alloc.getDynamicSizes())
    life.size *= functions.estimate(size);
  return life;
}

/// Offset of each slot, then the size of the arena.
SmallVector<Value> EntryPlan::emitOffsets(OpBuilder &builder, Value symbols) {
  Location loc = entry.getLoc();
  IRMapping mapping;
  mapping.map(entry.getArgument(kSymbols), symbols);
  unsigned numSlots = 0;
  for (unsigned slot : slots)
    numSlots = std::max(numSlots, slot + 1);
  SmallVector<Value> sizes(numSlots);
  for (auto [alloc, slot] : llvm::zip_equal(planned, slots)) {
    SmallVector<Value> extents;
    for (Value size : alloc.getDynamicSizes())
      extents.push_back(SymbolFunctions::clone(builder, size, mapping));
    Value bytes = bytesOf(builder, loc, alloc.getType(), extents);
    sizes[slot] = sizes[slot] ? builder.createOrFold<arith::MaxSIOp>(
                                    loc, sizes[slot], bytes)
                              : bytes;
  }
  Value up = arith::ConstantIndexOp::create(builder, loc, kAlignment - 1);
  Value mask = arith::ConstantIndexOp::create(builder, loc, -kAlignment);
  SmallVector<Value> offsets{arith::ConstantIndexOp::create(builder, loc, 0)};
  for (Value size : sizes) {
    Value end = builder.createOrFold<arith::AddIOp>(loc, offsets.back(), size);
    end = builder.createOrFold<arith::AddIOp>(loc, end, up);
    offsets.push_back(builder.createOrFold<arith::AndIOp>(loc, end, mask));
  }
  return offsets;
}

void EntryPlan::emitWorkspaceFunction() {
  OpBuilder builder(entry);
  StringRef name = entry.getName();
  name.consume_back("_run");
  Type i64 = builder.getI64Type();
  auto func = func::FuncOp::create(
      builder, entry.getLoc(), (name + "_workspace").str(),
      builder.getFunctionType({LLVM::LLVMPointerType::get(entry.getContext())},
                              {i64}));
  builder.setInsertionPointToStart(func.addEntryBlock());
  Value bytes = emitOffsets(builder, func.getArgument(0)).back();
  bytes = arith::IndexCastOp::create(builder, entry.getLoc(), i64, bytes);
  func::ReturnOp::create(builder, entry.getLoc(), bytes);
}

/// A buffer whose size is known during the run only.
void EntryPlan::allocateAtRunTime(memref::AllocOp alloc) {
  OpBuilder builder(alloc);
  Location loc = alloc.getLoc();
  Type pointer = entry.getArgument(kContext).getType();
  Type i64 = builder.getI64Type();
  auto function =
      declareRuntime(entry->getParentOfType<ModuleOp>(), "ssmrt_alloc",
                     builder.getFunctionType({pointer, i64}, {pointer}));
  Value bytes =
      bytesOf(builder, loc, alloc.getType(), alloc.getDynamicSizes());
  bytes = arith::IndexCastOp::create(builder, loc, i64, bytes);
  auto call = func::CallOp::create(
      builder, loc, function, ValueRange{entry.getArgument(kContext), bytes});
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value buffer = bytesAt(builder, loc, call.getResult(0));
  alloc.replaceAllUsesWith(viewOf(builder, loc, buffer, zero, alloc.getType(),
                                  alloc.getDynamicSizes()));
  alloc.erase();
}

void EntryPlan::run() {
  entry.walk([](memref::DeallocOp op) { op.erase(); });
  SmallVector<memref::AllocOp> others;
  SmallVector<Lifetime> lifetimes;
  {
    unsigned count = 0;
    for (Operation &op : entry.getBody().front())
      positions[&op] = count++;
    BufferViewFlowAnalysis analysis(entry);
    entry.walk([&](memref::AllocOp alloc) {
      auto aliases = analysis.resolve(alloc);
      if (!isPlannable(alloc, aliases)) {
        others.push_back(alloc);
        return;
      }
      planned.push_back(alloc);
      lifetimes.push_back(lifetimeOf(alloc, aliases));
    });
  }
  slots = assignSlots(lifetimes);
  emitWorkspaceFunction();

  OpBuilder builder = OpBuilder::atBlockBegin(&entry.getBody().front());
  if (!planned.empty()) {
    Value arena =
        bytesAt(builder, entry.getLoc(), entry.getArgument(kWorkspace));
    SmallVector<Value> offsets =
        emitOffsets(builder, entry.getArgument(kSymbols));
    for (auto [alloc, slot] : llvm::zip_equal(planned, slots)) {
      builder.setInsertionPoint(alloc);
      alloc.replaceAllUsesWith(viewOf(builder, alloc.getLoc(), arena,
                                      offsets[slot], alloc.getType(),
                                      alloc.getDynamicSizes()));
      alloc.erase();
    }
  }
  for (memref::AllocOp alloc : others)
    allocateAtRunTime(alloc);
}

namespace {
struct PlanMemory : ssmc::impl::SsmPlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    for (func::FuncOp entry : entries(getOperation()))
      EntryPlan(entry).run();
  }
};
} // namespace
