//===- LateScan.cpp - scans that give what is before each token -----------===//
//
// A scan through a tree, up and down, gives every token the state before it.
// Where the token itself joins it behind that, the two are one scan; where it
// does not, the states are moved by a token.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/ScanMixers.h"
#include "lib/Raise/Written.h"

using namespace mlir;

namespace ssmc {

bool givesStateBefore(const Problem &problem, const View &exit, bool reverse) {
  const Problem::Example *example = problem.getExample();
  std::optional<Tensor> h =
      example ? exit.tryApply(example->results.front()) : std::nullopt;
  if (!h)
    return false;
  int64_t batch = h->getShape()[0], time = h->getShape()[1];
  int64_t width = llvm::product_of(h->getShape().drop_front(2));
  auto token = [&](int64_t b, int64_t t) {
    t = reverse ? time - 1 - t : t;
    return h->floats().slice((b * time + t) * width, width);
  };
  auto isZero = [](double x) { return x == 0; };
  bool before = true, after = true;
  for (int64_t b = 0; b < batch; ++b) {
    before &= llvm::all_of(token(b, 0), isZero);
    after &= llvm::all_of(token(b, time - 1), isZero);
  }
  return before && !after;
}

std::unique_ptr<Mixer> ScanMixer::withOwnToken(const Problem &problem,
                                               Region &region) const {
  for (Region &further : problem.finder.listClosedExits(region)) {
    const ValueAxes &axes = *problem.analysis.getAxes(further.exit);
    auto mixer = std::make_unique<ScanMixer>(*this);
    mixer->late = false;
    mixer->exit =
        View::make(axes, true, {}, ArrayRef(exit->merges).drop_front(2));
    if (!mixer->exit || mixer->exit->getShape() != exit->getShape())
      continue;
    Problem whole(problem.finder, problem.analysis, further);
    const Problem::Example *example = whole.getExample();
    if (!example ||
        !(Candidate(whole, *mixer)
              .deviation(example->values, example->results) <= tolerance))
      continue;
    region = std::move(further);
    return mixer;
  }
  return nullptr;
}

} // namespace ssmc
