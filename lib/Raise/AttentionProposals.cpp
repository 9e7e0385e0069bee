//===- AttentionProposals.cpp - roles of softmax attention ----------------===//

#include "lib/Raise/AttentionReader.h"

using namespace mlir;

namespace ssmc {

/// `value` as what is added to every score of the exit's heads.
static std::optional<Role> asBias(const Problem &problem, Value value) {
  auto shape = problem.graph.getShape(value);
  const ValueAxes *axes = problem.analysis.getAxes(value);
  int64_t length = problem.analysis.getLength();
  if (!shape || !axes || shape->size() != 4 || (*shape)[2] != length ||
      (*shape)[3] != length || !isPlainTime(axes->back()) ||
      ((*shape)[0] != 1 && (*shape)[0] != problem.analysis.getBatch()))
    return std::nullopt;
  return Role{value, View::identity(*axes)};
}

/// With queries, keys and values among `tokens`.
static void propose(const Problem &problem, const HeadRoles &roles,
                    ArrayRef<Value> tokens, std::optional<Role> bias,
                    MixerList &mixers) {
  size_t tried = 0;
  for (const HeadLayout &layout : roles.layouts()) {
    if (bias && shapeOf(*bias)[1] != 1 && shapeOf(*bias)[1] != layout.heads)
      continue;
    SmallVector<unsigned> order{0, 1, 2};
    do {
      auto value = [&](unsigned i) { return tokens[order[i]]; };
      for (const Role &q : roles.features(
               value(0), [&](int64_t h, int64_t) { return h == layout.heads; }))
        for (const Role &k :
             roles.features(value(1), [&](int64_t h, int64_t f) {
               return layout.heads % h == 0 && f == shapeOf(q)[3];
             }))
          for (const Role &v :
               roles.features(value(2), [&](int64_t h, int64_t f) {
                 return h == shapeOf(k)[2] && f == layout.features;
               })) {
            auto mixer = std::make_unique<AttentionMixer>(layout);
            mixer->q = q;
            mixer->k = k;
            mixer->v = v;
            mixer->bias = bias;
            if (++tried > kMostProposals)
              return;
            if (readAttention(problem, *mixer))
              mixers.push_back(std::move(mixer));
          }
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

void proposeAttention(const Problem &problem, MixerList &mixers) {
  auto roles = HeadRoles::read(problem);
  if (!roles || !roles->states.empty() || !problem.region.states.empty() ||
      problem.analysis.getLength() < 3)
    return;
  if (roles->tokens.size() == 3)
    return propose(problem, *roles, roles->tokens, std::nullopt, mixers);
  if (roles->tokens.size() != 4)
    return;
  for (unsigned i = 0; i < 4; ++i)
    if (auto bias = asBias(problem, roles->tokens[i])) {
      SmallVector<Value> others(roles->tokens);
      others.erase(others.begin() + i);
      propose(problem, *roles, others, bias, mixers);
    }
}

} // namespace ssmc
