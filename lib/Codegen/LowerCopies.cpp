//===- LowerCopies.cpp - turn memref.copy into linalg.generic -------------===//

#include "lib/Codegen/CodegenPasses.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERCOPIES
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;

namespace {
struct LowerCopies : ssmc::impl::SsmLowerCopiesBase<LowerCopies> {
  void runOnOperation() override {
    getOperation().walk([](memref::CopyOp copy) {
      OpBuilder builder(copy);
      auto type = cast<MemRefType>(copy.getTarget().getType());
      auto map = builder.getMultiDimIdentityMap(type.getRank());
      SmallVector<utils::IteratorType> iterators(type.getRank(),
                                                 utils::IteratorType::parallel);
      linalg::GenericOp::create(
          builder, copy.getLoc(), ValueRange{copy.getSource()},
          ValueRange{copy.getTarget()}, ArrayRef<AffineMap>{map, map},
          iterators, [](OpBuilder &nested, Location loc, ValueRange args) {
            linalg::YieldOp::create(nested, loc, args[0]);
          });
      copy.erase();
    });
  }
};
} // namespace
