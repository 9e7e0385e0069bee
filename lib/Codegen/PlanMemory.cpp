//===- PlanMemory.cpp - place the buffers of each entry in its workspace --===//
//
// A buffer lives from the op that allocates it to the last op of the entry's
// block that uses it or an alias of it. Its size must be computable from the
// symbols alone: the backward slice of the size is then repeated at the start
// of the entry and in `ssm_E_workspace`, in both places by the same code. The
// latter also says where a buffer would be too large to count or have a
// negative extent; such an entry is never run.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/SlotAllocator.h"
#include "lib/Codegen/SymbolFunctions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMPLANMEMORY
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

class EntryPlan {
public:
  explicit EntryPlan(func::FuncOp entry)
      : entry(entry), functions(entry.getArgument(kSymbols)) {}

  LogicalResult run();

private:
  Lifetime lifetimeOf(memref::AllocOp alloc,
                      const BufferViewFlowAnalysis::ValueSetT &aliases);
  SmallVector<Value> emitOffsets(OpBuilder &builder, Value symbols,
                                 Value *refusal);
  void emitWorkspaceFunction();

  func::FuncOp entry;
  SymbolFunctions functions;
  DenseMap<Operation *, unsigned> positions; // of the ops of the entry's block
  SmallVector<memref::AllocOp> planned;
  SmallVector<unsigned> slots;
};

} // namespace

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
  life.size = *fixedBytes(alloc.getType());
  for (Value size : alloc.getDynamicSizes())
    if (llvm::MulOverflow(life.size, functions.estimate(size), life.size))
      life.size = kMaxBufferBytes;
  return life;
}

/// Offset of each slot, then the size of the arena. What is wrong with a
/// buffer, as a negative number, goes to `refusal`.
SmallVector<Value> EntryPlan::emitOffsets(OpBuilder &builder, Value symbols,
                                          Value *refusal) {
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
    Value bytes = refusal
                      ? checkedBytesOf(builder, loc, alloc.getType(), extents)
                      : bytesOf(builder, loc, alloc.getType(), extents);
    if (refusal)
      *refusal = builder.createOrFold<arith::MinSIOp>(loc, *refusal, bytes);
    sizes[slot] =
        sizes[slot]
            ? builder.createOrFold<arith::MaxSIOp>(loc, sizes[slot], bytes)
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
  Value zero = arith::ConstantIndexOp::create(builder, entry.getLoc(), 0);
  Value refusal = zero;
  Value bytes = emitOffsets(builder, func.getArgument(0), &refusal).back();
  Value refused = arith::CmpIOp::create(
      builder, entry.getLoc(), arith::CmpIPredicate::slt, refusal, zero);
  bytes =
      arith::SelectOp::create(builder, entry.getLoc(), refused, refusal, bytes);
  bytes = arith::IndexCastOp::create(builder, entry.getLoc(), i64, bytes);
  func::ReturnOp::create(builder, entry.getLoc(), bytes);
}

LogicalResult EntryPlan::run() {
  WalkResult fits = entry.walk([](memref::AllocOp alloc) {
    if (fixedBytes(alloc.getType()))
      return WalkResult::advance();
    onnx::emitModelError(alloc.getLoc())
        << "a value of type " << alloc.getType()
        << " is larger than any memory";
    return WalkResult::interrupt();
  });
  if (fits.wasInterrupted())
    return failure();
  entry.walk([](memref::DeallocOp op) { op.erase(); });
  unsigned count = 0;
  for (Operation &op : entry.getBody().front())
    positions[&op] = count++;
  BufferViewFlowAnalysis analysis(entry);
  SmallVector<Lifetime> lifetimes;
  for (auto alloc : entry.getBody().front().getOps<memref::AllocOp>()) {
    if (!alloc.getType().getLayout().isIdentity() ||
        !llvm::all_of(alloc.getDynamicSizes(),
                      [&](Value size) { return functions.contains(size); }))
      continue;
    planned.push_back(alloc);
    lifetimes.push_back(lifetimeOf(alloc, analysis.resolve(alloc)));
  }
  slots = assignSlots(lifetimes);
  emitWorkspaceFunction();
  if (planned.empty())
    return success();

  OpBuilder builder = OpBuilder::atBlockBegin(&entry.getBody().front());
  Value arena = bytesAt(builder, entry.getLoc(), entry.getArgument(kWorkspace));
  SmallVector<Value> offsets =
      emitOffsets(builder, entry.getArgument(kSymbols), /*refusal=*/nullptr);
  for (auto [alloc, slot] : llvm::zip_equal(planned, slots)) {
    builder.setInsertionPoint(alloc);
    alloc.replaceAllUsesWith(viewOf(builder, alloc.getLoc(), arena,
                                    offsets[slot], alloc.getType(),
                                    alloc.getDynamicSizes()));
    alloc.erase();
  }
  return success();
}

namespace {
struct PlanMemory : ssmc::impl::SsmPlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    for (func::FuncOp entry : entries(getOperation()))
      if (failed(EntryPlan(entry).run()))
        return signalPassFailure();
  }
};
} // namespace
