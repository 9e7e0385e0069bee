//===- JoinStates.cpp - ssm-join-states -----------------------------------===//
//
// What a mixer's state begins with is stored where the mixer continues it, by
// an op of its own: outlined by itself, it writes memory that the mixer reads
// back. In one region the mixer's kernel can read what is copied instead.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/CodegenPasses.h"
#include "lib/Codegen/StateStart.h"

#include "mlir/Interfaces/DestinationStyleOpInterface.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMJOINSTATES
#include "lib/Codegen/CodegenPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
struct JoinStates : ssmc::impl::SsmJoinStatesBase<JoinStates> {
  using SsmJoinStatesBase::SsmJoinStatesBase;
  void runOnOperation() override {
    // The results of such an op are what it computes, and then the state.
    SmallVector<DestinationStyleOpInterface> mixers;
    getOperation().walk([&](DestinationStyleOpInterface op) {
      if (op.hasPureBufferSemantics() && op.getNumDpsInits() == 2 &&
          llvm::is_contained(ops, op->getName().getStringRef()))
        mixers.push_back(op);
    });
    for (DestinationStyleOpInterface op : mixers) {
      StateStart start = findJoinableStart(op, op.getDpsInits()[1],
                                           /*written=*/op.getDpsInits()[0]);
      if (start.op)
        joinStart(start, op);
    }
  }
};
} // namespace
