//===- CombineScan.cpp - pulls Mamba's parts back into its scan -----------===//
//
// A scan h = a h + u, y = sum_n c h was recognised. Where a = exp(delta A) and
// u = delta B x, the discretisation belongs to it, and so do a skip D x and a
// gate silu(z) behind it.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Discretisation.h"
#include "lib/Raise/Epilogue.h"
#include "lib/Raise/ScanMixers.h"

using namespace mlir;

namespace ssmc {

std::unique_ptr<Mixer> ScanMixer::combine(const Problem &problem,
                                          Region &region) {
  if (late)
    return withOwnToken(problem, region);
  if (!a || !c || logarithmic || c->view.getShape().size() != 3)
    return nullptr;
  int64_t channels = u->view.getShape()[2], count = u->view.getShape()[3];
  Pieces pieces(problem, channels);
  Discretisation before(pieces, *a, *u, count);
  if (!before.find({a->value, u->value}))
    return nullptr;

  auto mixer = std::make_unique<SelectiveScanMixer>();
  mixer->analysis = analysis;
  mixer->delta = before.delta;
  mixer->B = before.B;
  mixer->C = c;
  mixer->x = before.x;
  mixer->A = before.A;
  mixer->initial = initial;
  mixer->exit = exit;
  mixer->states = states;
  mixer->reverse = reverse;

  SmallVector<Role, 1> xs{*before.x};
  while (Operation *op = xs.back().value.getDefiningOp()) {
    if (!isView(op))
      break;
    auto source = pieces.flat(op->getOperand(0));
    if (!source || pieces.width(source->value) != channels)
      break;
    xs.push_back(*source);
  }

  // As far down as it fits.
  Role y{region.exit, *exit};
  SmallVector<Value> others;
  Value last = region.exit;
  while (Value next = problem.finder.nextExit(last, others)) {
    last = next;
    Epilogue after(pieces, y, xs);
    if (!after.find(next, others))
      continue;
    mixer->x = after.getX();
    mixer->z = after.z;
    mixer->D = after.D;
    mixer->exit = after.exit->view;
    region.exit = next;
  }
  return mixer;
}

} // namespace ssmc
