//===- Einsum.cpp - sums of products by labels ----------------------------===//
//
// Every label is a loop; those that the result lacks are summed over.
// Dimensions under an ellipsis are loops of their own, aligned at the last one,
// and their extents of one are repeated.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Contraction.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// The loop of every dimension of each operand, and of the result. Loops of an
/// ellipsis come first.
struct Labels {
  SmallVector<SmallVector<int64_t>> operands;
  SmallVector<int64_t> result;
  int64_t loops = 0, wide = 0;
  /// Those that are not of an ellipsis.
  std::string letters;

  std::string describe(int64_t loop) const {
    return loop < wide ? "a dimension of the ellipsis"
                       : std::string("label '") + letters[loop - wide] + "'";
  }
  /// What is wrong where a loop has two extents.
  std::string contradiction(int64_t loop, int64_t a, int64_t b) const {
    return describe(loop) +
           " stands for different extents: " + std::to_string(a) + " and " +
           std::to_string(b);
  }
};
} // namespace

/// Reads the equation for operands of these ranks. Returns what is wrong.
static std::optional<std::string>
readLabels(onnx::NodeOp node, ArrayRef<int64_t> ranks, Labels &labels) {
  std::string equation;
  for (char c : node.getString("equation", ""))
    if (c != ' ')
      equation += c;
  auto [left, right] = StringRef(equation).split("->");
  bool isExplicit = StringRef(equation).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ranks.size())
    return "the equation is not for " + std::to_string(ranks.size()) +
           " operands";
  // How many dimensions an ellipsis stands for.
  auto letters = [](StringRef term) {
    return int64_t(llvm::count_if(term, llvm::isAlpha));
  };
  auto isTerm = [&](StringRef term) {
    auto [before, after] = term.split("...");
    return llvm::all_of(before, llvm::isAlpha) &&
           llvm::all_of(after, llvm::isAlpha);
  };
  for (auto [term, rank] : llvm::zip(terms, ranks)) {
    int64_t open = rank - letters(term);
    if (!isTerm(term) || open < 0 || (open > 0 && !term.contains("...")))
      return ("the term '" + term + "' does not fit an operand of rank " +
              Twine(rank))
          .str();
    labels.wide = std::max(labels.wide, open);
  }
  labels.loops = labels.wide;
  std::map<char, int64_t> loopOf;
  std::map<char, int64_t> uses;
  for (auto [term, rank] : llvm::zip(terms, ranks)) {
    SmallVector<int64_t> &dims = labels.operands.emplace_back();
    int64_t open = rank - letters(term);
    for (size_t i = 0; i < term.size(); ++i) {
      if (term[i] == '.') {
        for (int64_t k = labels.wide - open; k < labels.wide; ++k)
          dims.push_back(k);
        i += 2;
        continue;
      }
      ++uses[term[i]];
      auto [it, isNew] = loopOf.try_emplace(term[i], labels.loops);
      labels.loops += isNew;
      if (isNew)
        labels.letters += term[i];
      dims.push_back(it->second);
    }
  }
  SmallVector<bool> taken(labels.loops, false);
  auto take = [&](int64_t loop) {
    labels.result.push_back(loop);
    return !std::exchange(taken[loop], true);
  };
  if (!isExplicit) {
    for (int64_t k = 0; k < labels.wide; ++k)
      take(k);
    for (auto [letter, count] : uses)
      if (count == 1)
        take(loopOf[letter]);
    return std::nullopt;
  }
  if (!isTerm(right))
    return "the result is no term";
  for (size_t i = 0; i < right.size(); ++i) {
    if (right[i] == '.') {
      for (int64_t k = 0; k < labels.wide; ++k)
        take(k);
      i += 2;
      continue;
    }
    auto it = loopOf.find(right[i]);
    if (it == loopOf.end() || !take(it->second))
      return "the result has a label that no operand has, or one twice";
  }
  return std::nullopt;
}

static LogicalResult inferEinsum(InferContext &ctx) {
  SmallVector<int64_t> ranks;
  unsigned count = ctx.node.getInputs().size();
  Type type = ctx.input(0).elementType;
  for (unsigned i = 0; i < count; ++i) {
    if (!ctx.node.hasInput(i) || ctx.input(i).elementType != type)
      return ctx.error("needs operands of one type");
    ranks.push_back(ctx.input(i).dims.size());
  }
  if (!type.isIntOrFloat() || type.isInteger(1))
    return ctx.error("not defined for elements of type " + describeType(type));
  Labels labels;
  if (auto message = readLabels(ctx.node, ranks, labels))
    return ctx.error(*message);
  SmallVector<AffineExpr> extents(labels.loops);
  for (unsigned i = 0; i < count; ++i)
    for (auto [loop, dim] : llvm::zip(labels.operands[i], ctx.input(i).dims)) {
      AffineExpr &extent = extents[loop];
      bool wide = loop < labels.wide;
      if (!extent || (wide && asConstant(extent) == 1)) {
        extent = dim;
        continue;
      }
      if (wide && asConstant(dim) == 1)
        continue;
      if (asConstant(extent) && asConstant(dim) &&
          *asConstant(extent) != *asConstant(dim))
        return ctx.error(
            labels.contradiction(loop, *asConstant(extent), *asConstant(dim)));
      ctx.requireEqual(extent, dim);
      if (asConstant(dim))
        extent = dim;
    }
  SmallVector<AffineExpr> dims;
  for (int64_t loop : labels.result)
    dims.push_back(extents[loop] ? extents[loop] : ctx.constantDim(1));
  ctx.setResult(0, type, dims);
  return success();
}

template <typename S, typename B>
static typename B::Value einsum(B &b, const Labels &labels,
                                ArrayRef<typename B::Value> inputs,
                                bool isUnsigned) {
  SmallVector<typename B::Size> loops(labels.loops, b.constant(1));
  for (auto [dims, input] : llvm::zip(labels.operands, inputs))
    for (auto [d, loop] : llvm::enumerate(dims))
      if (!b.isOne(b.size(input, d)))
        loops[loop] = b.size(input, d);
  SmallVector<typename B::Operand> operands;
  for (auto [dims, input] : llvm::zip(labels.operands, inputs)) {
    typename B::Operand operand{input, dims, isUnsigned};
    for (auto [d, loop] : llvm::enumerate(operand.dims))
      if (loop < labels.wide && b.isOne(b.size(input, d)) &&
          !b.isOne(loops[loop]))
        loop = kRepeated;
    operands.push_back(operand);
  }
  return convertElements(
      b,
      b.template generic<S>(operands, loops, labels.result,
                            b.accumulatorType(inputs[0]), 0.0,
                            [&](auto x) {
                              auto product = x[0];
                              for (size_t i = 1; i < operands.size(); ++i)
                                product = product * x[i];
                              return x[operands.size()] + product;
                            }),
      b.elementType(inputs[0]));
}

namespace {
/// Loops of one sort: extents, and the offset of each of their points in every
/// operand and the result.
struct LoopGroup {
  explicit LoopGroup(ArrayRef<SmallVector<int64_t>> strides)
      : strides(strides), offsets(strides.size(), {0}) {}
  void add(int64_t loop, int64_t extent) {
    for (auto [own, stride] : llvm::zip_equal(offsets, strides)) {
      std::vector<int64_t> next;
      for (int64_t offset : own)
        for (int64_t i = 0; i < extent; ++i)
          next.push_back(offset + i * stride[loop]);
      own = std::move(next);
    }
  }
  int64_t size() const { return offsets[0].size(); }
  ArrayRef<SmallVector<int64_t>> strides;
  SmallVector<std::vector<int64_t>> offsets;
};

/// Offsets that may follow each other without a gap.
struct Row {
  explicit Row(ArrayRef<int64_t> offsets) : offsets(offsets) {
    for (auto [i, offset] : llvm::enumerate(offsets))
      isDense &= offset == int64_t(i);
  }
  /// Reads and writes the elements at the offsets.
  void take(const double *from, double *to) const {
    if (isDense)
      std::copy_n(from, offsets.size(), to);
    else
      for (auto [i, offset] : llvm::enumerate(offsets))
        to[i] = from[offset];
  }
  void give(const double *from, double *to) const {
    if (isDense)
      std::copy_n(from, offsets.size(), to);
    else
      for (auto [i, offset] : llvm::enumerate(offsets))
        to[offset] = from[i];
  }
  ArrayRef<int64_t> offsets;
  bool isDense = true;
};
} // namespace

/// Two operands without repeated extents, of floats, as products of packed
/// matrices, one for each point of the loops that both and the result have. The
/// general formula takes ten times as long, and regions are evaluated often.
static LogicalResult multiplyPair(EvalContext &ctx, const Labels &labels,
                                  ArrayRef<int64_t> extents) {
  const Tensor &a = ctx.inputs[0], &b = ctx.inputs[1];
  SmallVector<int64_t> shape;
  for (int64_t loop : labels.result)
    shape.push_back(extents[loop]);
  Tensor *result = ctx.makeUninitialized(0, a.getElementType(), shape);
  if (!result)
    return failure();
  SmallVector<SmallVector<int64_t>> strides(
      3, SmallVector<int64_t>(labels.loops, 0));
  auto setStrides = [&](unsigned of, ArrayRef<int64_t> dims,
                        ArrayRef<int64_t> shape) {
    SmallVector<int64_t> own = rowMajorStrides(shape);
    for (auto [loop, stride] : llvm::zip_equal(dims, own))
      strides[of][loop] += stride; // a label twice is a diagonal
  };
  setStrides(0, labels.operands[0], a.getShape());
  setStrides(1, labels.operands[1], b.getShape());
  setStrides(2, labels.result, shape);
  LoopGroup batch(strides), rows(strides), columns(strides), sums(strides);
  for (int64_t loop = 0; loop < labels.loops; ++loop) {
    bool inA = llvm::is_contained(labels.operands[0], loop),
         inB = llvm::is_contained(labels.operands[1], loop),
         kept = llvm::is_contained(labels.result, loop);
    LoopGroup &group = !kept ? sums : inA && inB ? batch : inA ? rows : columns;
    group.add(loop, extents[loop]);
  }
  int64_t m = rows.size(), k = sums.size(), n = columns.size();
  Buffer<double> left(m * k), right(k * n), product(m * n);
  const double *as = a.floats().data(), *bs = b.floats().data();
  double *out = result->mutableFloats().data();
  Row leftRow(sums.offsets[0]), rightRow(columns.offsets[1]),
      resultRow(columns.offsets[2]);
  for (int64_t p = 0; p < batch.size(); ++p) {
    for (int64_t i = 0; i < m; ++i)
      leftRow.take(as + batch.offsets[0][p] + rows.offsets[0][i],
                   left.data() + i * k);
    for (int64_t i = 0; i < k; ++i)
      rightRow.take(bs + batch.offsets[1][p] + sums.offsets[1][i],
                    right.data() + i * n);
    llvm::fill(product, 0);
    multiplyMatrices(left.data(), right.data(), product.data(), m, k, n);
    for (int64_t i = 0; i < m; ++i)
      resultRow.give(product.data() + i * n,
                     out + batch.offsets[2][p] + rows.offsets[2][i]);
  }
  return success();
}

static LogicalResult evaluateEinsum(EvalContext &ctx) {
  SmallVector<int64_t> ranks;
  for (const Tensor &input : ctx.inputs) {
    if (input.isNull() || input.isFloat() != ctx.inputs[0].isFloat())
      return ctx.error("needs operands of one type");
    ranks.push_back(input.getRank());
  }
  Labels labels;
  if (auto message = readLabels(ctx.node, ranks, labels))
    return ctx.error(*message);
  SmallVector<int64_t> extents(labels.loops, 1);
  for (auto [dims, input] : llvm::zip(labels.operands, ctx.inputs))
    for (auto [loop, extent] : llvm::zip(dims, input.getShape())) {
      if (extents[loop] != 1 && extent != extents[loop] &&
          !(loop < labels.wide && extent == 1))
        return ctx.error(labels.contradiction(loop, extents[loop], extent));
      if (extent != 1)
        extents[loop] = extent;
    }
  for (auto [dims, input] : llvm::zip(labels.operands, ctx.inputs))
    for (auto [loop, extent] : llvm::zip(dims, input.getShape()))
      if (loop >= labels.wide && extent != extents[loop])
        return ctx.error(labels.contradiction(loop, extents[loop], extent));
  if (ctx.inputs.size() == 2 && ctx.inputs[0].isFloat() && labels.wide == 0)
    return multiplyPair(ctx, labels, extents);
  Calculator b;
  ctx.results[0] = ctx.inputs[0].isFloat()
                       ? einsum<double>(b, labels, ctx.inputs, false)
                       : einsum<int64_t>(b, labels, ctx.inputs, false);
  if (b.failed)
    return ctx.error("too large to evaluate");
  return success();
}

static LogicalResult lowerEinsum(LowerContext &ctx) {
  Emitter emitter(ctx);
  SmallVector<int64_t> ranks;
  SmallVector<Value> inputs;
  for (unsigned i = 0, e = ctx.node.getInputs().size(); i < e; ++i) {
    inputs.push_back(ctx.input(i));
    ranks.push_back(emitter.rank(inputs.back()));
  }
  Labels labels;
  if (auto message = readLabels(ctx.node, ranks, labels))
    return ctx.error(*message);
  setResult(ctx, 0,
            einsum<double, Emitter>(emitter, labels, inputs,
                                    isUnsignedInput(ctx, 0)));
  return success();
}

void ssmc::registerEinsumOperators(OperatorTable &table) {
  table.add({"", "Einsum", 12, inferEinsum, evaluateEinsum, lowerEinsum, 1,
             Operator::kAny});
}
