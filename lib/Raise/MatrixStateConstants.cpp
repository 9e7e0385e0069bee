//===- MatrixStateConstants.cpp - what no token decides -------------------===//

#include "lib/Raise/MatrixStateConstants.h"

#include "lib/Raise/Probe.h"

using namespace mlir;

namespace ssmc {

/// What a decay of a half is computed from.
static double half(const MatrixStateMixer &mixer) {
  switch (mixer.decayForm) {
  case MatrixStateMixer::DecayForm::Log:
    return std::log(0.5);
  case MatrixStateMixer::DecayForm::Logit:
    return 0;
  case MatrixStateMixer::DecayForm::Factor:
    return 0.5;
  }
  return 0;
}

/// Nothing but what is chosen beside this.
static void rest(Probe &probe, const MatrixStateMixer &mixer) {
  for (auto *role : {&mixer.erase, &mixer.along, &mixer.initial})
    if (*role)
      probe.set(**role, 0);
  if (mixer.decay)
    probe.set(*mixer.decay, half(mixer));
  if (mixer.beta)
    probe.set(*mixer.beta, 1);
}

/// The exit; null where it cannot be computed.
const Tensor &MatrixStateConstants::respond(MatrixStateMixer &mixer,
                                            double number) {
  std::vector<const void *> key;
  // Which of two vectors at rest is which does not matter.
  std::optional<Role> none;
  for (auto *role : {&mixer.q, &mixer.k, &mixer.v, &mixer.decay, &mixer.beta,
                     mixer.along ? &none : &mixer.erase, &mixer.initial})
    key.push_back(*role ? (*role)->value.getAsOpaquePointer() : nullptr);
  auto [it, isNew] = responses.try_emplace({number, half(mixer), key});
  if (!isNew)
    return it->second;
  Probe probe(problem);
  probe.set(*mixer.q, 1)
      .setAt(*mixer.k, token(0), number)
      .setAt(*mixer.v, token(0), 1);
  rest(probe, mixer);
  return it->second = probe.read();
}

/// Twice the key is read out as the same, but for epsilon: y = x / (x + e).
bool MatrixStateConstants::readNorm(MatrixStateMixer &mixer,
                                    const Tensor &once) {
  if (mixer.beta || mixer.erase || mixer.initial || !mixer.states.empty())
    return false;
  int64_t at = token(0) * mixer.layout.heads * mixer.layout.features;
  double y = once.floats()[at];
  if (!(y > 0 && y <= 1))
    return false;
  std::optional<Tensor> twice = mixer.layout.exit.tryApply(respond(mixer, 2));
  if (!twice)
    return false;
  double linear = twice->floats()[at] / y;
  if (!(linear >= 1 && linear < 1.99))
    return false;
  double epsilon = 1 / y - 1;
  mixer.scale = 1;
  mixer.normalised = epsilon < 1e-12 ? 0 : epsilon * shapeOf(*mixer.k)[3];
  return true;
}

/// A scale that is written only where it is one.
static double scaleOf(double number) {
  return std::abs(number - 1) < 1e-12 ? 1 : number;
}

/// Where each step leaves the same part of a head.
bool MatrixStateConstants::readHeads(MatrixStateMixer &mixer, const Tensor &y) {
  int64_t heads = mixer.layout.heads;
  auto at = [&](int64_t step, int64_t head) {
    return y.floats()[(token(step) * heads + head) * mixer.layout.features];
  };
  mixer.scale = scaleOf(at(0, 0) / shapeOf(*mixer.k)[3]);
  if (!std::isfinite(mixer.scale) || mixer.scale == 0)
    return false;
  if (mixer.decay)
    return true;
  Tensor decay(y.getElementType(), {heads});
  bool any = false;
  for (int64_t h = 0; h < heads; ++h) {
    // As many tokens later as something is left: a table is rounded.
    double left = 0;
    for (int64_t lag = 1; lag < length; ++lag) {
      double ratio = at(lag, h) / at(0, h);
      if (!(ratio > 0) || !std::isfinite(ratio) || (lag > 1 && ratio < 1e-2))
        break;
      left = std::log(ratio) / lag;
      if (lag == 1 && ratio < 1e-2)
        break;
    }
    if (!(at(1, h) / at(0, h) > 0) || !std::isfinite(left))
      return false;
    decay.mutableFloats()[h] = left;
    any |= std::abs(left) > 1e-12;
  }
  if (any) {
    mixer.constantDecay = decay;
    mixer.tolerance = problem.toleranceOfTables();
  }
  return true;
}

/// Every token writes another feature, and reads one key: what it reads of a
/// feature is of the token that wrote it.
std::optional<Tensor>
MatrixStateConstants::respondToKeys(MatrixStateMixer &mixer) {
  constexpr int64_t kLags = 3;
  int64_t heads = mixer.layout.heads, features = mixer.layout.features;
  int64_t keys = shapeOf(*mixer.k)[3], writers = std::min(length, features);
  if (writers < kLags)
    return std::nullopt;
  Tensor found(problem.elementType(mixer.k->value), {kLags, heads, keys});
  for (int64_t first = 0; first < keys; first += writers - kLags + 1) {
    auto keyOf = [&](int64_t step) { return first + step - (kLags - 1); };
    auto stepOf = [&](ArrayRef<int64_t> index) { return token(index[1]); };
    Probe probe(problem);
    probe.set(*mixer.k, 1);
    probe.set(*mixer.q, [&](ArrayRef<int64_t> index) {
      return index[3] == keyOf(stepOf(index));
    });
    probe.set(*mixer.v, [&](ArrayRef<int64_t> index) {
      return index[3] == stepOf(index);
    });
    rest(probe, mixer);
    std::optional<Tensor> y = probe.read(mixer.layout.exit);
    if (!y)
      return std::nullopt;
    for (int64_t step = kLags - 1; step < writers; ++step)
      for (int64_t lag = 0; lag < kLags && keyOf(step) < keys; ++lag)
        for (int64_t h = 0; h < heads; ++h)
          found.mutableFloats()[(lag * heads + h) * keys + keyOf(step)] =
              y->floats()[(token(step) * heads + h) * features + step - lag];
  }
  return found;
}

/// Where keys decay by themselves, or the token is read otherwise than those
/// before: nothing of these has decayed then that the token before has written.
bool MatrixStateConstants::readKeys(MatrixStateMixer &mixer) {
  std::optional<Tensor> found = respondToKeys(mixer);
  if (!found)
    return false;
  int64_t heads = mixer.layout.heads, keys = shapeOf(*mixer.k)[3];
  ArrayRef<double> own = found->floats().take_front(heads * keys),
                   before = found->floats().slice(heads * keys, heads * keys),
                   earlier = found->floats().take_back(heads * keys);
  auto areEqual = [](ArrayRef<double> numbers) {
    return llvm::all_of(numbers, [&](double x) {
      return std::abs(x - numbers[0]) <= 1e-9 * std::abs(numbers[0]);
    });
  };
  mixer.late = areEqual(before);
  if (!mixer.late && (!areEqual(own) || mixer.decay))
    return false;
  mixer.scale = mixer.late ? before[0] : own[0];
  if (!std::isfinite(mixer.scale) || mixer.scale == 0)
    return false;
  Tensor bonus(found->getElementType(), {heads, keys}), decay = bonus;
  bool hasBonus = false, decays = false;
  for (int64_t i = 0; i < heads * keys; ++i) {
    bonus.mutableFloats()[i] = own[i] / mixer.scale;
    decay.mutableFloats()[i] = std::log(earlier[i] / before[i]);
    hasBonus |= std::abs(bonus.floats()[i]) > 1e-12;
    decays |= std::abs(decay.floats()[i]) > 1e-12;
    if (!std::isfinite(decay.floats()[i]))
      return false;
  }
  mixer.scale = scaleOf(mixer.scale);
  if (mixer.late && hasBonus)
    mixer.bonus = bonus;
  if (!mixer.decay && decays) {
    mixer.constantDecay = decay;
    mixer.tolerance = problem.toleranceOfTables();
  }
  // The products of the bonus are of as many queries, keys and values.
  return mixer.bonus.isNull() ||
         (shapeOf(*mixer.q)[2] == heads && shapeOf(*mixer.k)[2] == heads);
}

/// Whether the second step leaves the same part as the first one.
static bool fadesEvenly(const Tensor &y, const MatrixStateMixer &mixer,
                        ArrayRef<int64_t> tokens) {
  constexpr double kRounding = 1e-5; // of tables
  int64_t heads = mixer.layout.heads;
  for (int64_t h = 0; h < heads; ++h) {
    auto at = [&](int64_t step) {
      return y.floats()[(tokens[step] * heads + h) * mixer.layout.features];
    };
    double even = at(1) * at(1);
    if (!(std::abs(even - at(0) * at(2)) <= kRounding * even))
      return false;
  }
  return true;
}

bool MatrixStateConstants::read(MatrixStateMixer &mixer) {
  std::optional<Tensor> y = mixer.layout.exit.tryApply(respond(mixer));
  if (!y)
    return false;
  if (readNorm(mixer, *y))
    return true;
  bool corrects = mixer.beta || mixer.erase;
  if (corrects || fadesEvenly(*y, mixer, {token(0), token(1), token(2)}))
    return readHeads(mixer, *y);
  return readKeys(mixer);
}

} // namespace ssmc
