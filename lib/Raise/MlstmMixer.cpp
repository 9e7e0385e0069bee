//===- MlstmMixer.cpp - stabilised linear attention -----------------------===//

#include "lib/Raise/MlstmMixer.h"

#include "dialects/ssm/SsmOps.h"
#include "lib/Raise/Direction.h"
#include "lib/Raise/Probe.h"

#include <cmath>

using namespace mlir;

namespace ssmc {

//===----------------------------------------------------------------------===//
// Writing it
//===----------------------------------------------------------------------===//

namespace {
/// The nodes and ops of one cell.
class CellWriter {
public:
  CellWriter(GraphWriter &writer, Type element, ArrayRef<AffineExpr> tokenHeads)
      : writer(writer), builder(writer.builder), element(element),
        heads(tokenHeads) {}

  Value number(double value) {
    Tensor tensor(element, {1});
    tensor.mutableFloats()[0] = value;
    return writer.constant(tensor, element);
  }
  Value binary(StringRef op, Value a, Value b) {
    return writer.node(op, {a, b}, a.getType());
  }
  Value unary(StringRef op, Value a) { return writer.node(op, a, a.getType()); }
  /// Pads `value`, of `rank`, by one along `axis`.
  Value pad(Value value, unsigned rank, unsigned axis, bool atEnd,
            double filler, Type type) {
    SmallVector<int64_t> widths(2 * rank, 0);
    widths[atEnd ? rank + axis : axis] = 1;
    Tensor scalar(element, {});
    scalar.mutableFloats()[0] = filler;
    return writer.node(
        "Pad", {value, writer.ints(widths), writer.constant(scalar, element)},
        type);
  }
  Value slice(Value value, int64_t begin, int64_t end, int64_t axis,
              Type type) {
    return writer.node(
        "Slice",
        {value, writer.ints({begin}), writer.ints({end}), writer.ints({axis})},
        type);
  }
  /// [batch, time, head] as [batch, time, head, 1].
  Value wide(Value value) {
    SmallVector<AffineExpr> extents(heads);
    extents.push_back(writer.fixed(1));
    return writer.resize("Unsqueeze", value, 3, writer.type(extents, element));
  }
  /// max(forget + before, input), from `first` on.
  FailureOr<Value> runningMaximum(Value input, Value forget, double first);

private:
  GraphWriter &writer;
  OpBuilder &builder;
  Type element;
  ArrayRef<AffineExpr> heads;
};
} // namespace

/// A scan of pairs: sums of log forget gates, and maxima that decay by them.
FailureOr<Value> CellWriter::runningMaximum(Value input, Value forget,
                                            double first) {
  RankedTensorType type = writer.type(heads, element);
  RankedTensorType stateType = writer.type({heads[0], heads[2]}, element);
  Value start = writer.zeros(stateType), lowest = writer.fill(stateType, first),
        sums = writer.empty(type), maxima = writer.empty(type);
  if (!start || !lowest || !sums || !maxima)
    return failure();
  auto scan = ssm::AssociativeScanOp::create(
      builder, writer.loc, TypeRange{type, type, stateType, stateType},
      ValueRange{forget, input}, ValueRange{sums, maxima},
      ValueRange{start, lowest}, builder.getDenseI64ArrayAttr({1, 1}),
      /*reverse=*/UnitAttr());
  // The batch may change.
  SmallVector<int64_t> shape(stateType.getShape());
  shape.front() = ShapedType::kDynamic;
  Type plain = RankedTensorType::get(shape, element);
  Block *body = builder.createBlock(&scan->getRegion(0));
  for (unsigned i = 0; i < 4; ++i)
    body->addArgument(plain, writer.loc);
  Value sum = arith::AddFOp::create(builder, writer.loc, body->getArgument(0),
                                    body->getArgument(2));
  Value moved = arith::AddFOp::create(builder, writer.loc, body->getArgument(1),
                                      body->getArgument(2));
  Value top = arith::MaximumFOp::create(builder, writer.loc, moved,
                                        body->getArgument(3));
  ssm::YieldOp::create(builder, writer.loc, ValueRange{sum, top});
  builder.setInsertionPointAfter(scan);
  return scan->getResult(1);
}

FailureOr<SmallVector<Value>> MlstmMixer::emit(GraphWriter &writer) const {
  SmallVector<Value> operands;
  for (const Role *role : {&*q, &*k, &*v, &*input, &*forget}) {
    FailureOr<Value> value = writer.apply(role->view, role->value);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  auto [queries, keys, values, inputs, forgets] =
      std::tie(operands[0], operands[1], operands[2], operands[3], operands[4]);
  Type element = cast<ShapedType>(values.getType()).getElementType();
  SmallVector<AffineExpr> heads = writer.extents(input->view);
  SmallVector<AffineExpr> extents = writer.extents(v->view), longer = heads,
                          padded = extents, column = extents;
  longer[1] = heads[1] + 1;
  padded[3] = writer.fixed(layout.features + 1);
  column[3] = writer.fixed(1);
  CellWriter cell(writer, element, heads);
  Type scalars = writer.type(heads, element);

  // Less than any gate; the first decay is that of no state.
  constexpr double kLowest = -1e30;
  FailureOr<Value> maxima =
      cell.runningMaximum(inputs, forgets, startsAtZero ? 0 : kLowest);
  if (failed(maxima))
    return failure();
  Value before = cell.slice(
      cell.pad(*maxima, 3, 1, /*atEnd=*/false, 0, writer.type(longer, element)),
      0, -1, 1, scalars);
  Value decay =
      cell.binary("Sub", cell.binary("Add", forgets, before), *maxima);
  if (!startsAtZero)
    decay = cell.binary("Min", decay, cell.number(0));
  Value gate = cell.unary("Exp", cell.binary("Sub", inputs, *maxima));
  Value gated = cell.binary("Mul", keys, cell.wide(gate));
  if (scale != 1)
    queries = cell.binary("Mul", queries, cell.number(scale));
  RankedTensorType type = writer.type(padded, element);
  RankedTensorType stateType = writer.type(
      {heads[0], heads[2], writer.fixed(shapeOf(*k)[3]), padded[3]}, element);
  Value start = writer.zeros(stateType), destination = writer.empty(type);
  if (!start || !destination)
    return failure();
  auto mixer = ssm::SemiseparableOp::create(
      writer.builder, writer.loc, TypeRange{type, stateType}, queries, gated,
      cell.pad(values, 4, 3, /*atEnd=*/true, 1, type), decay,
      /*scale=*/Value(), /*skip=*/Value(), /*resets=*/Value(), destination,
      start, UnitAttr());
  int64_t width = layout.features;
  Value y = cell.slice(mixer->getResult(0), 0, width, 3,
                       writer.type(extents, element));
  Value norm = cell.slice(mixer->getResult(0), width, width + 1, 3,
                          writer.type(column, element));
  Value bound = cell.wide(cell.unary("Exp", cell.unary("Neg", *maxima)));
  Value divisor = cell.binary("Max", cell.unary("Abs", norm), bound);
  if (epsilon != 0)
    divisor = cell.binary("Add", divisor, cell.number(epsilon));
  return writer.leave(layout.exit, cell.binary("Div", y, divisor));
}

//===----------------------------------------------------------------------===//
// Proposals
//===----------------------------------------------------------------------===//

/// What the first token gives where it is alone: with queries, keys and values
/// of one and input gates of `gate`.
static std::optional<double> respond(const Problem &problem,
                                     const MlstmMixer &mixer, double gate) {
  std::optional<Tensor> y = Probe(problem)
                                .set(*mixer.q, 1)
                                .setAt(*mixer.k, 0, 1)
                                .setAt(*mixer.v, 0, 1)
                                .set(*mixer.input, gate)
                                .set(*mixer.forget, 0)
                                .read(mixer.layout.exit);
  if (!y)
    return std::nullopt;
  return y->floats().front();
}

/// An open input gate is divided out but for epsilon; a closed one is seen next
/// to the bound of one, and epsilon beside it where maxima start at zero.
static bool readConstants(const Problem &problem, MlstmMixer &mixer) {
  constexpr double kGate = 10;
  auto open = respond(problem, mixer, kGate);
  auto closed = respond(problem, mixer, -kGate);
  if (!open || !closed || !(*open > 0 && *open <= 1) || !(*closed > 0))
    return false;
  double ratio = 1 / *open - 1; // epsilon over scale times keys
  double keys = shapeOf(*mixer.k)[3], sum = *closed * std::exp(kGate);
  // sum = x / (1 + seen x), x being scale times keys.
  double seen = mixer.startsAtZero ? ratio : ratio * std::exp(-kGate);
  double product = sum / (1 - seen * sum);
  mixer.scale = product / keys;
  mixer.epsilon = ratio * product;
  if (mixer.epsilon < 1e-13)
    mixer.epsilon = 0;
  return std::isfinite(mixer.scale) && mixer.scale > 0;
}

void proposeMlstm(const Problem &problem, MixerList &mixers) {
  auto roles = HeadRoles::read(problem);
  if (!roles || roles->tokens.size() != 5 || !roles->states.empty() ||
      !problem.region.states.empty() || problem.analysis.getLength() < 3)
    return;
  std::vector<MlstmMixer> found;
  for (const HeadLayout &layout : roles->layouts()) {
    SmallVector<unsigned> order{0, 1, 2, 3, 4};
    do {
      auto value = [&](unsigned i) { return roles->tokens[order[i]]; };
      MlstmMixer mixer(layout);
      auto gates = [&](Value token) {
        return roles->scalars(token, layout.heads);
      };
      auto features = [&](Value token, int64_t width) {
        return roles->features(token, [&](int64_t h, int64_t f) {
          return h == layout.heads && (!width || f == width);
        });
      };
      for (const Role &input : gates(value(3)))
        for (const Role &forget : gates(value(4)))
          for (const Role &v : features(value(2), layout.features))
            for (const Role &k : features(value(1), 0))
              for (const Role &q : features(value(0), shapeOf(k)[3])) {
                mixer.q = q, mixer.k = k, mixer.v = v;
                mixer.input = input, mixer.forget = forget;
                if (found.size() < kMostProposals)
                  found.push_back(mixer);
              }
    } while (std::next_permutation(order.begin(), order.end()));
  }
  if (found.empty() || findDirection(problem) != Direction::Forward)
    return;
  for (MlstmMixer &mixer : found)
    for (bool zero : {true, false}) {
      mixer.startsAtZero = zero;
      if (readConstants(problem, mixer) && (zero || mixer.epsilon != 0))
        mixers.push_back(std::make_unique<MlstmMixer>(mixer));
    }
}

} // namespace ssmc
