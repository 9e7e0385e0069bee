//===- AttentionProposals.cpp - roles of softmax attention ----------------===//

#include "lib/Raise/AttentionReader.h"

using namespace mlir;

namespace ssmc {

void proposeAttention(const Problem &problem, MixerList &mixers) {
  auto roles = HeadRoles::read(problem);
  if (!roles || roles->tokens.size() != 3 || !roles->states.empty() ||
      !problem.region.states.empty() || problem.analysis.getLength() < 3)
    return;
  size_t tried = 0;
  for (const HeadLayout &layout : roles->layouts()) {
    SmallVector<unsigned> order{0, 1, 2};
    do {
      auto value = [&](unsigned i) { return roles->tokens[order[i]]; };
      for (const Role &q : roles->features(
               value(0), [&](int64_t h, int64_t) { return h == layout.heads; }))
        for (const Role &k :
             roles->features(value(1), [&](int64_t h, int64_t f) {
               return layout.heads % h == 0 && f == shapeOf(q)[3];
             }))
          for (const Role &v :
               roles->features(value(2), [&](int64_t h, int64_t f) {
                 return h == shapeOf(k)[2] && f == layout.features;
               })) {
            auto mixer = std::make_unique<AttentionMixer>(layout);
            mixer->q = q;
            mixer->k = k;
            mixer->v = v;
            if (++tried > kMostProposals)
              return;
            if (readAttention(problem, *mixer))
              mixers.push_back(std::move(mixer));
          }
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

} // namespace ssmc
