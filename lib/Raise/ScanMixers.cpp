//===- ScanMixers.cpp - h = a h + u, with or without a read-out -----------===//

#include "lib/Raise/ScanMixers.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Raise/Probe.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

SmallVector<SmallVector<unsigned>> matchOrders(ArrayRef<int64_t> rest,
                                               ArrayRef<int64_t> target) {
  SmallVector<SmallVector<unsigned>> orders;
  if (rest.size() != target.size() || rest.size() > 4)
    return orders;
  SmallVector<unsigned> order;
  for (unsigned i = 0; i < rest.size(); ++i)
    order.push_back(i);
  do {
    bool fits = true;
    for (unsigned i = 0; i < order.size(); ++i)
      fits &= rest[order[i]] == target[i];
    if (fits)
      orders.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  return orders;
}

namespace {
/// The values of a region as a scan sees them.
struct Shapes {
  SmallVector<Value> tokens;
  Value initial;
  SmallVector<int64_t> exit; // rest extents
};
} // namespace

static std::optional<Shapes> readShapes(const Problem &problem,
                                        unsigned tokens) {
  std::optional<Frontier> frontier = problem.splitFrontier();
  if (!frontier || frontier->tokens.size() != tokens ||
      frontier->states.size() > 1)
    return std::nullopt;
  Shapes shapes;
  shapes.tokens = std::move(frontier->tokens);
  if (!frontier->states.empty())
    shapes.initial = frontier->states.front();
  shapes.exit = restExtents(*problem.analysis.getAxes(problem.region.exit));
  return shapes;
}

/// Every way to see `value` as `target`, whose last `states` digits are an axis
/// of their own and the others another.
static SmallVector<Role, 1> roles(const Problem &problem, Value value,
                                  ArrayRef<int64_t> target, unsigned states,
                                  bool hasTime) {
  SmallVector<Role, 1> found;
  const ValueAxes &axes = *problem.analysis.getAxes(value);
  SmallVector<unsigned> groups{unsigned(target.size()) - states};
  if (states)
    groups.push_back(states);
  for (ArrayRef<unsigned> order : matchOrders(restExtents(axes), target))
    if (auto view = View::make(axes, hasTime, order, groups))
      found.push_back({value, *view});
  return found;
}

/// ... and every way to see a decay, which may be the same for all states.
static SmallVector<Role, 1> decayRoles(const Problem &problem, Value value,
                                       ArrayRef<int64_t> target,
                                       unsigned states) {
  SmallVector<Role, 1> found = roles(problem, value, target, states, true);
  if (found.empty() && states)
    found = roles(problem, value, target.drop_back(states), 0, true);
  return found;
}

static void propose(const Problem &problem, const Shapes &shapes, Value a,
                    Value u, Value c, ArrayRef<int64_t> target, unsigned states,
                    MixerList &mixers) {
  const ValueAxes &exitAxes = *problem.analysis.getAxes(problem.region.exit);
  SmallVector<unsigned> groups{unsigned(shapes.exit.size())};
  if (!c && states)
    groups = {unsigned(shapes.exit.size()) - states, states};
  auto exit = View::make(exitAxes, true, {}, groups);
  if (!exit)
    return;
  SmallVector<std::optional<Role>, 1> reads, starts;
  if (c) {
    ArrayRef<int64_t> inner = target.take_back(states);
    const ValueAxes &axes = *problem.analysis.getAxes(c);
    if (restExtents(axes) == SmallVector<int64_t>(inner)) {
      if (auto view = View::make(axes, true, {}, {states}))
        reads.push_back(Role{c, *view});
    } else {
      llvm::append_range(reads, roles(problem, c, target, states, true));
    }
  } else {
    reads.push_back(std::nullopt);
  }
  if (shapes.initial)
    llvm::append_range(starts,
                       roles(problem, shapes.initial, target, states, false));
  else
    starts.push_back(std::nullopt);
  SmallVector<View, 1> finals;
  for (Value state : problem.region.states) {
    const ValueAxes *axes = problem.analysis.getAxes(state);
    if (!axes || timeExtent(*axes) != 1)
      return;
    SmallVector<Role, 1> ways = roles(problem, state, target, states, false);
    if (ways.empty())
      return;
    finals.push_back(ways.front().view);
  }
  SmallVector<Role, 1> decays = decayRoles(problem, a, target, states);
  SmallVector<Role, 1> drives = roles(problem, u, target, states, true);
  auto isLate = [&](bool reverse) {
    return !decays.empty() && !drives.empty() && !shapes.initial &&
           givesStateBefore(problem, *exit, reverse);
  };
  const bool late[] = {isLate(false), isLate(true)};
  for (const Role &roleA : decays)
    for (const Role &roleU : drives)
      for (const auto &read : reads)
        for (const auto &start : starts)
          for (unsigned variant = 0; variant < 4; ++variant) {
            bool reverse = variant & 1;
            auto mixer = std::make_unique<ScanMixer>();
            mixer->analysis = &problem.analysis;
            mixer->a = roleA;
            mixer->u = roleU;
            mixer->logarithmic = variant & 2;
            mixer->c = read;
            mixer->initial = start;
            mixer->exit = exit;
            mixer->states = finals;
            mixer->reverse = reverse;
            mixer->late = late[reverse];
            mixers.push_back(std::move(mixer));
          }
}

/// The constant that a scan starts from: its output where it neither decays
/// nor is driven.
static void readStart(const Problem &problem, ScanMixer &mixer) {
  constexpr double kNone = -1e4; // the logarithm of nothing
  auto rest = Probe(problem)
                  .set(*mixer.a, mixer.logarithmic ? 0 : 1)
                  .set(*mixer.u, mixer.logarithmicDrive ? kNone : 0)
                  .read(*mixer.exit);
  if (!rest ||
      !llvm::all_of(rest->floats(), [](double h) { return std::isfinite(h); }))
    return;
  const Tensor &h = *rest;
  int64_t batch = h.getShape()[0], time = h.getShape()[1];
  int64_t width = llvm::product_of(h.getShape().drop_front(2));
  SmallVector<int64_t> shape(h.getShape());
  shape.erase(shape.begin() + 1);
  Tensor start(h.getElementType(), shape);
  bool any = false;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < width; ++c) {
      int64_t t = mixer.reverse ? time - 1 : 0;
      double value = h.floats()[(b * time + t) * width + c];
      start.mutableFloats()[b * width + c] = value;
      any |= value != 0;
    }
  if (any)
    mixer.start = start;
}

/// Whether what a region gives is linear in exp(u): each further exp(u) adds
/// the same.
static bool addsExponentials(const Problem &problem, Value u) {
  const Problem::Example *example = problem.getExample();
  if (!example)
    return false;
  SmallVector<Tensor> given{example->results.front()};
  for (double factor : {2, 3}) {
    Assignment assignment = example->values;
    Tensor more = assignment[u];
    for (double &element : more.mutableFloats())
      element += std::log(factor);
    assignment[u] = more;
    FailureOr<SmallVector<Tensor>> now = problem.evaluate(assignment);
    if (failed(now) || !now->front().isFloat())
      return false;
    given.push_back(now->front());
  }
  double largest = 0, worst = 0;
  for (auto [one, two, three] : llvm::zip_equal(
           given[0].floats(), given[1].floats(), given[2].floats())) {
    largest = std::max(largest, std::fabs(two - one));
    worst = std::max(worst, std::fabs((three - two) - (two - one)));
  }
  return largest > 0 && worst <= kMixerTolerance * largest;
}

void proposeScans(const Problem &problem, MixerList &mixers) {
  auto shapes = readShapes(problem, 2);
  if (!shapes)
    return;
  size_t first = mixers.size();
  for (unsigned i : {0u, 1u}) {
    Value a = shapes->tokens[i], u = shapes->tokens[1 - i];
    // Digits that only the drive has are states.
    unsigned own = restExtents(*problem.analysis.getAxes(a)).size();
    unsigned states =
        own && own < shapes->exit.size() ? shapes->exit.size() - own : 0;
    size_t begin = mixers.size();
    propose(problem, *shapes, a, u, Value(), shapes->exit, states, mixers);
    if (mixers.size() > begin && addsExponentials(problem, u))
      for (const auto &mixer : MutableArrayRef(mixers).drop_front(begin))
        static_cast<ScanMixer &>(*mixer).logarithmicDrive = true;
  }
  for (size_t i = first; i < mixers.size() && !shapes->initial; ++i)
    readStart(problem, static_cast<ScanMixer &>(*mixers[i]));
}

/// What is left of impulses at the first and at the second token. The second
/// one says the decay, also where all later tokens are divided by numbers of
/// their own, which must then be those of an average.
static bool readImpulses(const Problem &problem, ScanMixer &mixer) {
  int64_t length = problem.analysis.getLength();
  int64_t width = shapeOf(*mixer.u)[2];
  auto place = [&](int64_t t) { return mixer.reverse ? length - 1 - t : t; };
  auto first = Probe(problem).setAt(*mixer.u, place(0), 1).read(*mixer.exit);
  auto second = Probe(problem).setAt(*mixer.u, place(1), 1).read(*mixer.exit);
  if (!first || !second)
    return false;
  Type element = problem.elementType(mixer.u->value);
  mixer.decay = Tensor(element, {width});
  Tensor gain(element, {width});
  bool scales = false;
  for (int64_t c = 0; c < width; ++c) {
    auto left = [&](const Tensor &h, int64_t t) {
      return h.floats()[place(t + mixer.late) * width + c];
    };
    double start = left(*first, 0);
    if (start == 0 || left(*first, 1) == 0 || left(*second, 1) == 0)
      return false;
    // As many tokens later as enough is left: a table is rounded.
    double decay = left(*first, 1) / left(*second, 1);
    bool averages = std::abs(left(*second, 1) / start - 1) > 1e-6;
    for (int64_t lag = 2; lag + mixer.late < length && !averages; ++lag) {
      double ratio = left(*first, lag) / start;
      if (!(ratio > 1e-2))
        break;
      decay = std::pow(ratio, 1.0 / lag);
    }
    if (averages && mixer.late)
      return false;
    mixer.averages |= averages;
    mixer.decay.mutableFloats()[c] = decay;
    gain.mutableFloats()[c] = start;
    scales |= std::abs(start - 1) > 1e-12;
  }
  if (scales)
    mixer.gain = gain;
  mixer.tolerance = problem.toleranceOfTables();
  return true;
}

/// The decay is what is left of an impulse one token later.
void proposeConstantScans(const Problem &problem, MixerList &mixers) {
  auto shapes = readShapes(problem, 1);
  int64_t length = problem.analysis.getLength();
  if (!shapes || shapes->initial || !problem.region.states.empty() ||
      length < 4)
    return;
  Value u = shapes->tokens.front();
  auto exit = View::merged(*problem.analysis.getAxes(problem.region.exit));
  if (!exit)
    return;
  for (const Role &role : roles(problem, u, shapes->exit, 0, true))
    for (bool reverse : {false, true}) {
      auto mixer = std::make_unique<ScanMixer>();
      mixer->analysis = &problem.analysis;
      mixer->u = role;
      mixer->exit = exit;
      mixer->reverse = reverse;
      mixer->late = givesStateBefore(problem, *exit, reverse);
      if (!readImpulses(problem, *mixer))
        continue;
      mixers.push_back(std::move(mixer));
    }
}

void proposeReadoutScans(const Problem &problem, MixerList &mixers) {
  auto shapes = readShapes(problem, 3);
  if (!shapes)
    return;
  SmallVector<unsigned> order{0, 1, 2};
  do {
    Value a = shapes->tokens[order[0]], u = shapes->tokens[order[1]];
    // The read-out sums over the digits that the exit has lost.
    SmallVector<int64_t> target = shapes->exit;
    SmallVector<int64_t> left = restExtents(*problem.analysis.getAxes(u));
    for (int64_t extent : shapes->exit) {
      auto it = llvm::find(left, extent);
      if (it == left.end())
        break;
      left.erase(it);
    }
    if (left.size() != 1)
      continue;
    target.push_back(left.front());
    propose(problem, *shapes, a, u, shapes->tokens[order[2]], target, 1,
            mixers);
  } while (std::next_permutation(order.begin(), order.end()));
}

SmallVector<Role *> ScanMixer::getRoles() {
  SmallVector<Role *> all{&*u};
  for (auto *role : {&a, &c, &initial})
    if (*role)
      all.push_back(&**role);
  return all;
}

/// `value` repeated to the extents of the drive. That is a Where that never
/// takes the drive: a node whose extents are those of the drive at every
/// length.
static Value repeatLike(GraphWriter &writer, Value drive, Value value) {
  OpBuilder &builder = writer.builder;
  auto flag = RankedTensorType::get({1}, builder.getI1Type());
  Value never = onnx::ConstantOp::create(builder, writer.loc,
                                         DenseElementsAttr::get(flag, false));
  return writer.node("Where", {never, drive, value}, drive.getType());
}

/// The decays in the layout of the drive, which they may have to be repeated
/// to.
FailureOr<Value> ScanMixer::emitDecay(GraphWriter &writer, Value drive) const {
  auto type = cast<RankedTensorType>(drive.getType());
  Value value;
  if (a) {
    FailureOr<Value> own = writer.apply(a->view, a->value);
    if (succeeded(own) && logarithmic)
      own = writer.node("Exp", *own, own->getType());
    if (failed(own) || a->view.getShape().size() == u->view.getShape().size())
      return own;
    SmallVector<AffineExpr> extents = writer.extents(a->view);
    extents.push_back(writer.fixed(1));
    value = writer.resize("Unsqueeze", *own, extents.size() - 1,
                          writer.type(extents, type.getElementType()));
  } else {
    value = writer.constant(decay, type.getElementType());
  }
  return repeatLike(writer, drive, value);
}

FailureOr<SmallVector<Value>> ScanMixer::emit(GraphWriter &writer) const {
  FailureOr<Value> drive = writer.apply(u->view, u->value);
  if (succeeded(drive) && logarithmicDrive)
    drive = writer.node("Exp", *drive, drive->getType());
  if (failed(drive))
    return failure();
  FailureOr<Value> decay = emitDecay(writer, *drive);
  if (failed(decay))
    return failure();
  OpBuilder &builder = writer.builder;
  Type element = cast<ShapedType>(drive->getType()).getElementType();
  SmallVector<AffineExpr> extents = writer.extents(u->view);
  RankedTensorType type = writer.type(extents, element);
  SmallVector<AffineExpr> stateExtents = extents;
  stateExtents.erase(stateExtents.begin() + 1);
  if (!gain.isNull())
    drive = writer.node("Mul", {*drive, writer.constant(gain, element)}, type);
  RankedTensorType stateType = writer.type(stateExtents, element);
  // A constant state is that of the batch it was written for.
  FailureOr<Value> before = failure();
  if (initial)
    before = writer.apply(initial->view, initial->value);
  else if (start.isNull())
    before = writer.zeros(stateType);
  else if (stateType.hasStaticShape())
    before = writer.constant(start, element);
  Value destination = writer.empty(type);
  if (failed(before) || !*before || !destination)
    return failure();
  auto scanOf = [&](Value driven) {
    return ssm::ScanOp::create(builder, writer.loc, TypeRange{type, stateType},
                               *decay, driven, destination, *before,
                               builder.getI64IntegerAttr(1),
                               reverse ? builder.getUnitAttr() : UnitAttr());
  };
  auto scan = scanOf(*drive);
  Value y = scan->getResult(0);
  if (late)
    y = writer.nextToken(y, reverse);
  if (averages) {
    Tensor one(element, {1});
    one.mutableFloats()[0] = 1;
    Value ones = repeatLike(writer, *drive, writer.constant(one, element));
    y = writer.node("Div", {y, scanOf(ones)->getResult(0)}, type);
  }
  if (c) {
    FailureOr<Value> readOut = writer.apply(c->view, c->value);
    if (failed(readOut))
      return failure();
    Value factor = *readOut;
    if (c->view.getShape().size() == 3) {
      SmallVector<AffineExpr> wide = writer.extents(c->view);
      wide.insert(wide.begin() + 2, writer.fixed(1));
      factor = writer.node("Unsqueeze", {factor, writer.ints({2})},
                           writer.type(wide, element));
    }
    y = writer.node("Mul", {y, factor}, type);
    SmallVector<AffineExpr> narrow(extents.begin(), extents.end() - 1);
    y = writer.node(
        "ReduceSum", {y, writer.ints({3})}, writer.type(narrow, element),
        builder.getNamedAttr("keepdims", builder.getI64IntegerAttr(0)));
  }
  return writer.leave(*exit, y, states, scan->getResult(1));
}

} // namespace ssmc
