//===- LoopToScan.cpp - pass onnx-loop-to-scan ----------------------------===//
//
// A Loop whose number of iterations T is proved is a Scan of T steps:
//
//   a Gather of x at i, or at T - 1 - i              a sequence that is read
//   a Gather of x at C i, ..., C i + C - 1           x in chunks of C
//   a carried tensor that only grows by a Concat     a sequence that is written
//   a buffer that is scattered into at i, all of it  likewise
//   a row that is yielded                            likewise
//   the number i, a carried counter                  the sequence 0, 1, ...
//
// and what else is carried is a state. A value that is read within its bounds
// at T of its positions is cut down to these. A Slice at a counter is a Gather:
// its extent is a number, which Slice does not show to shape inference.
//
//===----------------------------------------------------------------------===//

#include "lib/Loops/LoopConverter.h"
#include "lib/Loops/Passes.h"

namespace ssmc {
#define GEN_PASS_DEF_ONNXLOOPTOSCAN
#include "lib/Loops/LoopsPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {
struct LoopToScan : ssmc::impl::OnnxLoopToScanBase<LoopToScan> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic() || function.isExternal())
        continue;
      // What a loop becomes is inferred before the one around it is looked at.
      for (bool changed = true; changed;) {
        changed = false;
        SmallVector<onnx::NodeOp> loops;
        function.walk([&](onnx::NodeOp node) {
          if (node.getDomain().empty() && node.getOpType() == "Loop" &&
              !kept.contains(node) && succeeded(readLoop(node)))
            loops.push_back(node);
        });
        if (loops.empty())
          break;
        ShapeInference inference(getOperation());
        if (failed(inference.run(function)))
          return signalPassFailure();
        for (onnx::NodeOp loop : loops) {
          changed = LoopConverter(inference, loop).run();
          if (changed)
            break;
          kept.insert(loop);
        }
        if (changed) {
          kept.clear();
          ShapeInference again(getOperation());
          if (failed(again.run(function)))
            return signalPassFailure();
        }
      }
    }
  }

  llvm::DenseSet<Operation *> kept;
};
} // namespace
