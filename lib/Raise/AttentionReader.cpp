//===- AttentionReader.cpp - the constants of softmax attention -----------===//
//
// With queries and keys of zero, the weights of a softmax are those of its
// masks and biases alone; values that are one at one token show its weight.
// Equal weights are a mask, and the mask must be that of a window. Weights that
// fall by the same factor with every token of distance have a slope, weights
// that do not sum to one a sink. One score that is not zero then gives the
// scale, twice of it the soft-cap.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/AttentionReader.h"

#include "lib/Raise/Probe.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
/// Two weights are one where they differ by rounding only.
constexpr double kSameWeight = 1e-11;

class AttentionReader {
public:
  AttentionReader(const Problem &problem, AttentionMixer &mixer)
      : problem(problem), mixer(mixer), queries(mixer.countQueries()),
        keys(mixer.countKeys()), heads(mixer.layout.heads) {}

  bool readScale();
  bool readHeads();
  bool readWeights();
  bool readWindow();
  bool readBiases();
  bool hidesForGood();
  bool isNormalised();

private:
  /// The exit in its layout, for queries of `query` in the first feature, of
  /// the first head or of all, for keys of `key(token)` there, and for values
  /// of `value(token, feature)`.
  std::optional<Tensor>
  respond(double query, bool allHeads, llvm::function_ref<double(int64_t)> key,
          llvm::function_ref<double(int64_t, int64_t)> value) const;
  /// For each head, the logarithm of what key `key` weighs to the last query,
  /// beside the next key, where its score is that of `query`.
  std::optional<SmallVector<double>> readScores(double query,
                                                int64_t key) const;
  /// The scale of a head over that of the first one.
  double ratio(int64_t head) const {
    return mixer.scales.isNull() ? 1 : mixer.scales.floats()[head];
  }
  void readRatios(ArrayRef<double> low, ArrayRef<double> high);
  double &weight(int64_t head, int64_t query, int64_t key) {
    return weights[(head * queries + query) * keys + key];
  }
  /// Where a query stands among the keys.
  int64_t positionOf(int64_t query) const { return query + keys - queries; }
  bool sees(int64_t query, int64_t key) const {
    return mixer.window.sees(positionOf(query), key);
  }
  int64_t distance(int64_t query, int64_t key) const {
    return std::abs(positionOf(query) - key);
  }

  const Problem &problem;
  AttentionMixer &mixer;
  int64_t queries, keys, heads;
  std::vector<double> weights; // [head, query, key]
};
} // namespace

std::optional<Tensor> AttentionReader::respond(
    double query, bool allHeads, llvm::function_ref<double(int64_t)> key,
    llvm::function_ref<double(int64_t, int64_t)> value) const {
  using Index = ArrayRef<int64_t>; // batch, token, head, feature
  Probe probe(problem);
  if (mixer.bias)
    probe.set(*mixer.bias, 0);
  for (const ScoreBias &mask : mixer.masks)
    probe.set(mask.value, mask.kind == ScoreBias::Seen);
  int64_t past = mixer.countPast();
  if (mixer.pastKey)
    probe
        .set(*mixer.pastKey, [&](Index i) { return i[3] == 0 ? key(i[1]) : 0; })
        .set(*mixer.pastValue, [&](Index i) { return value(i[1], i[3]); });
  return probe
      .set(*mixer.q,
           [&](Index i) {
             return i[3] == 0 && (allHeads || i[2] == 0) ? query / ratio(i[2])
                                                         : 0;
           })
      .set(*mixer.k, [&](Index i) { return i[3] == 0 ? key(past + i[1]) : 0; })
      .set(*mixer.v, [&](Index i) { return value(past + i[1], i[3]); })
      .read(mixer.layout.exit);
}

std::optional<SmallVector<double>>
AttentionReader::readScores(double query, int64_t key) const {
  // The weights of the two keys, in two features or one after the other.
  int64_t features = mixer.layout.features;
  SmallVector<double> scores(heads);
  for (int64_t i = 0; i < 2; i += features < 2 ? 1 : 2) {
    std::optional<Tensor> y = respond(
        query, /*allHeads=*/true, [&](int64_t t) { return t == key; },
        [&](int64_t t, int64_t f) { return f < 2 && t == key + i + f; });
    if (!y)
      return std::nullopt;
    for (auto [h, score] : llvm::enumerate(scores)) {
      const double *weight =
          &y->floats()[((queries - 1) * heads + h) * features];
      if (features < 2)
        score += (i ? -1 : 1) * std::log(weight[0]);
      else
        score = std::log(weight[0] / weight[1]);
    }
  }
  return scores;
}

/// Scores of one query in all heads, beside those of a query of zero. Under a
/// soft-cap they say nothing, and the comparison refuses what they give.
void AttentionReader::readRatios(ArrayRef<double> low, ArrayRef<double> high) {
  Tensor ratios(problem.elementType(mixer.q->value), {heads});
  double first = high[0] - low[0];
  bool any = false;
  for (int64_t h = 0; h < heads; ++h) {
    if (!std::isfinite(high[h] - low[h]) || high[h] == low[h])
      return;
    ratios.mutableFloats()[h] = (high[h] - low[h]) / first;
    any |= std::abs(ratios.floats()[h] - 1) > 1e-9;
  }
  if (any)
    mixer.scales = ratios;
}

/// The score of one key at two queries, of which one is twice the other, beside
/// that of a query of zero, which is what biases make of it.
bool AttentionReader::readScale() {
  double size = 4 * std::sqrt(double(shapeOf(*mixer.k)[3])), scores[3];
  SmallVector<double> ofHeads[2];
  for (unsigned i : {0u, 1u, 2u}) {
    auto read = readScores(i * size, keys - 2);
    if (!read || !std::isfinite(read->front()))
      return false;
    scores[i] = read->front();
    if (i < 2)
      ofHeads[i] = std::move(*read);
  }
  readRatios(ofHeads[0], ofHeads[1]);
  double bias = scores[0];
  scores[0] = scores[1] - bias;
  scores[1] = scores[2] - bias;
  if (!std::isfinite(scores[0]) || !std::isfinite(scores[1]) || scores[0] == 0)
    return false;
  double bend = 2 * scores[0] / scores[1] - 1; // tanh(s / cap)^2
  if (std::abs(bend) < 1e-10) {
    mixer.scale = scores[0] / size;
    return true;
  }
  if (!(bend > 0 && bend < 1))
    return false;
  double angle = std::atanh(std::sqrt(bend));
  mixer.softcap = std::abs(scores[0]) / std::sqrt(bend);
  mixer.scale = std::copysign(angle * *mixer.softcap, scores[0]) / size;
  return true;
}

/// A query in the first head moves the first head alone: heads and features
/// are not the other way around.
bool AttentionReader::readHeads() {
  int64_t query = queries - 1, key = keys - 2;
  double size = 4 * std::sqrt(double(shapeOf(*mixer.k)[3]));
  std::optional<Tensor> y = respond(
      size, /*allHeads=*/false, [&](int64_t t) { return t == key; },
      [&](int64_t t, int64_t) { return t == key; });
  if (!y)
    return false;
  auto at = [&](int64_t head) {
    return y->floats()[(query * heads + head) * mixer.layout.features];
  };
  for (int64_t h = 1; h < heads; ++h)
    if (std::abs(at(h) - at(0)) < 1e-9)
      return false;
  return true;
}

bool AttentionReader::readWeights() {
  constexpr int64_t kMostWeights = int64_t(1) << 26;
  int64_t features = mixer.layout.features;
  if (heads * queries * keys > kMostWeights)
    return false;
  weights.assign(heads * queries * keys, 0);
  // The last key first, which some query sees: what is no softmax shows it
  // early.
  int64_t last = (keys - 1) / features * features;
  for (int64_t base = last; base >= 0; base -= features) {
    std::optional<Tensor> y = respond(
        0, /*allHeads=*/true, [](int64_t) { return 0; },
        [&](int64_t t, int64_t f) { return t == base + f; });
    if (!y)
      return false;
    for (int64_t t = 0; t < queries; ++t)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t f = 0; f < std::min(features, keys - base); ++f) {
          double w = y->floats()[(t * heads + h) * features + f];
          if (!(w >= 0 && w <= 1 + kSameWeight))
            return false;
          weight(h, t, base + f) = w;
        }
    if (base == last && llvm::all_of(weights, [](double w) { return w == 0; }))
      return false;
  }
  return true;
}

/// The window of the first head; the other heads must have the same.
bool AttentionReader::readWindow() {
  int64_t left = 0, right = -keys;
  AttentionWindow &window = mixer.window;
  auto seen = [&](int64_t t, int64_t s) { return weight(0, t, s) > 0; };
  for (int64_t t = 0; t < queries; ++t)
    for (int64_t s = 0; s < keys; ++s)
      if (seen(t, s))
        right = std::max(right, s - positionOf(t));
  // As far as the last key is behind the first query.
  if (right < queries - 1)
    window.right = right;
  // Keys that the last query sees: the first ones, and those in its window.
  int64_t last = keys - 1, global = 0;
  while (global < keys && seen(queries - 1, global))
    ++global;
  if (global < keys) {
    int64_t first = keys;
    while (first > global && seen(queries - 1, first - 1))
      --first;
    left = last - first;
    if (left < 0)
      return false;
    window.left = left;
    window.global = global;
  }
  if (window.right && *window.right < 0)
    return false;
  for (int64_t h = 0; h < heads; ++h)
    for (int64_t t = 0; t < queries; ++t)
      for (int64_t s = 0; s < keys; ++s)
        if ((weight(h, t, s) > 0) != sees(t, s))
          return false;
  return true;
}

/// Slopes and sinks from the ratios of weights.
bool AttentionReader::readBiases() {
  Type element = problem.elementType(mixer.v->value);
  Tensor slopes(element, {heads}), sinks(element, {heads});
  bool anySlope = false, anySink = false, allSink = true;
  for (int64_t h = 0; h < heads; ++h) {
    // The last query sees itself and, where it sees another, the one before.
    int64_t t = queries - 1;
    double slope =
        sees(t, keys - 2)
            ? std::log(weight(h, t, keys - 1) / weight(h, t, keys - 2))
            : 0;
    if (std::abs(slope) < kSameWeight)
      slope = 0;
    slopes.mutableFloats()[h] = slope;
    anySlope |= slope != 0;
    // exp(sink) beside the sum of exp(-slope distance).
    std::optional<double> sink;
    for (int64_t query = 0; query < queries; ++query) {
      double seen = 0, scores = 0;
      for (int64_t key = 0; key < keys; ++key)
        if (sees(query, key)) {
          seen += weight(h, query, key);
          scores += std::exp(-slope * distance(query, key));
        }
      double rest = scores / seen - scores;
      if (std::abs(rest) < kSameWeight * scores)
        rest = 0;
      if (sink && std::abs(*sink - rest) > 1e-9 * scores)
        return false;
      sink = rest;
    }
    if (!sink || !(*sink >= 0))
      return false;
    anySink |= *sink > 0;
    allSink &= *sink > 0;
    sinks.mutableFloats()[h] = std::log(*sink);
  }
  if (anySlope)
    mixer.slopes = slopes;
  if (anySink && !allSink)
    return false;
  if (anySink)
    mixer.sinks = sinks;
  return true;
}

/// A mask may be a large number instead of infinity. What it hides stays
/// hidden where all that is seen has a score of minus a million.
bool AttentionReader::hidesForGood() {
  constexpr double kLow = -1e6;
  for (int64_t query : {int64_t(0), queries / 2, queries - 1}) {
    int64_t hidden = 0;
    while (hidden < keys && sees(query, hidden))
      ++hidden;
    if (hidden == keys || mixer.softcap)
      continue;
    std::optional<Tensor> y = respond(
        kLow / mixer.scale, /*allHeads=*/true,
        [&](int64_t t) { return sees(query, t); },
        [&](int64_t t, int64_t) { return !sees(query, t); });
    if (!y)
      return false;
    // Without a maximum taken off, nothing is left to divide by.
    for (int64_t h = 0; h < heads; ++h) {
      double seen = y->floats()[(query * heads + h) * mixer.layout.features];
      if (seen != 0 && !std::isnan(seen))
        return false;
    }
  }
  return true;
}

/// Weights sum to one, or with a sink to less, where all scores are low too:
/// nothing else is added to their sum.
bool AttentionReader::isNormalised() {
  constexpr double kLow = -60;
  std::optional<Tensor> y = respond(
      kLow / mixer.scale, /*allHeads=*/true, [](int64_t) { return 1; },
      [](int64_t, int64_t) { return 1; });
  if (!y)
    return false;
  double low =
      mixer.softcap ? *mixer.softcap * std::tanh(kLow / *mixer.softcap) : kLow;
  for (int64_t h = 0; h < heads; ++h) {
    double slope = mixer.slopes.isNull() ? 0 : mixer.slopes.floats()[h];
    double sink =
        mixer.sinks.isNull() ? 0 : std::exp(mixer.sinks.floats()[h] - low);
    for (int64_t query = 0; query < queries; ++query) {
      double scores = 0;
      for (int64_t key = 0; key < keys; ++key)
        if (sees(query, key))
          scores += std::exp(-slope * distance(query, key));
      double sum = y->floats()[(query * heads + h) * mixer.layout.features];
      if (!(std::abs(sum - scores / (scores + sink)) < 1e-9))
        return false;
    }
  }
  return true;
}

bool readAttention(const Problem &problem, AttentionMixer &mixer) {
  AttentionReader reader(problem, mixer);
  return reader.readScale() && reader.readHeads() && reader.readWeights() &&
         reader.readWindow() && reader.readBiases() && reader.hidesForGood() &&
         reader.isNormalised();
}

} // namespace ssmc
