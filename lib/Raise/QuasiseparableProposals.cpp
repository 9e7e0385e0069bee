//===- QuasiseparableProposals.cpp - roles of both directions -------------===//
//
// Which tokens of the output a value moves says what it is: values are read in
// both directions, keys and decays of one direction move all tokens on that
// side, a query moves a single one, which is its own or the next.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Direction.h"
#include "lib/Raise/Probe.h"
#include "lib/Raise/QuasiseparableMixer.h"

using namespace mlir;

namespace ssmc {

namespace {
/// How far a change of a value at the token in the middle reaches.
struct Reach {
  int64_t before = 0, after = 0; // tokens
  int64_t of(bool reverse) const { return reverse ? before : after; }
};

class Proposer {
public:
  Proposer(const Problem &problem, const HeadRoles &roles, MixerList &mixers)
      : problem(problem), roles(roles), mixers(mixers),
        middle(problem.analysis.getLength() / 2) {}
  void run();

private:
  using Side = QuasiseparableMixer::Side;
  bool readReach();
  void propose(const HeadLayout &layout, Value value, const Role &v);
  std::vector<Side> listSides(const HeadLayout &layout, Value value,
                              bool reverse) const;
  static void listReadings(Side side, std::vector<Side> &sides);
  bool readScales(QuasiseparableMixer &mixer) const;

  const Problem &problem;
  const HeadRoles &roles;
  MixerList &mixers;
  int64_t middle;
  llvm::SmallDenseMap<Value, Reach> reach;
};
} // namespace

bool Proposer::readReach() {
  for (Value value : roles.tokens) {
    auto moved = findMoved(problem, value, middle);
    if (!moved)
      return false;
    Reach &own = reach[value];
    for (int64_t t : moved->set_bits()) {
      own.before = std::max(own.before, middle - t);
      own.after = std::max(own.after, t - middle);
    }
  }
  return true;
}

/// Which of the tokens at the ends of a path decay, and whether the own one
/// has a path.
void Proposer::listReadings(Side side, std::vector<Side> &sides) {
  sides.push_back(side);
  if (side.decay) {
    side.decaysKeys = true;
    sides.push_back(side);
    side.decaysKeys = false;
    side.decaysQueries = true;
    sides.push_back(side);
  }
  side.own = true;
  if (!side.shifted)
    sides.push_back(side);
}

std::vector<Proposer::Side>
Proposer::listSides(const HeadLayout &layout, Value value, bool reverse) const {
  SmallVector<Value> queries, others;
  for (Value other : roles.tokens) {
    if (other == value)
      continue;
    Reach own = reach.lookup(other);
    if (own.of(reverse) > 1)
      others.push_back(other);
    else if (own.of(reverse) == 1 || own.of(!reverse) < 1)
      queries.push_back(other);
  }
  std::vector<Side> sides;
  if (others.empty() || others.size() > 2)
    return sides;
  auto vectors = [&](Value of, int64_t keys) {
    return roles.features(of, [&](int64_t h, int64_t f) {
      return h == layout.heads && (keys == 0 || f == keys);
    });
  };
  for (unsigned first = 0; first < others.size(); ++first)
    for (const Role &k : vectors(others[first], 0)) {
      int64_t keys = shapeOf(k)[3];
      std::vector<std::optional<Role>> decays;
      if (others.size() == 1) {
        decays.push_back(std::nullopt);
      } else {
        llvm::append_range(decays,
                           roles.scalars(others[1 - first], layout.heads));
        llvm::append_range(decays, vectors(others[1 - first], keys));
      }
      for (const auto &decay : decays)
        for (Value query : queries)
          for (const Role &q : vectors(query, keys)) {
            Side side{q, k, decay};
            side.shifted = reach.lookup(query).of(reverse) == 1;
            listReadings(side, sides);
          }
    }
  return sides;
}

/// What one token leaves for its neighbours, of keys and queries of ones.
bool Proposer::readScales(QuasiseparableMixer &mixer) const {
  Probe probe(problem);
  probe.setAt(*mixer.v, middle, 1);
  for (Side &side : mixer.sides) {
    probe.set(*side.q, 1).setAt(*side.k, middle, 1);
    if (side.decay)
      probe.set(*side.decay, 0);
  }
  auto y = probe.read(mixer.layout.exit);
  if (!y)
    return false;
  int64_t width = mixer.layout.heads * mixer.layout.features;
  for (bool reverse : {false, true}) {
    Side &side = mixer.sides[reverse];
    double left = y->floats()[(reverse ? middle - 1 : middle + 1) * width];
    side.scale = left / shapeOf(*side.k)[3];
    if (std::abs(side.scale - 1) < 1e-12)
      side.scale = 1;
    if (side.scale == 0 || !std::isfinite(side.scale))
      return false;
  }
  return true;
}

void Proposer::propose(const HeadLayout &layout, Value value, const Role &v) {
  std::vector<Side> forward = listSides(layout, value, /*reverse=*/false),
                    backward = listSides(layout, value, /*reverse=*/true);
  for (const Side &along : forward)
    for (const Side &against : backward) {
      if (mixers.size() >= kMostProposals ||
          bool(along.decay) != bool(against.decay))
        return;
      auto mixer = std::make_unique<QuasiseparableMixer>(layout);
      mixer->v = v;
      mixer->sides[0] = along;
      mixer->sides[1] = against;
      if (readScales(*mixer))
        mixers.push_back(std::move(mixer));
    }
}

void Proposer::run() {
  if (!readReach())
    return;
  for (const HeadLayout &layout : roles.layouts())
    for (Value value : roles.tokens) {
      Reach own = reach.lookup(value);
      if (own.before < 1 || own.after < 1)
        continue;
      for (const Role &v : roles.features(value, [&](int64_t h, int64_t f) {
             return h == layout.heads && f == layout.features;
           }))
        propose(layout, value, v);
    }
}

/// Whether three values may be values, keys and queries by their extents.
static bool mayFit(const HeadRoles &roles) {
  for (const HeadLayout &layout : roles.layouts()) {
    int64_t vectors = 0, values = 0;
    for (Value value : roles.tokens) {
      auto fits = [&](bool whole) {
        return !roles
                    .features(value,
                              [&](int64_t h, int64_t f) {
                                return h == layout.heads &&
                                       (!whole || f == layout.features);
                              })
                    .empty();
      };
      vectors += fits(false);
      values += fits(true);
    }
    if (values > 0 && vectors > 2)
      return true;
  }
  return false;
}

void proposeQuasiseparable(const Problem &problem, MixerList &mixers) {
  constexpr int64_t kFewest = 4, kMost = 7, kShortest = 6;
  auto roles = HeadRoles::read(problem);
  if (!roles || !roles->states.empty() || !problem.region.states.empty() ||
      int64_t(roles->tokens.size()) < kFewest ||
      int64_t(roles->tokens.size()) > kMost ||
      problem.analysis.getLength() < kShortest || !mayFit(*roles) ||
      findDirection(problem) != Direction::Both)
    return;
  Proposer(problem, *roles, mixers).run();
}

} // namespace ssmc
