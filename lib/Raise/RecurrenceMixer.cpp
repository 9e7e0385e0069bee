//===- RecurrenceMixer.cpp - an unrolled loop as a loop -------------------===//
//
// What no other entry of the catalogue matches is proposed as it stands: one
// step of the unrolled loop becomes the body of a Scan, which is lowered to
// ssm.recurrence.
//
//===----------------------------------------------------------------------===//

#include "lib/Raise/Mixer.h"
#include "lib/Raise/Reroll.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace ssmc {

namespace {
class RecurrenceMixer : public Mixer {
public:
  RecurrenceMixer(const Problem &problem, Rolled rolled);
  StringRef getName() const override { return "ssm.recurrence"; }
  FailureOr<SmallVector<Value>> emit(GraphWriter &writer) const override;
  SmallVector<Role *> getRoles() override;
  bool keepsNode(Operation *op) const override {
    return rolled.alike.contains(op);
  }

private:
  void fillBody(GraphWriter &writer, Block &body) const;
  /// Clones the nodes between what the loop gives and `value`.
  FailureOr<Value> follow(GraphWriter &writer, Value value,
                          IRMapping &given) const;

  const Graph &graph;
  Rolled rolled;
  Value exit;
  SmallVector<Value> finals;
  SmallVector<Role, 1> roles;
};
} // namespace

RecurrenceMixer::RecurrenceMixer(const Problem &problem, Rolled loop)
    : graph(problem.graph), rolled(std::move(loop)), exit(problem.region.exit),
      finals(problem.region.states) {
  llvm::SetVector<Value> used;
  auto use = [&](Value value) {
    if (value && graph.dependsOnInput(value))
      used.insert(value);
  };
  for (const Rolled::Sequence &sequence : rolled.sequences)
    use(sequence.value);
  llvm::SmallPtrSet<Operation *, 32> own(rolled.body.begin(),
                                         rolled.body.end());
  llvm::SmallDenseSet<Value> given;
  for (const Rolled::State &state : rolled.states) {
    use(state.initial);
    given.insert(state.before);
  }
  for (const auto &[value, cut] : rolled.cuts)
    given.insert(value);
  for (Operation *op : rolled.body)
    for (Value operand : op->getOperands())
      if (!given.contains(operand) && !own.contains(operand.getDefiningOp()))
        use(operand);
  for (Value value : used)
    roles.push_back({value, View()});
}

SmallVector<Role *> RecurrenceMixer::getRoles() {
  SmallVector<Role *> all;
  for (Role &role : roles)
    all.push_back(&role);
  return all;
}

static RankedTensorType withoutAxis(RankedTensorType type, unsigned axis) {
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + axis);
  Attribute encoding;
  if (auto dims = dyn_cast_or_null<onnx::DimsAttr>(type.getEncoding());
      dims && ShapedType::isDynamicShape(shape))
    encoding = onnx::DimsAttr::get(
        type.getContext(), dims.getSymbols(),
        AffineMapAttr::get(dims.getMap().getValue().dropResult(axis)));
  return RankedTensorType::get(shape, type.getElementType(), encoding);
}

void RecurrenceMixer::fillBody(GraphWriter &writer, Block &body) const {
  OpBuilder &builder = writer.builder;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&body);
  IRMapping map;
  for (const Rolled::State &state : rolled.states)
    map.map(state.before, body.addArgument(state.before.getType(), writer.loc));
  SmallVector<Value> tokens;
  for (const Rolled::Sequence &sequence : rolled.sequences)
    tokens.push_back(body.addArgument(
        withoutAxis(cast<RankedTensorType>(sequence.value.getType()),
                    sequence.axis),
        writer.loc));
  for (const auto &[value, cut] : rolled.cuts) {
    Value token = tokens[cut.sequence];
    if (cut.keepsAxis)
      token =
          writer.resize("Unsqueeze", token, rolled.sequences[cut.sequence].axis,
                        value.getType());
    map.map(value, token);
  }
  for (Operation *op : rolled.body)
    builder.clone(*op, map);
  SmallVector<Value> yielded;
  for (const Rolled::State &state : rolled.states)
    yielded.push_back(map.lookupOrDefault(state.after));
  Value piece = map.lookupOrDefault(rolled.piece);
  yielded.push_back(writer.resize(
      "Squeeze", piece, rolled.axis,
      withoutAxis(cast<RankedTensorType>(piece.getType()), rolled.axis)));
  onnx::YieldOp::create(builder, writer.loc, yielded);
}

FailureOr<Value> RecurrenceMixer::follow(GraphWriter &writer, Value value,
                                         IRMapping &given) const {
  SmallVector<Value> from;
  for (const auto &[original, replacement] : given.getValueMap())
    from.push_back(original);
  std::optional<Cone> cone = collectCone(graph, value, from, 64);
  if (!cone)
    return failure();
  for (Operation *op : cone->nodes)
    if (!given.contains(op->getResult(0)))
      writer.builder.clone(*op, given);
  return given.lookupOrDefault(value);
}

FailureOr<SmallVector<Value>> RecurrenceMixer::emit(GraphWriter &writer) const {
  OpBuilder &builder = writer.builder;
  SmallVector<Value> inputs;
  SmallVector<Type> types;
  for (const Rolled::State &state : rolled.states) {
    auto type = cast<RankedTensorType>(state.before.getType());
    Value start = state.initial;
    if (!start && type.hasStaticShape())
      start = writer.zeros(type);
    if (!start)
      return failure();
    if (start.getType() != type)
      start =
          writer.node("Expand", {start, writer.ints(type.getShape())}, type);
    inputs.push_back(start);
    types.push_back(type);
  }
  SmallVector<int64_t> axes, directions;
  for (const Rolled::Sequence &sequence : rolled.sequences) {
    inputs.push_back(sequence.value);
    axes.push_back(sequence.axis);
    directions.push_back(rolled.reverse);
  }
  types.push_back(rolled.gathered.getType());
  auto ints = [&](StringRef name, ArrayRef<int64_t> values) {
    return builder.getNamedAttr(name, builder.getDenseI64ArrayAttr(values));
  };
  auto loop = onnx::NodeOp::create(
      builder, writer.loc, types, inputs, "Scan", "",
      std::max<int64_t>(writer.version, 9),
      builder.getDictionaryAttr(
          {builder.getNamedAttr(
               "num_scan_inputs",
               builder.getI64IntegerAttr(rolled.sequences.size())),
           ints("scan_input_axes", axes),
           ints("scan_input_directions", directions),
           ints("scan_output_axes", int64_t(rolled.axis)),
           ints("scan_output_directions", int64_t(rolled.reverse))}),
      1);
  fillBody(writer, loop->getRegion(0).emplaceBlock());

  IRMapping given;
  given.map(rolled.gathered, loop->getResults().back());
  for (auto [i, state] : llvm::enumerate(rolled.states))
    if (state.last)
      given.map(state.last, loop->getResult(i));
  SmallVector<Value> results;
  SmallVector<Value> wanted{exit};
  llvm::append_range(wanted, finals);
  for (Value value : wanted) {
    FailureOr<Value> result = follow(writer, value, given);
    if (failed(result))
      return failure();
    results.push_back(*result);
  }
  return results;
}

void proposeRecurrences(const Problem &problem, MixerList &mixers) {
  if (std::optional<Rolled> rolled = reroll(problem))
    mixers.push_back(
        std::make_unique<RecurrenceMixer>(problem, std::move(*rolled)));
}

} // namespace ssmc
