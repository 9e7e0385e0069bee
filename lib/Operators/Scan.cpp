//===- Scan.cpp - Scan ----------------------------------------------------===//
//
// A Scan is a step function along an axis with its state carried, which is what
// `ssm.recurrence` is: its body becomes the region. Versions since 9; the batch
// axis of version 8 has been written as another Scan (onnx-update-scans).
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Eval/Evaluator.h"
#include "lib/Operators/Extents.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/Indexing.h"
#include "lib/Operators/ScanSpec.h"

using namespace mlir;
using namespace ssmc;

FailureOr<ScanSpec> ssmc::scanSpec(onnx::NodeOp node) {
  ScanSpec spec;
  int64_t inputs = node.getInputs().size(), outputs = node->getNumResults();
  spec.reads = node.getInt("num_scan_inputs", 0);
  if (spec.reads < 1 || spec.reads > inputs)
    return failure();
  spec.states = inputs - spec.reads;
  spec.writes = outputs - spec.states;
  if (spec.writes < 0 || node->getNumRegions() != 1 ||
      !node->getRegion(0).hasOneBlock())
    return failure();
  Block &body = node->getRegion(0).front();
  if (static_cast<int64_t>(body.getNumArguments()) != inputs || body.empty() ||
      !body.back().hasTrait<OpTrait::IsTerminator>() ||
      body.back().getNumOperands() != static_cast<unsigned>(outputs))
    return failure();
  auto ints = [&](StringRef name, int64_t count) {
    auto given = node.getInts(name);
    return given ? *given : SmallVector<int64_t>(count, 0);
  };
  spec.readAxes = ints("scan_input_axes", spec.reads);
  spec.writeAxes = ints("scan_output_axes", spec.writes);
  SmallVector<int64_t> in = ints("scan_input_directions", spec.reads),
                       out = ints("scan_output_directions", spec.writes);
  if (static_cast<int64_t>(spec.readAxes.size()) != spec.reads ||
      static_cast<int64_t>(spec.writeAxes.size()) != spec.writes ||
      static_cast<int64_t>(in.size()) != spec.reads ||
      static_cast<int64_t>(out.size()) != spec.writes)
    return failure();
  spec.readBackwards.assign(in.begin(), in.end());
  spec.writeBackwards.assign(out.begin(), out.end());
  return spec;
}

static constexpr const char *kMalformed =
    "has inputs, outputs, axes or a body that do not fit together";

static LogicalResult inferScan(InferContext &ctx) {
  auto spec = scanSpec(ctx.node);
  if (failed(spec))
    return ctx.error(kMalformed);
  for (unsigned i = 0; i < ctx.node.getInputs().size(); ++i)
    if (!ctx.node.hasInput(i))
      return ctx.error("leaves out input " + Twine(i));
  SmallVector<ValueShape> arguments;
  for (int64_t i = 0; i < spec->states; ++i)
    arguments.push_back(ctx.input(i));
  AffineExpr length;
  for (int64_t i = 0; i < spec->reads; ++i) {
    ValueShape slice = ctx.input(spec->states + i);
    auto axis = normalizeAxis(spec->readAxes[i], slice.dims.size());
    if (!axis)
      return ctx.error("has an axis beyond the rank of its input");
    AffineExpr extent = slice.dims[*axis];
    if (constantExtent(extent) && length && constantExtent(length) &&
        extent != length)
      return ctx.error("has sequences of different lengths");
    if (length)
      ctx.requireEqual(length, extent);
    if (!length || constantExtent(extent))
      length = extent;
    slice.dims.erase(slice.dims.begin() + *axis);
    arguments.push_back(slice);
  }
  auto yielded = ctx.inferRegion(0, arguments);
  if (failed(yielded))
    return failure();
  for (int64_t i = 0; i < spec->states; ++i) {
    const ValueShape &before = arguments[i], &after = (*yielded)[i];
    if (before.elementType != after.elementType ||
        before.dims.size() != after.dims.size())
      return ctx.error("has a body that changes the type of state " + Twine(i));
    for (auto [a, b] : llvm::zip(before.dims, after.dims)) {
      if (constantExtent(a) && constantExtent(b) && a != b)
        return ctx.error("has a body that changes the shape of state " +
                         Twine(i));
      ctx.requireEqual(a, b);
    }
    ctx.setResult(i, before.elementType, before.dims);
  }
  for (int64_t i = 0; i < spec->writes; ++i) {
    ValueShape shape = (*yielded)[spec->states + i];
    auto axis = normalizeAxis(spec->writeAxes[i], shape.dims.size() + 1);
    if (!axis)
      return ctx.error("has an axis beyond the rank of its output");
    shape.dims.insert(shape.dims.begin() + *axis, length);
    ctx.setResult(spec->states + i, shape.elementType, shape.dims);
  }
  return success();
}

// Slice `t` of axis `axis`.
static FailureOr<Tensor> slice(EvalContext &ctx, const Tensor &in, int64_t axis,
                               int64_t t) {
  SmallVector<int64_t> shape(in.getShape()), strides = rowMajorStrides(shape);
  int64_t base = t * strides[axis];
  shape.erase(shape.begin() + axis);
  strides.erase(strides.begin() + axis);
  return pickElements(ctx, in, shape, [&](ArrayRef<int64_t> index) {
    return base + linearize(index, strides);
  });
}

// Writes `part` as slice `t` of axis `axis`; both have been checked to fit.
static void insert(Tensor &out, const Tensor &part, int64_t axis, int64_t t) {
  SmallVector<int64_t> strides = rowMajorStrides(out.getShape());
  int64_t base = t * strides[axis], i = 0;
  strides.erase(strides.begin() + axis);
  auto copy = [&](auto to, auto from) {
    forEachIndex(part.getShape(), [&](ArrayRef<int64_t> index) {
      to[base + linearize(index, strides)] = from[i++];
    });
  };
  if (out.isFloat())
    copy(out.mutableFloats(), part.floats());
  else
    copy(out.mutableInts(), part.ints());
}

static LogicalResult evaluateScan(EvalContext &ctx) {
  auto spec = scanSpec(ctx.node);
  if (failed(spec))
    return ctx.error(kMalformed);
  if (llvm::any_of(ctx.inputs, [](const Tensor &in) { return in.isNull(); }))
    return ctx.error("leaves out an input");
  Block &body = ctx.node->getRegion(0).front();
  SmallVector<Tensor> states(ctx.inputs.take_front(spec->states));
  ArrayRef<Tensor> sequences = ctx.inputs.drop_front(spec->states);
  int64_t length = -1;
  for (auto [i, sequence] : llvm::enumerate(sequences)) {
    auto axis = normalizeAxis(spec->readAxes[i], sequence.getRank());
    if (!axis)
      return ctx.error("has an axis beyond the rank of its input");
    spec->readAxes[i] = *axis;
    if (length >= 0 && sequence.getShape()[*axis] != length)
      return ctx.error("has sequences of different lengths");
    length = sequence.getShape()[*axis];
  }
  if (length == 0)
    return ctx.error("cannot be evaluated on an empty sequence");
  for (int64_t t = 0; t < length; ++t) {
    for (auto [argument, state] : llvm::zip(body.getArguments(), states))
      ctx.evaluator.bind(argument, state);
    for (auto [i, sequence] : llvm::enumerate(sequences)) {
      auto part = slice(ctx, sequence, spec->readAxes[i],
                        spec->readBackwards[i] ? length - 1 - t : t);
      if (failed(part))
        return failure();
      ctx.evaluator.bind(body.getArgument(spec->states + i), *part);
    }
    auto yielded = ctx.evaluator.runBlock(body);
    if (failed(yielded))
      return failure();
    states.assign(yielded->begin(), yielded->begin() + spec->states);
    for (int64_t i = 0; i < spec->writes; ++i) {
      const Tensor &part = (*yielded)[spec->states + i];
      Tensor &out = ctx.results[spec->states + i];
      if (t == 0) {
        auto axis = normalizeAxis(spec->writeAxes[i], part.getRank() + 1);
        if (!axis)
          return ctx.error("has an axis beyond the rank of its output");
        spec->writeAxes[i] = *axis;
        SmallVector<int64_t> shape(part.getShape());
        shape.insert(shape.begin() + *axis, length);
        if (!ctx.makeResult(spec->states + i, part.getElementType(), shape))
          return failure();
      }
      SmallVector<int64_t> expected(out.getShape());
      expected.erase(expected.begin() + spec->writeAxes[i]);
      if (part.getShape() != ArrayRef(expected) ||
          part.isFloat() != out.isFloat())
        return ctx.error("has a body whose output changes its shape");
      insert(out, part, spec->writeAxes[i],
             spec->writeBackwards[i] ? length - 1 - t : t);
    }
  }
  for (auto [i, state] : llvm::enumerate(states))
    ctx.results[i] = state;
  return success();
}

static LogicalResult lowerScan(LowerContext &ctx) {
  OpBuilder &b = ctx.builder;
  Location loc = ctx.loc();
  auto spec = scanSpec(ctx.node);
  if (failed(spec))
    return ctx.error(kMalformed);
  SmallVector<Value> xs, ys, states;
  SmallVector<int64_t> axes;
  SmallVector<bool> reverse;
  SmallVector<Type> stepTypes, resultTypes;
  for (int64_t i = 0; i < spec->reads; ++i) {
    Value x = ctx.input(spec->states + i);
    auto type = cast<RankedTensorType>(x.getType());
    auto axis = normalizeAxis(spec->readAxes[i], type.getRank());
    if (!axis)
      return ctx.error("has an axis beyond the rank of its input");
    SmallVector<int64_t> shape(type.getShape());
    shape.erase(shape.begin() + *axis);
    stepTypes.push_back(RankedTensorType::get(shape, type.getElementType()));
    xs.push_back(x);
    axes.push_back(*axis);
    reverse.push_back(spec->readBackwards[i]);
  }
  for (int64_t i = 0; i < spec->writes; ++i) {
    Value y = ctx.emptyResult(spec->states + i);
    if (!y)
      return ctx.error("writes a sequence whose extents only data decides");
    auto axis = normalizeAxis(spec->writeAxes[i],
                              cast<RankedTensorType>(y.getType()).getRank());
    if (!axis)
      return ctx.error("has an axis beyond the rank of its output");
    ys.push_back(y);
    resultTypes.push_back(y.getType());
    axes.push_back(*axis);
    reverse.push_back(spec->writeBackwards[i]);
  }
  for (int64_t i = 0; i < spec->states; ++i) {
    states.push_back(castTo(b, loc, ctx.input(i), ctx.resultType(i)));
    stepTypes.push_back(ctx.resultType(i));
    resultTypes.push_back(ctx.resultType(i));
  }
  bool backwards = llvm::is_contained(reverse, true);
  auto op = ssm::RecurrenceOp::create(
      b, loc, resultTypes, xs, ys, states, b.getDenseI64ArrayAttr(axes),
      backwards ? b.getDenseBoolArrayAttr(reverse) : nullptr);
  Block *step = b.createBlock(&op.getStep(), {}, stepTypes,
                              SmallVector<Location>(stepTypes.size(), loc));
  // The body has the states first, the region of the op last.
  SmallVector<Value> arguments(step->getArguments().drop_front(spec->reads));
  llvm::append_range(arguments, step->getArguments().take_front(spec->reads));
  auto yielded = ctx.lowerRegion(0, arguments, b);
  if (failed(yielded)) {
    b.setInsertionPoint(op);
    op.erase();
    return failure();
  }
  SmallVector<Value> results;
  for (int64_t i = 0; i < spec->states; ++i)
    results.push_back(
        writeInto(b, loc, castTo(b, loc, (*yielded)[i], ctx.resultType(i)),
                  step->getArgument(spec->reads + i)));
  for (int64_t i = 0; i < spec->writes; ++i) {
    auto type = cast<RankedTensorType>(ys[i].getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.erase(shape.begin() + axes[spec->reads + i]);
    results.push_back(
        castTo(b, loc, (*yielded)[spec->states + i],
               RankedTensorType::get(shape, type.getElementType())));
  }
  ssm::YieldOp::create(b, loc, results);
  b.setInsertionPointAfter(op);
  for (int64_t i = 0; i < spec->writes; ++i)
    ctx.setResult(spec->states + i, op->getResult(i));
  for (int64_t i = 0; i < spec->states; ++i)
    ctx.setResult(i, op->getResult(spec->writes + i));
  return success();
}

namespace ssmc {
void registerScanOperators(OperatorTable &table) {
  table.add({"", "Scan", 9, inferScan, evaluateScan, lowerScan, 1,
             Operator::kAny, 1, Operator::kAny});
}
} // namespace ssmc
