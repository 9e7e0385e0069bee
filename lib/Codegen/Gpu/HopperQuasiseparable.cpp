//===- HopperQuasiseparable.cpp - ssm-hopper-quasiseparable ---------------===//
//
// Two passes of the kernel of matrix states: forward with the diagonal, then in
// reverse, which adds to what the first has written.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/HopperSemiseparable.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMHOPPERQUASISEPARABLE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
struct HopperQuasiseparablePass
    : ssmc::impl::SsmHopperQuasiseparableBase<HopperQuasiseparablePass> {
  void runOnOperation() override {
    SmallVector<ssm::QuasiseparableOp> ops;
    getOperation().walk([&](ssm::QuasiseparableOp op) { ops.push_back(op); });
    for (ssm::QuasiseparableOp op : ops) {
      HopperMixing forward{op,
                           op.getQf(),
                           op.getKf(),
                           op.getV(),
                           op.getY(),
                           Value(),
                           op.getGf(),
                           op.getResets(),
                           /*scale=*/Value(),
                           /*skip=*/Value(),
                           op.getDiagonal()};
      forward.isStrict = true;
      HopperMixing backward{op,        op.getQb(), op.getKb(), op.getV(),
                            op.getY(), Value(),    op.getGb(), op.getResets(),
                            Value(),   Value(),    Value()};
      backward.isStrict = backward.isReverse = backward.addsToOutput = true;
      std::optional<HopperSemiseparable> shapes[] = {
          HopperSemiseparable::get(forward),
          HopperSemiseparable::get(backward)};
      if (shapes[0] && shapes[1])
        lowerHopperMixings(op, {forward, backward}, {*shapes[0], *shapes[1]});
    }
  }
};
} // namespace
