//===- CombineScan.cpp - pulls Mamba's parts back into its scan -----------===//
//
// A scan h = a h + u, y = sum_n c h was recognised. Where a = exp(delta A) and
// u = delta B x, the discretisation belongs to it, and so do a skip D x and a
// gate silu(z) behind it. How these are spelled is not looked at: the nodes in
// front of a and u are taken in until what they are computed from has no axis
// of states left, then the two functions are compared with what they should
// be; A and D are read off their values. Each piece is a map from token to
// token, so it is compared on a sequence of three where its nodes allow that.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/ScanMixers.h"

#include <cmath>
#include <deque>

using namespace mlir;

namespace ssmc {

namespace {
constexpr double kTolerance = 1e-9;

int64_t product(ArrayRef<int64_t> extents) {
  int64_t result = 1;
  for (int64_t extent : extents)
    result *= extent;
  return result;
}

/// What a comparison showed. Where a piece cannot be computed at a length of
/// three, it is tried at the traced one.
enum class Answer { Unknown, Wrong, Right };

/// Pieces of a graph that map tokens to tokens, evaluated in mixer layouts.
class Pieces {
public:
  Pieces(const Problem &problem, int64_t channels)
      : problem(problem), channels(channels) {}

  /// [batch, time, rest] for a value whose rest digits are one axis.
  std::optional<Role> flat(Value value) const {
    const ValueAxes *axes = problem.analysis.getAxes(value);
    if (!axes || problem.analysis.getClass(value) != TokenClass::PerToken ||
        timeExtent(*axes) != problem.analysis.getLength() ||
        !isa<FloatType>(problem.elementType(value)))
      return std::nullopt;
    auto view = View::make(*axes, true, {}, {unsigned(restExtents(*axes).size())});
    if (!view)
      return std::nullopt;
    return Role{value, *view};
  }
  int64_t width(Value value) const {
    const ValueAxes *axes = problem.analysis.getAxes(value);
    return axes ? product(restExtents(*axes)) : 0;
  }

  /// Computes `roots` from roles given in layout; `shape` makes the layout of
  /// a role at the length in use. First at three tokens, then as traced.
  using Inputs = SmallVector<std::pair<const Role *, Tensor>>;
  FailureOr<SmallVector<Tensor>> run(ArrayRef<const Role *> roots,
                                     const Inputs &inputs,
                                     int64_t time) const {
    Assignment assignment;
    int64_t batch = problem.analysis.getBatch();
    for (const auto &[role, tensor] : inputs) {
      auto view = role->view.resized(batch, time);
      if (time == problem.analysis.getLength())
        view = role->view;
      if (!view || product(view->getShape()) != tensor.getNumElements())
        return failure();
      assignment[role->value] = view->invert(tensor);
    }
    SmallVector<Value> values;
    for (const Role *root : roots)
      values.push_back(root->value);
    FailureOr<SmallVector<Tensor>> results =
        problem.evaluate(values, assignment);
    if (failed(results))
      return failure();
    for (auto [root, result] : llvm::zip(roots, *results)) {
      auto view = root->view.resized(batch, time);
      if (time == problem.analysis.getLength())
        view = root->view;
      if (!view ||
          result.getShape() != ArrayRef<int64_t>(view->valueShape()) ||
          !result.isFloat())
        return failure();
      result = view->apply(result);
    }
    return results;
  }
  SmallVector<int64_t> shape(const Role &role, int64_t time) const {
    SmallVector<int64_t> shape(role.view.getShape());
    shape[1] = time;
    return shape;
  }
  SmallVector<int64_t> lengths() const {
    SmallVector<int64_t> all{problem.analysis.getLength()};
    if (all.front() > 3)
      all.insert(all.begin(), 3);
    return all;
  }

  bool holds(llvm::function_ref<Answer(int64_t)> compare) const {
    for (int64_t time : lengths())
      if (Answer answer = compare(time); answer != Answer::Unknown)
        return answer == Answer::Right;
    return false;
  }

  const Problem &problem;
  int64_t channels;
};

/// exp(delta A) and delta B x.
class Discretisation {
public:
  Discretisation(const Pieces &pieces, const Role &a, const Role &u,
                 int64_t states)
      : pieces(pieces), problem(pieces.problem), a(a), u(u), states(states) {}

  bool find(SmallVector<Value> frontier);

  std::optional<Role> x, delta, B;
  Tensor A;

private:
  bool tryFrontier(ArrayRef<Value> frontier);
  Answer check(int64_t time);
  Answer readA(int64_t time);

  const Pieces &pieces;
  const Problem &problem;
  const Role &a, &u;
  int64_t states;
};

/// `narrow` with every element repeated for all states, in the shape of `wide`.
static Tensor repeat(const Tensor &narrow, const Tensor &wide) {
  int64_t times = wide.getNumElements() / narrow.getNumElements();
  if (times == 1)
    return narrow;
  Tensor result(narrow.getElementType(), wide.getShape());
  int64_t i = 0;
  for (double &value : result.mutableFloats())
    value = narrow.floats()[i++ / times];
  return result;
}

/// A at one token: the exponent where delta is one. Taken from in front of the
/// exponential where that is the last node, else as a logarithm.
Answer Discretisation::readA(int64_t time) {
  Tensor ones(problem.elementType(delta->value), pieces.shape(*delta, time));
  for (double &value : ones.mutableFloats())
    value = 1;
  Role source = a;
  bool isLog = true;
  auto node = a.value.getDefiningOp<onnx::NodeOp>();
  if (node && node.getDomain().empty() && node.getOpType() == "Exp" &&
      node.hasInput(0)) {
    source.value = node.getInputs()[0];
    isLog = false;
  }
  FailureOr<SmallVector<Tensor>> result =
      pieces.run({&source}, {{&*delta, ones}}, time);
  if (failed(result))
    return Answer::Unknown;
  const Tensor &exponent = result->front();
  A = Tensor(exponent.getElementType(), {pieces.channels, states});
  auto values = A.mutableFloats();
  // One for all states where the decay has no axis of them.
  int64_t times =
      A.getNumElements() / product(source.view.getShape().drop_front(2));
  for (int64_t i = 0, e = A.getNumElements(); i < e; ++i) {
    double value = exponent.floats()[i / times];
    values[i] = isLog ? std::log(value) : value;
  }
  bool finite =
      llvm::all_of(A.floats(), [](double v) { return std::isfinite(v); });
  return finite ? Answer::Right : Answer::Wrong;
}

Answer Discretisation::check(int64_t time) {
  for (uint64_t seed : {1, 2, 3}) {
    Random random(seed);
    // Steps around one half, then from tiny to large.
    Tensor steps = seed == 1 ? random.normals(problem.elementType(delta->value),
                                              pieces.shape(*delta, time), 0.5)
                             : random.uniforms(
                                   problem.elementType(delta->value),
                                   pieces.shape(*delta, time), 0,
                                   seed == 2 ? 0.01 : 20);
    Tensor xs = random.normals(problem.elementType(x->value),
                               pieces.shape(*x, time), 1);
    Tensor bs = random.normals(problem.elementType(B->value),
                               pieces.shape(*B, time), 1);
    FailureOr<SmallVector<Tensor>> result = pieces.run(
        {&a, &u}, {{&*delta, steps}, {&*x, xs}, {&*B, bs}}, time);
    if (failed(result))
      return Answer::Unknown;
    Tensor decay(steps.getElementType(), (*result)[1].getShape());
    Tensor drive(steps.getElementType(), (*result)[1].getShape());
    auto decays = decay.mutableFloats(), drives = drive.mutableFloats();
    auto ds = steps.floats(), vs = xs.floats(), ws = bs.floats();
    int64_t rows = steps.getNumElements() / pieces.channels, at = 0;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t d = 0; d < pieces.channels; ++d)
        for (int64_t n = 0; n < states; ++n, ++at) {
          double dt = ds[r * pieces.channels + d];
          decays[at] = std::exp(dt * A.floats()[d * states + n]);
          drives[at] = dt * ws[r * states + n] * vs[r * pieces.channels + d];
        }
    if (!(deviation(repeat((*result)[0], decay), decay) <= kTolerance) ||
        !(deviation((*result)[1], drive) <= kTolerance))
      return Answer::Wrong;
  }
  return Answer::Right;
}

bool Discretisation::tryFrontier(ArrayRef<Value> frontier) {
  if (frontier.size() != 3)
    return false;
  // a depends on delta alone.
  delta.reset();
  for (Value value : frontier)
    if (collectCone(problem.graph, a.value, value, 64)) {
      if (delta)
        return false;
      delta = pieces.flat(value);
      if (!delta)
        return false;
    }
  if (!delta || pieces.width(delta->value) != pieces.channels)
    return false;
  SmallVector<Value> others;
  for (Value value : frontier)
    if (value != delta->value)
      others.push_back(value);
  for (unsigned i : {0u, 1u}) {
    x = pieces.flat(others[i]);
    B = pieces.flat(others[1 - i]);
    if (!x || !B || pieces.width(x->value) != pieces.channels ||
        pieces.width(B->value) != states)
      continue;
    if (pieces.holds([&](int64_t time) {
          Answer read = readA(time);
          return read == Answer::Right ? check(time) : read;
        }))
      return true;
  }
  return false;
}

bool Discretisation::find(SmallVector<Value> frontier) {
  // What still has an axis of channels and one of states is taken in.
  for (unsigned i = 0; i < 64; ++i) {
    auto wide = llvm::find_if(frontier, [&](Value value) {
      return pieces.width(value) > std::max(pieces.channels, states);
    });
    if (wide == frontier.end())
      break;
    if (!problem.finder.expand(frontier, Value(*wide)))
      return false;
  }
  // A decay without the axis of states is a function of delta somewhere in
  // front of it.
  SmallVector<Value> narrow = frontier;
  Value value = a.value;
  for (unsigned i = 0; i < 8 && llvm::is_contained(narrow, value); ++i) {
    SmallVector<Value> next = narrow;
    problem.finder.mergeViews(next);
    if (tryFrontier(next))
      return true;
    Value source;
    for (Value operand : value.getDefiningOp()
                             ? value.getDefiningOp()->getOperands()
                             : ValueRange())
      if (problem.graph.dependsOnInput(operand))
        source = operand;
    if (!source || !problem.finder.expand(narrow, value))
      break;
    value = source;
  }
  // delta x may have been multiplied out in front: take in more, one value at
  // a time, the nearest first.
  std::deque<SmallVector<Value>> queue{frontier};
  for (unsigned i = 0; i < 24 && !queue.empty(); ++i) {
    SmallVector<Value> next = queue.front();
    queue.pop_front();
    problem.finder.mergeViews(next);
    if (tryFrontier(next))
      return true;
    for (Value value : next) {
      SmallVector<Value> more = next;
      if (problem.finder.expand(more, value) && more.size() <= 5)
        queue.push_back(more);
    }
  }
  return false;
}

/// (y + D x) silu(z), from the scan's y up to some later value.
class Epilogue {
public:
  /// `xs` are views of x, any of which the skip may read.
  Epilogue(const Pieces &pieces, const Role &y, ArrayRef<Role> xs)
      : pieces(pieces), problem(pieces.problem), xs(xs), y(y), x(xs.front()) {}

  bool find(Value exit, ArrayRef<Value> others);

  std::optional<Role> exit, z;
  Tensor D;
  const Role &getX() const { return x; }

private:
  bool findGate(ArrayRef<Value> others);
  Answer check(int64_t time);

  const Pieces &pieces;
  const Problem &problem;
  ArrayRef<Role> xs;
  Role y, x;
};

Answer Epilogue::check(int64_t time) {
  Type type = problem.elementType(y.value);
  auto run = [&](const Tensor &ys, const Tensor &xs, const Tensor &zs) {
    Pieces::Inputs inputs{{&y, ys}, {&x, xs}};
    if (z)
      inputs.push_back({&*z, zs});
    return pieces.run({&*exit}, inputs, time);
  };
  SmallVector<int64_t> shape = pieces.shape(y, time);
  auto filled = [&](double value) {
    Tensor tensor(type, shape);
    for (double &element : tensor.mutableFloats())
      element = value;
    return tensor;
  };
  FailureOr<SmallVector<Tensor>> skip = run(filled(0), filled(1), filled(1));
  if (failed(skip))
    return Answer::Unknown;
  D = Tensor(type, {pieces.channels});
  bool none = true;
  for (int64_t d = 0; d < pieces.channels; ++d) {
    double value = skip->front().floats()[d] / (z ? silu(1) : 1);
    if (!std::isfinite(value))
      return Answer::Wrong;
    D.mutableFloats()[d] = value;
    none &= value == 0;
  }
  for (uint64_t seed : {1, 2}) {
    Random random(seed);
    double scale = seed == 1 ? 1 : 20;
    Tensor ys = random.normals(type, shape, 1);
    Tensor xs = random.normals(type, shape, 1);
    Tensor zs = random.normals(type, shape, scale);
    FailureOr<SmallVector<Tensor>> result = run(ys, xs, zs);
    if (failed(result))
      return Answer::Unknown;
    Tensor expected(type, shape);
    auto values = expected.mutableFloats();
    for (int64_t i = 0, e = expected.getNumElements(); i < e; ++i)
      values[i] = (ys.floats()[i] +
                   D.floats()[i % pieces.channels] * xs.floats()[i]) *
                  (z ? silu(zs.floats()[i]) : 1);
    if (!(deviation(result->front(), expected) <= kTolerance))
      return Answer::Wrong;
  }
  if (none)
    D = Tensor();
  return Answer::Right;
}

bool Epilogue::find(Value exitValue, ArrayRef<Value> others) {
  exit = pieces.flat(exitValue);
  if (!exit || pieces.width(exitValue) != pieces.channels)
    return false;
  for (const Role &source : xs) {
    x = source;
    if (findGate(others))
      return true;
  }
  return false;
}

bool Epilogue::findGate(ArrayRef<Value> others) {
  // What x determines is the skip.
  SmallVector<Value> frontier;
  for (Value value : others) {
    auto cone = collectCone(problem.graph, value, x.value, 32);
    if (!cone || !llvm::all_of(cone->nodes, [&](Operation *op) {
          return problem.finder.isTransparent(op);
        }))
      frontier.push_back(value);
  }
  auto fits = [&] {
    return pieces.holds([&](int64_t time) { return check(time); });
  };
  z.reset();
  if (frontier.empty())
    return fits();
  // The gate is a function of one value somewhere in front of what is read.
  for (unsigned i = 0; i < 16; ++i) {
    sortByDefinition(problem.graph, frontier);
    if (frontier.size() == 1) {
      z = pieces.flat(frontier.front());
      if (z && pieces.width(z->value) == pieces.channels && fits())
        return true;
    }
    if (frontier.empty() ||
        !problem.finder.expand(frontier, Value(frontier.back())))
      return false;
  }
  return false;
}
} // namespace

std::unique_ptr<Mixer> ScanMixer::combine(const Problem &problem,
                                          Region &region) {
  if (!a || !c || c->view.getShape().size() != 3)
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
