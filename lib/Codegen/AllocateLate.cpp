//===- AllocateLate.cpp - buffers sized during the run --------------------===//

#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/Entry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMALLOCATELATE
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

static void allocate(memref::AllocOp alloc, Value context) {
  OpBuilder builder(alloc);
  Location loc = alloc.getLoc();
  Type pointer = context.getType();
  Type i64 = builder.getI64Type();
  auto function =
      declareRuntime(alloc->getParentOfType<ModuleOp>(), "ssmrt_alloc",
                     builder.getFunctionType({pointer, i64}, {pointer}));
  Value bytes =
      checkedBytesOf(builder, loc, alloc.getType(), alloc.getDynamicSizes());
  bytes = arith::IndexCastOp::create(builder, loc, i64, bytes);
  auto call =
      func::CallOp::create(builder, loc, function, ValueRange{context, bytes});
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value buffer = bytesAt(builder, loc, call.getResult(0));
  alloc.replaceAllUsesWith(viewOf(builder, loc, buffer, zero, alloc.getType(),
                                  alloc.getDynamicSizes()));
  alloc.erase();
}

namespace {
struct AllocateLate : ssmc::impl::SsmAllocateLateBase<AllocateLate> {
  void runOnOperation() override {
    SmallVector<std::pair<memref::AllocOp, Value>> allocs;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (Value context = contextOf(func)) {
        func.walk([](memref::DeallocOp op) { op.erase(); });
        func.walk([&](memref::AllocOp op) { allocs.push_back({op, context}); });
      }
    for (auto [alloc, context] : allocs)
      allocate(alloc, context);
  }
};
} // namespace
