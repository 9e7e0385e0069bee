//===- LinearAttention.cpp - linear attention with a matrix state ---------===//
//
// Two of the rules of LinearAttention are ssm.semiseparable, the other two,
// which correct the state, ssm.delta_rule. Heads are packed in the last
// dimension of the operands; the ops share them in the same order. The query is
// scaled before.
//
// com.microsoft's operator allows more heads of values than of queries.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/IndexLowering.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
enum Input { Q, K, V, Past, Decay, Beta };

/// What attributes and static extents say. Heads of the keys: those of the
/// values, or of a divisor of them.
struct Mixer {
  bool decays, corrects;
  int64_t queryHeads, keyHeads, heads;
  int64_t keySize, valueSize; // of a head
  bool decayPerKey, betaShared;
  double scale;

  int64_t outputHeads() const { return std::max(queryHeads, heads); }
};
using Extents = SmallVector<std::optional<int64_t>>;
} // namespace

/// Reads a node with inputs of these extents, empty where left out. Returns
/// what is wrong.
static std::optional<std::string>
readMixer(onnx::NodeOp node, ArrayRef<Extents> in, Mixer &mixer) {
  StringRef rule = node.getString("update_rule", "gated_delta");
  if (rule != "linear" && rule != "gated" && rule != "delta" &&
      rule != "gated_delta")
    return ("update_rule '" + rule + "' is not one that ONNX defines").str();
  mixer.decays = rule.starts_with("gated");
  mixer.corrects = rule.ends_with("delta");
  if (mixer.decays != !in[Decay].empty() || mixer.corrects != !in[Beta].empty())
    return ("update_rule '" + rule + "' " +
            (mixer.decays ? "needs" : "excludes") + " a decay and " +
            (mixer.corrects ? "needs" : "excludes") + " beta")
        .str();
  if (node.getInt("state_window", 0) != 0)
    return "a window of states is not supported";
  mixer.queryHeads = node.getInt("q_num_heads", 0);
  mixer.heads = node.getInt("kv_num_heads", 0);
  int64_t most = 1 << 20;
  if (mixer.queryHeads <= 0 || mixer.heads <= 0 || mixer.queryHeads > most ||
      mixer.heads > most)
    return "q_num_heads and kv_num_heads must be positive";
  bool more = mixer.queryHeads % mixer.heads == 0;
  if (!more &&
      (node.getDomain().empty() || mixer.heads % mixer.queryHeads != 0))
    return "q_num_heads must be a multiple of kv_num_heads";
  for (unsigned i : {Q, K, V, Decay, Beta})
    if (!in[i].empty() && in[i].size() != 3)
      return "query, key, value, decay and beta must have 3 dimensions";
  if (!in[Past].empty() && in[Past].size() != 4)
    return "past_state must have 4 dimensions";
  for (unsigned i : {Q, K, V})
    if (!in[i][2])
      return "hidden sizes must be constants";
  int64_t query = *in[Q][2], key = *in[K][2], value = *in[V][2];
  if (query % mixer.queryHeads != 0 || value % mixer.heads != 0 || query == 0)
    return "hidden sizes must be multiples of the numbers of heads";
  mixer.keySize = query / mixer.queryHeads;
  mixer.valueSize = value / mixer.heads;
  mixer.keyHeads = key / mixer.keySize;
  if (key % mixer.keySize != 0 || mixer.keyHeads == 0 ||
      mixer.heads % mixer.keyHeads != 0 ||
      (node.getDomain().empty() && mixer.keyHeads != mixer.heads))
    return "heads of query and key have different sizes";
  if (mixer.decays) {
    auto size = in[Decay][2];
    mixer.decayPerKey =
        size && *size == mixer.heads * mixer.keySize && mixer.keySize != 1;
    if (!size || (!mixer.decayPerKey && *size != mixer.heads))
      return "decay must have an element for each head, or each of its keys";
  }
  if (mixer.corrects) {
    auto size = in[Beta][2];
    mixer.betaShared = size && *size == 1 && mixer.heads != 1;
    if (!size || (!mixer.betaShared && *size != mixer.heads))
      return "beta must have one element, or one for each head";
  }
  std::optional<int64_t> expected[] = {in[Q][0], mixer.heads, mixer.keySize,
                                       mixer.valueSize};
  for (auto [found, needed] : llvm::zip(in[Past], expected))
    if (found && needed && *found != *needed)
      return "past_state does not fit the other inputs";
  for (unsigned i : {K, V, Decay, Beta})
    for (unsigned d : {0u, 1u})
      if (!in[i].empty() && in[i][d] && in[Q][d] && *in[i][d] != *in[Q][d])
        return "the inputs differ in batch or length";
  double scale = node.getFloat("scale", 0);
  mixer.scale = scale == 0 ? 1 / std::sqrt(double(mixer.keySize)) : scale;
  return std::nullopt;
}

static LogicalResult inferLinearAttention(InferContext &ctx) {
  SmallVector<Extents> in(6);
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i)) {
      for (AffineExpr dim : ctx.input(i).dims)
        in[i].push_back(asConstant(dim));
      if (!isa<FloatType>(ctx.input(i).elementType))
        return ctx.error("input " + Twine(i) + " must be of floats");
    }
  Mixer mixer;
  if (auto message = readMixer(ctx.node, in, mixer))
    return ctx.error(*message);
  const ValueShape &q = ctx.input(Q);
  for (unsigned i : {K, V, Decay, Beta})
    for (unsigned d : {0, 1})
      if (!in[i].empty())
        ctx.requireEqual(q.dims[d], ctx.input(i).dims[d]);
  auto constant = [&](int64_t value) { return ctx.constantDim(value); };
  SmallVector<AffineExpr> state{q.dims[0], constant(mixer.heads),
                                constant(mixer.keySize),
                                constant(mixer.valueSize)};
  Type stateType = q.elementType;
  if (!in[Past].empty()) {
    stateType = ctx.input(Past).elementType;
    for (auto [given, needed] : llvm::zip(ctx.input(Past).dims, state))
      ctx.requireEqual(given, needed);
  }
  ctx.setResult(
      0, q.elementType,
      {q.dims[0], q.dims[1], constant(mixer.outputHeads() * mixer.valueSize)});
  if (ctx.node->getNumResults() > 1)
    ctx.setResult(1, stateType, state);
  return success();
}

static LogicalResult evaluateLinearAttention(EvalContext &ctx) {
  SmallVector<Extents> in(6);
  for (unsigned i = 0; i < ctx.inputs.size(); ++i)
    if (ctx.has(i)) {
      in[i].assign(ctx.inputs[i].getShape().begin(),
                   ctx.inputs[i].getShape().end());
      if (!ctx.inputs[i].isFloat())
        return ctx.error("an operand of the wrong type");
    }
  Mixer m;
  if (auto message = readMixer(ctx.node, in, m))
    return ctx.error(*message);
  int64_t B = *in[Q][0], L = *in[Q][1], N = m.keySize, P = m.valueSize;
  int64_t shape[] = {B, m.heads, N, P}, outputs = m.outputHeads();
  Type type = ctx.inputs[Q].getElementType();
  Tensor *y = ctx.makeResult(0, type, {B, L, outputs * P});
  if (!y || !Tensor::fits(shape))
    return ctx.error("too large to evaluate");
  Tensor state(ctx.has(Past) ? ctx.inputs[Past].getElementType() : type, shape);
  if (ctx.has(Past))
    llvm::copy(ctx.inputs[Past].floats(), state.mutableFloats().begin());
  MutableArrayRef<double> all = state.mutableFloats(), out = y->mutableFloats();
  auto row = [&](unsigned i, int64_t step, int64_t entry) {
    return ctx.inputs[i].floats()[step * *in[i][2] + entry];
  };
  for (int64_t step = 0; step < B * L; ++step) {
    double *S = all.data() + step / L * m.heads * N * P;
    for (int64_t h = 0; h < m.heads; ++h) {
      double *one = S + h * N * P;
      int64_t firstKey = h * m.keyHeads / m.heads * N;
      for (int64_t n = 0; m.decays && n < N; ++n)
        for (int64_t p = 0; p < P; ++p)
          one[n * P + p] *=
              std::exp(row(Decay, step, m.decayPerKey ? h * N + n : h));
      for (int64_t p = 0; p < P; ++p) {
        double value = row(V, step, h * P + p);
        if (m.corrects) {
          for (int64_t n = 0; n < N; ++n)
            value -= one[n * P + p] * row(K, step, firstKey + n);
          value *= row(Beta, step, m.betaShared ? 0 : h);
        }
        for (int64_t n = 0; n < N; ++n)
          one[n * P + p] += row(K, step, firstKey + n) * value;
      }
    }
    for (int64_t j = 0; j < outputs * P; ++j) {
      int64_t head = j / P;
      const double *one = S + head * m.heads / outputs * N * P;
      for (int64_t n = 0; n < N; ++n)
        out[step * outputs * P + j] +=
            m.scale * one[n * P + j % P] *
            row(Q, step, head * m.queryHeads / outputs * N + n);
    }
  }
  if (ctx.results.size() > 1)
    ctx.results[1] = state;
  return success();
}

static LogicalResult lowerLinearAttention(LowerContext &ctx) {
  using Operand = Emitter::Operand;
  Emitter b(ctx);
  OpBuilder &builder = ctx.builder;
  SmallVector<Extents> in(6);
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i)
    if (ctx.node.hasInput(i))
      for (int64_t d :
           cast<RankedTensorType>(ctx.input(i).getType()).getShape())
        in[i].push_back(ShapedType::isDynamic(d) ? std::nullopt
                                                 : std::optional(d));
  Mixer mixer;
  if (auto message = readMixer(ctx.node, in, mixer))
    return ctx.error(*message);
  Value q = ctx.input(Q);
  Type type = b.elementType(q), inner = b.accumulatorType(q);
  OpFoldResult batch = b.size(q, 0), length = b.size(q, 1);
  SmallVector<ReassociationIndices> split{{0}, {1}, {2, 3}};
  auto heads = [&](Value x, int64_t count, int64_t size) {
    return b.expand(x, split,
                    {batch, length, b.constant(count), b.constant(size)});
  };
  q = mapLike<Emitter>(b, q, {Operand{q, allLoops(3)}}, inner, [&](auto x) {
    return x[0] * scalar::literal(x[0], mixer.scale);
  });
  q = heads(q, mixer.queryHeads, mixer.keySize);
  Value k = heads(ctx.input(K), mixer.keyHeads, mixer.keySize);
  Value v = heads(ctx.input(V), mixer.heads, mixer.valueSize);
  Value decay, beta;
  if (mixer.decays) {
    decay = ctx.input(Decay);
    if (mixer.decayPerKey)
      decay = heads(decay, mixer.heads, mixer.keySize);
  }
  if (mixer.corrects) {
    beta = ctx.input(Beta);
    if (mixer.betaShared)
      beta = b.generic({Operand{beta, {0, 1, kRepeated}}},
                       {batch, length, b.constant(mixer.heads)}, allLoops(3),
                       b.elementType(beta), std::nullopt,
                       [](auto x) { return x[0]; });
  }
  Value state;
  SmallVector<OpFoldResult> sizes{batch, b.constant(mixer.heads),
                                  b.constant(mixer.keySize),
                                  b.constant(mixer.valueSize)};
  if (in[Past].empty()) {
    Value empty = tensor::EmptyOp::create(builder, b.loc, sizes, inner);
    Value zero = zeroOf(builder, b.loc, inner);
    state = linalg::FillOp::create(builder, b.loc, zero, empty).getResult(0);
  } else {
    state = convertElements(b, ctx.input(Past), inner);
  }
  sizes = {batch, length, b.constant(mixer.outputHeads()),
           b.constant(mixer.valueSize)};
  Value y = tensor::EmptyOp::create(builder, b.loc, sizes, type);
  SmallVector<Type> types{y.getType(), state.getType()};
  Operation *op;
  if (mixer.corrects)
    op = ssm::DeltaRuleOp::create(builder, b.loc, types, q, k, v, beta, Value(),
                                  Value(), decay, Value(), y, state,
                                  /*reverse=*/false);
  else
    op = ssm::SemiseparableOp::create(builder, b.loc, types, q, k, v, decay,
                                      /*scale=*/Value(), /*skip=*/Value(),
                                      /*resets=*/Value(), y, state, /*reverse=*/false);
  setResult(ctx, 0, b.collapse(op->getResult(0), split));
  if (ctx.node->getNumResults() > 1)
    setResult(ctx, 1,
              convertElements(b, op->getResult(1),
                              ctx.resultType(1).getElementType()));
  return success();
}

void ssmc::registerLinearAttentionOperators(OperatorTable &table) {
  auto add = [&](StringRef domain, int64_t since) {
    table.add({domain, "LinearAttention", since, inferLinearAttention,
               evaluateLinearAttention, lowerLinearAttention, 3, 6, 1, 2});
  };
  add("", 27);
  add("com.microsoft", 1);
}
