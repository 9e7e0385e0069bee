//===- Recurrent.cpp - RNN, GRU and LSTM ----------------------------------===//
//
// Every direction is an ssm.recurrence whose step is the formula of the cell
// (RecurrentCell.h): lowered, the time of sequences stays where it stands, and
// backwards is a flag of the op. Where rows have lengths of their own, a step
// beyond the length of a row leaves its states as they are and gives zeros, in
// either direction.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/RecurrentCell.h"
#include "lib/Operators/ShapeArithmetic.h"
#include "lib/Operators/WeightParts.h"

using namespace mlir;
using namespace ssmc;

namespace {
enum Input { X, W, R, Bias, Lengths, InitialH, InitialC, Peepholes };
enum Output { Y, LastH, LastC };
} // namespace

static std::optional<int64_t> constantAt(const ValueShape &shape, unsigned d) {
  return d < shape.dims.size() ? asConstant(shape.dims[d]) : std::nullopt;
}

/// What is wrong with a length of a row, where something is.
static std::optional<std::string> checkLength(int64_t given,
                                              std::optional<int64_t> length) {
  if (given >= 0 && (!length || given <= *length))
    return std::nullopt;
  return "has a sequence length of " + std::to_string(given) +
         ", which is not among 0 to " +
         (length ? std::to_string(*length) : std::string("the extent of X"));
}

static LogicalResult inferRecurrent(InferContext &ctx) {
  RecurrentCell cell;
  if (auto message = readCell(ctx.node, cell))
    return ctx.error(*message);
  const ValueShape &x = ctx.input(X), &r = ctx.input(R);
  if (x.dims.size() != 3 || ctx.input(W).dims.size() != 3 || r.dims.size() != 3)
    return ctx.error("X, W and R must have 3 dimensions, not " +
                     describeDims(x.dims) + ", " +
                     describeDims(ctx.input(W).dims) + " and " +
                     describeDims(r.dims));
  auto hidden = constantAt(r, 2);
  int64_t stated = ctx.node.getInt("hidden_size", hidden.value_or(0));
  if (stated <= 0 || (hidden && *hidden != stated) || stated > (1 << 24))
    return ctx.error("the hidden size must be a positive constant and that of "
                     "R: hidden_size is " +
                     Twine(stated) + ", R has the shape " +
                     describeDims(r.dims));
  AffineExpr batch = x.dims[cell.batchFirst ? 0 : 1],
             length = x.dims[cell.batchFirst ? 1 : 0];
  auto constant = [&](int64_t value) { return ctx.constantDim(value); };
  AffineExpr size = constant(stated), directions = constant(cell.directions()),
             gates = constant(cell.gates() * stated);
  SmallVector<AffineExpr> state{directions, batch, size};
  if (cell.batchFirst)
    std::swap(state[0], state[1]);
  SmallVector<AffineExpr> expected[] = {
      {},
      {directions, gates, x.dims[2]},
      {directions, gates, size},
      {directions, constant(2 * cell.gates() * stated)},
      {batch},
      state,
      state,
      {directions, constant(3 * stated)}};
  for (unsigned i = W, e = ctx.node.getInputs().size(); i < e; ++i) {
    if (!ctx.node.hasInput(i))
      continue;
    const ValueShape &given = ctx.input(i);
    bool fits = given.dims.size() == expected[i].size();
    for (auto [a, b] : llvm::zip(given.dims, expected[i])) {
      auto found = asConstant(a), needed = asConstant(b);
      fits &= !found || !needed || *found == *needed;
    }
    if (!fits)
      return ctx.error("input " + Twine(i) + " of shape " +
                       describeDims(given.dims) + " must have the shape " +
                       describeDims(expected[i]));
    if (i == Lengths ? !given.elementType.isInteger(32)
                     : given.elementType != x.elementType)
      return ctx.error("input " + Twine(i) + " must have elements of type " +
                       (i == Lengths ? "i32" : describeType(x.elementType)) +
                       ", not " + describeType(given.elementType));
    for (auto [a, b] : llvm::zip(given.dims, expected[i]))
      ctx.requireEqual(a, b);
  }
  if (!isa<FloatType>(x.elementType))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  if (ctx.node.hasInput(Lengths))
    if (auto lengths = ctx.constantInts(Lengths))
      for (int64_t given : *lengths)
        if (auto message = checkLength(given, asConstant(length)))
          return ctx.error(*message);
  SmallVector<AffineExpr> y{length, directions, batch, size};
  if (cell.batchFirst)
    y = {batch, length, directions, size};
  for (unsigned i = 0, e = ctx.node->getNumResults(); i < e; ++i)
    ctx.setResult(i, x.elementType, i == Y ? y : state);
  return success();
}

//===----------------------------------------------------------------------===//
// Parts of the operands, on either backend
//===----------------------------------------------------------------------===//

/// Entry `at` of dimension `d`, without that dimension.
template <typename B>
static typename B::Value entry(B &b, typename B::Value x, int64_t d,
                               typename B::Size at) {
  x = b.slice(x, d, at, b.constant(1));
  SmallVector<ReassociationIndices> groups;
  int64_t rank = b.rank(x), joined = d + 1 < rank ? d : d - 1;
  for (int64_t k = 0; k < rank; ++k)
    if (k == joined) {
      groups.push_back({k, k + 1});
      ++k;
    } else {
      groups.push_back({k});
    }
  return b.collapse(x, groups);
}

/// The operands of one direction: `part(input, first, count)` gives rows of
/// an input.
template <typename B, typename Part>
static CellWeights<B> readWeights(const RecurrentCell &cell, ArrayRef<bool> has,
                                  Part part) {
  int64_t H = cell.hidden, all = cell.gates() * H;
  CellWeights<B> weights;
  weights.input = part(W, 0, all);
  if (cell.kind == RecurrentCell::GRU)
    weights.recurrent = {part(R, 0, 2 * H), part(R, 2 * H, H)};
  else
    weights.recurrent = {part(R, 0, all)};
  if (has[Bias]) {
    weights.inputBias = part(Bias, 0, all);
    weights.recurrentBias = part(Bias, all, all);
  }
  if (has[Peepholes])
    weights.peepholes = part(Peepholes, 0, 3 * H);
  return weights;
}

static SmallVector<bool> presentInputs(onnx::NodeOp node) {
  SmallVector<bool> has(Peepholes + 1, false);
  for (unsigned i = 0, e = node.getInputs().size(); i < e && i < has.size();
       ++i)
    has[i] = node.hasInput(i);
  return has;
}

/// Results of all directions side by side, along a new dimension `d`.
template <typename B>
static typename B::Value stack(B &b, ArrayRef<typename B::Value> parts,
                               int64_t d) {
  SmallVector<typename B::Value> expanded;
  for (typename B::Value part : parts)
    expanded.push_back(insertOnes(b, part, d));
  return expanded.size() == 1 ? expanded[0] : b.concat(expanded, d);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static LogicalResult evaluateRecurrent(EvalContext &ctx) {
  RecurrentCell cell;
  if (auto message = readCell(ctx.node, cell))
    return ctx.error(*message);
  const Tensor &x = ctx.inputs[X];
  SmallVector<bool> has(Peepholes + 1, false);
  for (unsigned i = 0; i < ctx.inputs.size() && i < has.size(); ++i)
    has[i] = ctx.has(i);
  if (x.getRank() != 3 || ctx.inputs[R].getRank() != 3)
    return ctx.error("operands that do not fit");
  cell.hidden = ctx.inputs[R].getShape()[2];
  int64_t batch = x.getShape()[cell.batchFirst ? 0 : 1],
          length = x.getShape()[cell.batchFirst ? 1 : 0], H = cell.hidden,
          D = cell.directions();
  SmallVector<int64_t> state{D, batch, H};
  if (cell.batchFirst)
    std::swap(state[0], state[1]);
  SmallVector<int64_t> expected[] = {SmallVector<int64_t>(x.getShape()),
                                     {D, cell.gates() * H, x.getShape()[2]},
                                     {D, cell.gates() * H, H},
                                     {D, 2 * cell.gates() * H},
                                     {batch},
                                     state,
                                     state,
                                     {D, 3 * H}};
  for (unsigned i = 0; i < has.size(); ++i)
    if (has[i] && (ctx.inputs[i].getShape() != ArrayRef(expected[i]) ||
                   ctx.inputs[i].isFloat() == (i == Lengths)))
      return ctx.error("operands that do not fit");
  if (has[Lengths])
    for (int64_t given : ctx.inputs[Lengths].ints())
      if (auto message = checkLength(given, length))
        return ctx.error(*message);
  if (length == 0 || H == 0)
    return ctx.error("cannot be evaluated without steps");

  Calculator b;
  SmallVector<Tensor> ys, lasts[2];
  for (int64_t d = 0; d < D; ++d) {
    auto weights = readWeights<Calculator>(
        cell, has, [&](unsigned i, int64_t first, int64_t count) {
          return b.slice(entry(b, ctx.inputs[i], 0, d), 0, first, count);
        });
    CellStep<Calculator> step(b, cell, d, weights);
    SmallVector<Tensor> states;
    for (int64_t s = 0; s < cell.numStates(); ++s)
      states.push_back(
          has[InitialH + s]
              ? entry(b, ctx.inputs[InitialH + s], cell.batchFirst ? 1 : 0, d)
              : Tensor(x.getElementType(), {batch, H}));
    SmallVector<Tensor> steps(length);
    for (int64_t t = 0; t < length; ++t) {
      int64_t time = cell.reversed[d] ? length - 1 - t : t;
      SmallVector<Tensor> next =
          step.run(entry(b, x, cell.batchFirst ? 1 : 0, time), states);
      steps[time] = next[0];
      if (has[Lengths]) {
        auto within = [&](auto x) {
          return scalar::less(double(time), double(x[0]));
        };
        auto choose = [&](Tensor a, std::optional<Tensor> other) {
          SmallVector<Calculator::Operand> operands{{ctx.inputs[Lengths], {0}},
                                                    {a, {0, 1}}};
          if (other)
            operands.push_back({*other, {0, 1}});
          return mapLike<Calculator>(
              b, a, operands, x.getElementType(), [&](auto x) {
                return within(x) ? x[1] : x.size() > 2 ? x[2] : 0.0;
              });
        };
        steps[time] = choose(next[0], std::nullopt);
        for (auto [value, before] : llvm::zip(next, states))
          value = choose(value, before);
      }
      states = next;
    }
    for (Tensor &one : steps)
      one = insertOnes(b, one, int64_t(cell.batchFirst ? 1 : 0));
    ys.push_back(b.concat(steps, cell.batchFirst ? 1 : 0));
    for (auto [s, last] : llvm::enumerate(states))
      lasts[s].push_back(last);
  }
  for (unsigned i = 0; i < ctx.results.size(); ++i)
    ctx.results[i] = i == Y ? stack<Calculator>(b, ys, cell.batchFirst ? 2 : 1)
                            : stack<Calculator>(b, lasts[i - LastH],
                                                cell.batchFirst ? 1 : 0);
  if (b.failed)
    return ctx.error("too large to evaluate");
  return success();
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

namespace {
/// The recurrence of one direction.
class DirectionLowering {
public:
  DirectionLowering(LowerContext &ctx, Emitter &b, const RecurrentCell &cell,
                    int64_t direction)
      : ctx(ctx), b(b), cell(cell), direction(direction),
        time(cell.batchFirst ? 1 : 0), has(presentInputs(ctx.node)) {}

  /// Y where it is used, then the last states.
  SmallVector<Value> run();

private:
  Value initialState(unsigned s);
  Value stepsWithin();

  LowerContext &ctx;
  Emitter &b;
  const RecurrentCell &cell;
  int64_t direction, time;
  SmallVector<bool> has;
};
} // namespace

Value DirectionLowering::initialState(unsigned s) {
  Value x = ctx.input(X);
  Type type = b.accumulatorType(x);
  if (has[InitialH + s]) {
    Value given =
        entry(b, ctx.input(InitialH + s), time, b.constant(direction));
    return convertElements(b, given, type);
  }
  SmallVector<OpFoldResult> sizes{b.size(x, 1 - time), b.constant(cell.hidden)};
  Value empty = tensor::EmptyOp::create(b.builder, b.loc, sizes, type);
  Value zero = zeroOf(b.builder, b.loc, type);
  return linalg::FillOp::create(b.builder, b.loc, zero, empty).getResult(0);
}

/// Whether a step is within the length of a row, as a sequence.
Value DirectionLowering::stepsWithin() {
  Value x = ctx.input(X);
  return b.generic({Emitter::Operand{ctx.input(Lengths), {1 - time}}},
                   {b.size(x, 0), b.size(x, 1)}, {0, 1}, b.builder.getI1Type(),
                   std::nullopt, [&](auto x, auto index) {
                     return scalar::less(toElement(x[0], index(time)), x[0]);
                   });
}

SmallVector<Value> DirectionLowering::run() {
  OpBuilder &builder = b.builder;
  Value x = ctx.input(X);
  auto weights = readWeights<Emitter>(
      cell, has, [&](unsigned i, int64_t first, int64_t count) {
        return weightRows(ctx, i, direction, first, count);
      });
  SmallVector<Value> xs{x}, ys, states;
  if (has[Lengths])
    xs.push_back(stepsWithin());
  SmallVector<OpFoldResult> sizes{b.size(x, 0), b.size(x, 1),
                                  b.constant(cell.hidden)};
  if (!ctx.node->getResult(Y).use_empty())
    ys.push_back(
        tensor::EmptyOp::create(builder, b.loc, sizes, b.elementType(x)));
  for (int64_t s = 0; s < cell.numStates(); ++s)
    states.push_back(initialState(s));

  SmallVector<Type> stepTypes, resultTypes;
  for (Value sequence : xs) {
    auto type = cast<RankedTensorType>(sequence.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.erase(shape.begin() + time);
    stepTypes.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  for (Value state : states)
    stepTypes.push_back(state.getType());
  llvm::append_range(resultTypes, ValueRange(ys).getTypes());
  llvm::append_range(resultTypes, ValueRange(states).getTypes());
  size_t sequences = xs.size() + ys.size();
  auto op = ssm::RecurrenceOp::create(
      builder, b.loc, resultTypes, xs, ys, states,
      builder.getDenseI64ArrayAttr(SmallVector<int64_t>(sequences, time)),
      cell.reversed[direction]
          ? builder.getDenseBoolArrayAttr(SmallVector<bool>(sequences, true))
          : nullptr);
  OpBuilder::InsertionGuard guard(builder);
  Block *body =
      builder.createBlock(&op.getStep(), {}, stepTypes,
                          SmallVector<Location>(stepTypes.size(), b.loc));
  SmallVector<Value> before(body->getArguments().drop_front(xs.size()));
  CellStep<Emitter> step(b, cell, direction, weights);
  SmallVector<Value> next = step.run(body->getArgument(0), before);
  Value y = next[0];
  if (has[Lengths]) {
    using Operand = Emitter::Operand;
    Operand within{body->getArgument(1), {0}};
    y = mapLike<Emitter>(
        b, y, {within, Operand{y, {0, 1}}}, b.elementType(y), [](auto x) {
          return scalar::select(x[0], x[1], scalar::literal(x[1], 0));
        });
    for (auto [value, old] : llvm::zip(next, before))
      value = mapLike<Emitter>(
          b, value, {within, Operand{value, {0, 1}}, Operand{old, {0, 1}}},
          b.elementType(value),
          [](auto x) { return scalar::select(x[0], x[1], x[2]); });
  }
  SmallVector<Value> yielded;
  for (auto [value, old] : llvm::zip(next, before))
    yielded.push_back(writeInto(
        builder, b.loc,
        castTo(builder, b.loc, value, cast<RankedTensorType>(old.getType())),
        old));
  if (!ys.empty())
    yielded.push_back(convertElements(b, y, b.elementType(x)));
  ssm::YieldOp::create(builder, b.loc, yielded);
  return SmallVector<Value>(op->getResults());
}

static LogicalResult lowerRecurrent(LowerContext &ctx) {
  RecurrentCell cell;
  if (auto message = readCell(ctx.node, cell))
    return ctx.error(*message);
  Emitter b(ctx);
  Type type = b.elementType(ctx.input(X));
  cell.hidden = cast<RankedTensorType>(ctx.input(R).getType()).getDimSize(2);
  unsigned results = ctx.node->getNumResults();
  if (results == 0)
    return success();
  // A length is one of 0 to the extent of time.
  int64_t time = cell.batchFirst ? 1 : 0;
  if (presentInputs(ctx.node)[Lengths])
    checkIndices(
        ctx, Lengths, time,
        {apply(ctx.builder, ctx.loc(), ctx.builder.getAffineSymbolExpr(0) + 1,
               {b.size(ctx.input(X), time)})},
        /*fromEnd=*/false);
  SmallVector<Value> ys;
  SmallVector<SmallVector<Value>> lasts(cell.numStates());
  for (int64_t d = 0; d < cell.directions(); ++d) {
    SmallVector<Value> parts = DirectionLowering(ctx, b, cell, d).run();
    bool hasY = parts.size() > lasts.size();
    if (hasY)
      ys.push_back(parts[0]);
    for (auto [s, last] : llvm::enumerate(lasts))
      last.push_back(convertElements(b, parts[hasY + s], type));
  }
  if (!ys.empty())
    setResult(ctx, Y, stack<Emitter>(b, ys, cell.batchFirst ? 2 : 1));
  for (unsigned i = LastH; i < results; ++i)
    setResult(ctx, i,
              stack<Emitter>(b, lasts[i - LastH], cell.batchFirst ? 1 : 0));
  return success();
}

void ssmc::registerRecurrentOperators(OperatorTable &table) {
  auto add = [&](StringRef name, unsigned inputs, unsigned outputs) {
    table.add({"", name, 7, inferRecurrent, evaluateRecurrent, lowerRecurrent,
               3, inputs, 0, outputs});
  };
  add("RNN", 6, 2);
  add("GRU", 6, 2);
  add("LSTM", 8, 3);
}
