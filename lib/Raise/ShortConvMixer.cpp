//===- ShortConvMixer.cpp - causal depthwise convolution ------------------===//
//
// Any region of one frontier value, linear in it, may be a short convolution:
// a Conv with padding and trim, or shifted copies times constants. An impulse
// in every channel at once gives the kernel: each channel shows its own. That
// the region does nothing else is then shown on random values.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Raise/Affine.h"
#include "lib/Raise/Probe.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace ssmc {

namespace {
/// A kernel this wide or wider is not short.
constexpr int64_t kWidest = 16;

class ShortConvMixer : public Mixer {
public:
  StringRef getName() const override { return "ssm.short_conv"; }
  FailureOr<SmallVector<Value>> emit(GraphWriter &writer) const override;
  std::unique_ptr<Mixer> clone() const override {
    return std::make_unique<ShortConvMixer>(*this);
  }
  std::unique_ptr<Mixer> combine(const Problem &problem,
                                 Region &region) override;
  void listAssumptions(SmallVectorImpl<std::string> &list) const override {
    list.push_back("no tap reaches further back than the traced length");
  }
  SmallVector<Role *> getRoles() override {
    SmallVector<Role *> roles{&*x};
    if (initial)
      roles.push_back(&*initial);
    return roles;
  }

  const AxisAnalysis *analysis = nullptr;
  std::optional<Role> x;
  std::optional<View> exit;
  /// The tokens before the first one, and the last ones: [batch, lag, channel].
  std::optional<Role> initial;
  SmallVector<View, 1> states;
  Tensor weight, bias; // [channel, width]; [channel] or null
  int64_t dilation = 1;
  bool reverse = false, activated = false;
};
} // namespace

/// `value` as some tokens of each channel: [batch, lag, channel].
static std::optional<View> asLags(const Problem &problem, Value value,
                                  int64_t lags, int64_t channels) {
  const ValueAxes *known = problem.analysis.getAxes(value);
  if (!known || !isa<FloatType>(problem.elementType(value)))
    return std::nullopt;
  ValueAxes axes = *known;
  for (Digits &axis : axes)
    for (Digit &digit : axis)
      if (digit.kind == AxisKind::Time)
        digit.kind = AxisKind::Other;
  if (restExtents(axes).size() != 2)
    return std::nullopt;
  for (SmallVector<unsigned> order :
       {SmallVector<unsigned>{1, 0}, SmallVector<unsigned>{0, 1}})
    if (auto view = View::make(axes, /*hasTime=*/false, order);
        view &&
        view->getShape().drop_front() == ArrayRef<int64_t>({lags, channels}))
      return view;
  return std::nullopt;
}

void proposeShortConvs(const Problem &problem, MixerList &mixers) {
  const Region &region = problem.region;
  auto isToken = [&](Value value) {
    return problem.analysis.getClass(value) == TokenClass::PerToken;
  };
  if (region.frontier.empty() || region.frontier.size() > 2 ||
      region.states.size() > 1 || llvm::count_if(region.frontier, isToken) != 1)
    return;
  Value input = *llvm::find_if(region.frontier, isToken), before;
  if (region.frontier.size() > 1)
    before = region.frontier[region.frontier.front() == input];
  const ValueAxes *inputAxes = problem.analysis.getAxes(input);
  const ValueAxes *exitAxes = problem.analysis.getAxes(region.exit);
  int64_t length = problem.analysis.getLength();
  if (!isa<FloatType>(problem.elementType(input)) || length < 2 ||
      timeExtent(*inputAxes) != length)
    return;
  std::optional<Cone> cone =
      collectCone(problem.graph, region.exit, region.frontier);
  if (!cone || !isAffine(*cone, region.frontier))
    return;
  if (restExtents(*inputAxes) != restExtents(*exitAxes))
    return;
  auto view = View::merged(*inputAxes);
  auto exit = View::merged(*exitAxes);
  if (!view || !exit || view->getShape() != exit->getShape())
    return;

  Type type = problem.elementType(input);
  int64_t channels = view->getShape()[2];
  Role x{input, *view};
  // Whatever its layout is, at rest it is zero.
  std::optional<Role> rest;
  if (before) {
    if (!problem.analysis.getAxes(before) ||
        !isa<FloatType>(problem.elementType(before)))
      return;
    rest = Role{before, View::identity(*problem.analysis.getAxes(before))};
  }
  auto probe = [&] {
    Probe probe(problem);
    if (rest)
      probe.set(*rest, 0);
    return probe;
  };
  std::optional<Tensor> still = probe().set(x, 0).read(*exit);
  if (!still)
    return;
  for (bool reverse : {false, true}) {
    int64_t at = reverse ? length - 1 : 0;
    std::optional<Tensor> struck = probe().setAt(x, at, 1).read(*exit);
    if (!struck)
      return;
    // Lags at which any channel answers.
    auto tap = [&](int64_t lag, int64_t c) {
      int64_t i = (reverse ? at - lag : at + lag) * channels + c;
      return struck->floats()[i] - still->floats()[i];
    };
    int64_t last = -1, spacing = 0;
    for (int64_t lag = 0; lag < length; ++lag)
      for (int64_t c = 0; c < channels; ++c)
        if (tap(lag, c) != 0) {
          last = lag;
          spacing = std::gcd(spacing, lag);
          break;
        }
    if (last < 1)
      continue;
    int64_t width = last / spacing + 1;
    if (last + 1 >= length || width > kWidest)
      continue;
    auto mixer = std::make_unique<ShortConvMixer>();
    mixer->analysis = &problem.analysis;
    mixer->x = x;
    mixer->exit = exit;
    mixer->reverse = reverse;
    mixer->dilation = spacing;
    mixer->weight = Tensor(type, {channels, width});
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t j = 0; j < width; ++j)
        mixer->weight.mutableFloats()[c * width + width - 1 - j] =
            tap(j * spacing, c);
    Tensor bias(type, {channels});
    bool biased = false;
    for (int64_t c = 0; c < channels; ++c) {
      bias.mutableFloats()[c] = still->floats()[c];
      biased |= bias.floats()[c] != 0;
    }
    if (biased)
      mixer->bias = bias;
    int64_t lags = (width - 1) * spacing;
    if (before) {
      auto start = asLags(problem, before, lags, channels);
      if (!start)
        return;
      mixer->initial = Role{before, *start};
    }
    for (Value state : region.states) {
      auto end = asLags(problem, state, lags, channels);
      if (!end)
        return;
      mixer->states.push_back(*end);
    }
    mixers.push_back(std::move(mixer));
    return;
  }
}

FailureOr<SmallVector<Value>> ShortConvMixer::emit(GraphWriter &writer) const {
  FailureOr<Value> input = writer.apply(x->view, x->value);
  if (failed(input))
    return failure();
  OpBuilder &builder = writer.builder;
  Type element = cast<ShapedType>(input->getType()).getElementType();
  Value w = writer.constant(weight, element), b;
  if (!bias.isNull())
    b = writer.constant(bias, element);
  SmallVector<AffineExpr> extents = writer.extents(x->view);
  RankedTensorType type = writer.type(extents, element);
  RankedTensorType stateType = writer.type(
      {extents[0], writer.fixed((weight.getShape()[1] - 1) * dilation),
       extents[2]},
      element);
  FailureOr<Value> start = initial ? writer.apply(initial->view, initial->value)
                                   : FailureOr<Value>(writer.zeros(stateType));
  Value destination = writer.empty(type);
  if (failed(start) || !*start || !destination)
    return failure();
  auto conv = ssm::ShortConvOp::create(
      builder, writer.loc, TypeRange{type, stateType}, *input, w, b,
      /*resets=*/Value(), destination, *start,
      ssm::ActivationAttr::get(builder.getContext(),
                               activated ? ssm::Activation::Silu
                                         : ssm::Activation::None),
      builder.getI64IntegerAttr(dilation),
      reverse ? builder.getUnitAttr() : UnitAttr());
  return writer.leave(*exit, conv->getResult(0), states, conv->getResult(1));
}

/// Takes in a bias and the activation that follow.
std::unique_ptr<Mixer> ShortConvMixer::combine(const Problem &problem,
                                               Region &region) {
  std::unique_ptr<ShortConvMixer> best;
  Type type = problem.elementType(region.exit);
  Value from = region.exit, last = region.exit;
  int64_t channels = exit->getShape()[2];
  SmallVector<Value> others;
  while (Value next = problem.finder.nextExit(last, others)) {
    last = next;
    const ValueAxes *axes = problem.analysis.getAxes(next);
    if (!others.empty() || !axes || !isa<FloatType>(problem.elementType(next)))
      break;
    auto view = View::merged(*axes);
    if (!view || view->getShape() != exit->getShape())
      break;
    // A map from token to token: three tokens show it, where it has no constant
    // of the sequence's length.
    std::optional<View> source, target;
    auto run = [&](const Tensor &v) -> std::optional<Tensor> {
      Assignment assignment;
      assignment[from] = source->invert(v);
      FailureOr<SmallVector<Tensor>> y = problem.evaluate({next}, assignment);
      if (failed(y))
        return std::nullopt;
      return target->tryApply(y->front());
    };
    std::optional<Tensor> still;
    for (bool shorter : {true, false}) {
      int64_t time = shorter ? 3 : problem.analysis.getLength();
      source =
          shorter ? exit->resized(problem.analysis.getBatch(), time) : exit;
      target =
          shorter ? view->resized(problem.analysis.getBatch(), time) : view;
      if (source && target)
        still = run(Tensor(type, source->getShape()));
      if (still)
        break;
    }
    if (!still)
      break;
    // Either a bias is added, or the activation applied, over the one so far.
    Tensor added = best && !best->bias.isNull() ? best->bias : bias;
    for (bool silus : {false, true}) {
      auto trial = std::make_unique<ShortConvMixer>(*this);
      if (best)
        *trial = *best;
      trial->exit = view;
      Tensor shift(type, {channels});
      for (int64_t c = 0; c < channels; ++c) {
        double base = bias.isNull() ? 0 : bias.floats()[c];
        shift.mutableFloats()[c] =
            silus ? (added.isNull() ? 0 : added.floats()[c]) - base
                  : still->floats()[c];
      }
      bool right = true;
      for (uint64_t seed : {1, 2, 3}) {
        Random random(seed);
        Tensor v = random.normals(type, source->getShape(), seed == 3 ? 20 : 1);
        std::optional<Tensor> y = run(v);
        if (!y) {
          right = false;
          break;
        }
        Tensor expected(type, v.getShape());
        for (int64_t i = 0, e = v.getNumElements(); i < e; ++i) {
          double value = v.floats()[i] + shift.floats()[i % channels];
          expected.mutableFloats()[i] = silus ? silu(value) : value;
        }
        right &= deviation(*y, expected) <= 1e-9;
        if (!right)
          break;
      }
      if (!right)
        continue;
      trial->activated = silus;
      Tensor total(type, {channels});
      bool any = false;
      for (int64_t c = 0; c < channels; ++c) {
        double base = bias.isNull() ? 0 : bias.floats()[c];
        total.mutableFloats()[c] = base + shift.floats()[c];
        any |= total.floats()[c] != 0;
      }
      trial->bias = any ? total : Tensor();
      best = std::move(trial);
      region.exit = next;
      break;
    }
  }
  return best;
}

} // namespace ssmc
