//===- LongConvProposals.cpp - which regions may be long convolutions -----===//
//
// However a convolution is computed - by transforms, by matrices of them, by a
// Conv, by a Toeplitz matrix - an impulse at the first token answers with its
// kernel, and one at the last token with what it reads of later tokens, or of
// the other end of a ring. A value that the region reads is the kernel where
// the answer is that value, whatever it is drawn as; else the answer itself is.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Affine.h"
#include "lib/Raise/LongConvMixer.h"
#include "lib/Raise/Probe.h"

#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

namespace {
/// A region of one sequence, in the layout [batch, time, channel].
struct Signal {
  Role x;
  View exit;
  int64_t batch, length, channels;
};

/// What the region gives for impulses in all channels at once.
class Response {
public:
  /// Probes with everything but the signal set. Nothing where one fails.
  static std::optional<Response> read(const Signal &signal,
                                      llvm::function_ref<Probe()> probe);

  /// What a token adds to itself and to those behind it.
  double tap(int64_t b, int64_t lag, int64_t c) const {
    return at(first, b, lag, c) - at(rest, b, lag, c);
  }
  /// What a token adds to those before it, the nearest first.
  double ahead(int64_t b, int64_t i, int64_t c) const {
    return at(last, b, length - 2 - i, c) - at(rest, b, length - 2 - i, c);
  }
  /// Whether tokens read those behind them, and whether as on a ring.
  bool looksAhead(double slack) const;
  bool isRing(double slack) const;
  /// What is there without a signal: [channel]; null where nothing is.
  Tensor bias(Type type) const;
  /// The first `count` taps, or those ahead, without what is next to nothing
  /// behind the last one: [lag, channel].
  Tensor taps(Type type, bool later, double slack) const;
  /// The largest tap.
  double size() const;

  int64_t batch, length, channels;

private:
  double at(const Tensor &tensor, int64_t b, int64_t t, int64_t c) const {
    return tensor.floats()[(b * length + t) * channels + c];
  }
  Tensor rest, first, last;
};
} // namespace

std::optional<Response> Response::read(const Signal &signal,
                                       llvm::function_ref<Probe()> probe) {
  Response r;
  r.batch = signal.batch, r.length = signal.length,
  r.channels = signal.channels;
  auto rest = probe().set(signal.x, 0).read(signal.exit);
  auto first = probe().setAt(signal.x, 0, 1).read(signal.exit);
  auto last = probe().setAt(signal.x, signal.length - 1, 1).read(signal.exit);
  if (!rest || !first || !last)
    return std::nullopt;
  r.rest = *rest, r.first = *first, r.last = *last;
  return r;
}

double Response::size() const {
  double largest = 0;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t t = 0; t < length; ++t)
      for (int64_t c = 0; c < channels; ++c)
        largest = std::max(largest, std::fabs(tap(b, t, c)));
  return largest;
}

bool Response::looksAhead(double slack) const {
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i + 1 < length; ++i)
      for (int64_t c = 0; c < channels; ++c)
        if (!(std::fabs(ahead(b, i, c)) <= slack))
          return true;
  return false;
}

bool Response::isRing(double slack) const {
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i + 1 < length; ++i)
      for (int64_t c = 0; c < channels; ++c)
        if (!(std::fabs(ahead(b, i, c) - tap(b, length - 1 - i, c)) <= slack))
          return false;
  return true;
}

Tensor Response::bias(Type type) const {
  Tensor bias(type, {channels});
  bool any = false;
  for (int64_t c = 0; c < channels; ++c) {
    bias.mutableFloats()[c] = at(rest, 0, 0, c);
    any |= bias.floats()[c] != 0;
  }
  return any ? bias : Tensor();
}

Tensor Response::taps(Type type, bool later, double slack) const {
  auto get = [&](int64_t lag, int64_t c) {
    return later ? ahead(0, lag, c) : tap(0, lag, c);
  };
  int64_t width = 0;
  for (int64_t lag = 0; lag < length - later; ++lag)
    for (int64_t c = 0; c < channels; ++c)
      if (std::fabs(get(lag, c)) > slack)
        width = lag + 1;
  Tensor taps(type, {width, channels});
  for (int64_t lag = 0; lag < width; ++lag)
    for (int64_t c = 0; c < channels; ++c)
      taps.mutableFloats()[lag * channels + c] = get(lag, c);
  return taps;
}

/// The region as a map of the sequence `value`.
static std::optional<Signal> asSignal(const Problem &problem, Value value) {
  const Region &region = problem.region;
  const ValueAxes *own = problem.analysis.getAxes(value),
                  *exitAxes = problem.analysis.getAxes(region.exit);
  int64_t length = problem.analysis.getLength();
  if (!region.states.empty() || !own || !exitAxes || length < 2 ||
      !isa<FloatType>(problem.elementType(value)) ||
      problem.elementType(value) != problem.elementType(region.exit) ||
      problem.analysis.getClass(value) != TokenClass::PerToken ||
      timeExtent(*own) != length || restExtents(*own) != restExtents(*exitAxes))
    return std::nullopt;
  auto view = View::merged(*own), exit = View::merged(*exitAxes);
  if (!view || !exit || view->getShape() != exit->getShape() ||
      view->getShape()[1] != length)
    return std::nullopt;
  ArrayRef<int64_t> shape = view->getShape();
  return Signal{{value, *view}, *exit, shape[0], length, shape[2]};
}

/// Whether some node sums along the whole sequence: an unrolled loop may answer
/// an impulse for ever, too, and is a recurrence.
static bool sumsAlongTime(const Problem &problem, const Cone &cone) {
  static const llvm::StringSet<> sums = {"DFT", "Conv", "MatMul", "Einsum",
                                         "Gemm"};
  return llvm::any_of(cone.nodes, [&](Operation *op) {
    auto node = dyn_cast<onnx::NodeOp>(op);
    return node && sums.contains(node.getOpType()) &&
           problem.analysis.mixesTime(op);
  });
}

/// What both proposers begin with.
static std::unique_ptr<LongConvMixer> makeMixer(const Problem &problem,
                                                const Signal &signal,
                                                const Response &response) {
  auto mixer = std::make_unique<LongConvMixer>();
  mixer->x = signal.x;
  mixer->exit = signal.exit;
  mixer->bias = response.bias(problem.elementType(signal.x.value));
  mixer->tolerance = problem.toleranceOfTables();
  mixer->spreads = mixer->tolerance > kMixerTolerance;
  return mixer;
}

void proposeImpulseConvs(const Problem &problem, MixerList &mixers) {
  const Region &region = problem.region;
  if (region.frontier.size() != 1)
    return;
  auto signal = asSignal(problem, region.frontier.front());
  auto cone = collectCone(problem.graph, region.exit, region.frontier);
  if (!signal || !cone || !sumsAlongTime(problem, *cone) ||
      !isAffine(*cone, region.frontier))
    return;
  auto response = Response::read(*signal, [&] { return Probe(problem); });
  if (!response)
    return;
  std::unique_ptr<LongConvMixer> mixer = makeMixer(problem, *signal, *response);
  Type type = problem.elementType(signal->x.value);
  double slack = mixer->tolerance * response->size();
  mixer->taps = response->taps(type, /*later=*/false, slack);
  if (response->looksAhead(slack)) {
    mixer->circular = response->isRing(slack);
    if (!mixer->circular)
      mixer->ahead = response->taps(type, /*later=*/true, slack);
  }
  int64_t width = mixer->taps.getShape()[0];
  int64_t later = mixer->ahead.isNull() ? 0 : mixer->ahead.getShape()[0];
  // A kernel as long as the sequence may go on.
  if (std::max(width, later + 1) >= signal->length && !mixer->circular)
    mixer->most = signal->length;
  if ((width < 2 && later == 0) ||
      (problem.analysis.hasFreeLength() && (mixer->most || mixer->circular)))
    return;
  mixers.push_back(std::move(mixer));
}

/// What a kernel is drawn as where it is probed, by lag and channel.
using Drawn = llvm::function_ref<double(int64_t b, int64_t lag, int64_t c)>;

/// Whether the region answers with the first `width` elements of a kernel.
static bool answersWith(const Response &response, int64_t width, double slack,
                        Drawn drawn) {
  for (int64_t b = 0; b < response.batch; ++b)
    for (int64_t lag = 0; lag < response.length; ++lag)
      for (int64_t c = 0; c < response.channels; ++c) {
        double expected = lag < width ? drawn(b, lag, c) : 0;
        if (!(std::fabs(response.tap(b, lag, c) - expected) <= slack))
          return false;
      }
  return true;
}

/// Adds `mixer` where the region answers with the kernel, in one of its senses.
static void addKernelConv(std::unique_ptr<LongConvMixer> mixer,
                          const Response &response, int64_t width, Drawn drawn,
                          MixerList &mixers) {
  double slack = mixer->tolerance * response.size();
  if (!answersWith(response, width, slack, drawn))
    return;
  if (response.looksAhead(slack)) {
    if (width > response.length || !response.isRing(slack))
      return;
    mixer->circular = true;
  }
  mixers.push_back(std::move(mixer));
}

/// The kernel is computed from data: one for each row of the batch.
static void proposeKernelOfData(const Problem &problem, const Signal &signal,
                                Value kernel, MixerList &mixers) {
  auto view = View::merged(*problem.analysis.getAxes(kernel));
  if (!view || view->getShape() != signal.x.view.getShape())
    return;
  Role k{kernel, *view};
  Random random(3);
  Tensor drawn =
      random.normals(problem.elementType(kernel), view->getShape(), 1);
  int64_t channels = signal.channels, length = signal.length;
  auto element = [&](int64_t b, int64_t lag, int64_t c) {
    return drawn.floats()[(b * length + lag) * channels + c];
  };
  auto response = Response::read(signal, [&] {
    Probe probe(problem);
    probe.set(k,
              [&](ArrayRef<int64_t> i) { return element(i[0], i[1], i[2]); });
    return probe;
  });
  if (!response)
    return;
  std::unique_ptr<LongConvMixer> mixer = makeMixer(problem, signal, *response);
  mixer->k = k;
  addKernelConv(std::move(mixer), *response, length, element, mixers);
}

/// The kernel is a table, or computed for every length.
static void proposeKernelTable(const Problem &problem, const Signal &signal,
                               Value table, MixerList &mixers) {
  const ValueAxes *axes = problem.analysis.getAxes(table);
  auto shape = problem.graph.getShape(table);
  if (!axes || !shape)
    return;
  Role k{table, View::identity(*axes)};
  Random random(3);
  Tensor drawn = random.normals(problem.elementType(table), *shape, 1);
  auto response = Response::read(signal, [&] {
    Probe probe(problem);
    int64_t next = 0; // in order
    probe.set(k, [&](ArrayRef<int64_t>) { return drawn.floats()[next++]; });
    return probe;
  });
  if (!response)
    return;
  SmallVector<int64_t> strides = rowMajorStrides(*shape);
  SmallVector<unsigned> sides;
  for (auto [axis, extent] : llvm::enumerate(*shape))
    if (extent != 1)
      sides.push_back(axis);
  if (sides.size() != 2)
    return;
  for (unsigned side : {0, 1})
    for (bool flipped : {false, true}) {
      unsigned time = sides[side], channel = sides[1 - side];
      int64_t width = (*shape)[time];
      if ((*shape)[channel] != signal.channels)
        continue;
      auto mixer = makeMixer(problem, signal, *response);
      mixer->k = k;
      mixer->layout = {time, channel, flipped};
      addKernelConv(
          std::move(mixer), *response, width,
          [&](int64_t b, int64_t lag, int64_t c) {
            int64_t at = flipped ? width - 1 - lag : lag;
            return drawn.floats()[at * strides[time] + c * strides[channel]];
          },
          mixers);
    }
}

void proposeKernelConvs(const Problem &problem, MixerList &mixers) {
  const Region &region = problem.region;
  if (region.frontier.size() != 2)
    return;
  Value first = region.frontier[0], second = region.frontier[1];
  if (!problem.graph.dependsOnInput(first))
    std::swap(first, second);
  auto cone = collectCone(problem.graph, region.exit, region.frontier);
  auto signal = asSignal(problem, first);
  if (!signal || !cone || !sumsAlongTime(problem, *cone) ||
      problem.elementType(first) != problem.elementType(second) ||
      !isAffine(*cone, first) || !isAffine(*cone, second))
    return;
  if (!problem.graph.dependsOnInput(second))
    proposeKernelTable(problem, *signal, second, mixers);
  else if (asSignal(problem, second))
    proposeKernelOfData(problem, *signal, second, mixers);
}

} // namespace ssmc
