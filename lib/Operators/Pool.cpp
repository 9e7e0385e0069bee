//===- Pool.cpp - reductions over windows ---------------------------------===//
//
// MaxPool, AveragePool, LpPool over windows of inputs N x C x spatial, and the
// Global forms, whose window is all there is. The padding is made explicit;
// what a window with ceil_mode reaches beyond it is padding too, but counts for
// no average.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// Attributes of the node, one entry per spatial dimension.
struct Windows {
  SmallVector<int64_t> sizes, strides, dilations, low, high;
  bool ceil = false, same = false, sameLower = false;

  int64_t reach(size_t k) const { return (sizes[k] - 1) * dilations[k] + 1; }
};
} // namespace

static std::optional<std::string> readWindows(onnx::NodeOp node, size_t rank,
                                              Windows &windows) {
  auto read = [&](StringRef name, SmallVector<int64_t> &to, size_t count,
                  int64_t otherwise, int64_t least) {
    to = node.getInts(name).value_or(SmallVector<int64_t>(count, otherwise));
    return to.size() == count && llvm::all_of(to, [&](int64_t v) {
             return v >= least && v < (1 << 20);
           });
  };
  SmallVector<int64_t> pads;
  if (!node.getInts("kernel_shape") ||
      !read("kernel_shape", windows.sizes, rank, 1, 1))
    return "kernel_shape must be positive, one per spatial dimension";
  if (!read("strides", windows.strides, rank, 1, 1))
    return "strides must be positive, one per spatial dimension";
  if (!read("dilations", windows.dilations, rank, 1, 1))
    return "dilations must be positive, one per spatial dimension";
  if (!read("pads", pads, 2 * rank, 0, 0))
    return "pads must not be negative, two per spatial dimension";
  StringRef autoPad = node.getString("auto_pad", "NOTSET");
  windows.same = autoPad.starts_with("SAME");
  windows.sameLower = autoPad == "SAME_LOWER";
  if (autoPad != "NOTSET")
    pads.assign(2 * rank, 0);
  windows.low.assign(pads.begin(), pads.begin() + rank);
  windows.high.assign(pads.begin() + rank, pads.end());
  windows.ceil = node.getInt("ceil_mode", 0) != 0;
  return std::nullopt;
}

/// The number of windows along an extent, whose paddings are made the same as
/// auto_pad asks; negative where there is none.
static int64_t place(Windows &windows, size_t k, int64_t extent) {
  int64_t stride = windows.strides[k], reach = windows.reach(k);
  if (windows.same) {
    int64_t count = llvm::divideCeil(extent, stride);
    int64_t total = std::max<int64_t>((count - 1) * stride + reach - extent, 0);
    int64_t less = total / 2, more = total - less;
    windows.low[k] = windows.sameLower ? more : less;
    windows.high[k] = windows.sameLower ? less : more;
    return count;
  }
  int64_t span = extent + windows.low[k] + windows.high[k] - reach;
  if (span < 0 && (!windows.ceil || span <= -stride))
    return -1;
  int64_t count =
      (windows.ceil ? (span + stride - 1) / stride : span / stride) + 1;
  // A window that begins in the padding at the end is none.
  if (windows.ceil && (count - 1) * stride >= extent + windows.low[k])
    --count;
  return count;
}

static LogicalResult inferPool(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  StringRef name = ctx.node.getOpType();
  bool isMax = name == "MaxPool";
  if (x.dims.size() < 3)
    return ctx.error("the input must be N x C x spatial");
  if (isMax ? !x.elementType.isIntOrFloat() || x.elementType.isInteger(1)
            : !isa<FloatType>(x.elementType))
    return ctx.error("not defined for elements of type " +
                     describeType(x.elementType));
  size_t rank = x.dims.size() - 2;
  SmallVector<AffineExpr> dims(x.dims);
  Windows windows;
  if (auto message = readWindows(ctx.node, rank, windows))
    return ctx.error(*message);
  if (name == "LpPool" && ctx.node.getInt("p", 2) < 1)
    return ctx.error("p must be positive");
  for (size_t k = 0; k < rank; ++k) {
    AffineExpr &dim = dims[2 + k];
    if (auto extent = asConstant(dim)) {
      int64_t count = place(windows, k, *extent);
      if (count < 0)
        return ctx.error("the window is longer than the padded input");
      dim = ctx.constantDim(count);
      continue;
    }
    int64_t stride = windows.strides[k];
    if (windows.ceil || (windows.same && stride != 1))
      return ctx.error("ceil_mode, or auto_pad with a stride, needs constant "
                       "extents, not " +
                       describeDims(x.dims) + ": fix them with --dim");
    if (!windows.same)
      dim = (dim + (windows.low[k] + windows.high[k] - windows.reach(k)))
                .floorDiv(stride) +
            1;
  }
  ctx.setResult(0, x.elementType, dims);
  if (ctx.node->getNumResults() > 1) {
    for (AffineExpr dim : x.dims)
      if (!asConstant(dim))
        return ctx.error("positions of the maxima need constant extents, not " +
                         describeDims(x.dims) + ": fix them with --dim");
    ctx.setResult(1, IntegerType::get(ctx.getContext(), 64), dims);
  }
  return success();
}

namespace {
template <typename B>
struct Pool {
  using V = typename B::Value;
  using Size = typename B::Size;
  using Operand = typename B::Operand;

  B &b;
  onnx::NodeOp node;
  Windows windows;
  SmallVector<Size> outputs;   // spatial extents of the result
  SmallVector<int64_t> beyond; // how far windows reach beyond the padding
  bool isUnsigned = false;

  size_t rank() const { return windows.sizes.size(); }
  double lowest() const { return isUnsigned ? 0 : -INFINITY; }

  /// Reduces windows of the last dimensions of `x`, the first `lead` of which
  /// are kept: body(element, of `others`..., accumulator).
  template <typename S = double, typename Body>
  V reduce(V x, int64_t lead, ArrayRef<V> others, Type type, double identity,
           Body body) {
    SmallVector<Size> loops, sizes;
    for (int64_t d = 0; d < lead; ++d)
      loops.push_back(b.size(x, d));
    loops.append(outputs);
    int64_t first = loops.size();
    for (int64_t size : windows.sizes)
      sizes.push_back(b.constant(size));
    // Gives the loops over a window their extents.
    V one = b.scalar(b.constant(1), b.accumulatorType(x));
    V frame = b.generic({Operand{one, {}}}, sizes, allLoops(rank()),
                        b.elementType(one), std::nullopt,
                        [](auto x) { return x[0]; });
    Operand input{x, allLoops(lead), isUnsigned}, window{frame, {}};
    for (size_t k = 0; k < rank(); ++k) {
      input.windows.push_back({lead + int64_t(k), windows.strides[k],
                               first + int64_t(k), windows.dilations[k]});
      input.dims.push_back(lead + k);
      window.dims.push_back(first + k);
      loops.push_back(sizes[k]);
    }
    SmallVector<Operand> operands{input};
    for (V other : others)
      operands.push_back({other, allLoops(first), isUnsigned});
    operands.push_back(window);
    return b.template generic<S>(operands, loops, allLoops(first), type,
                                 identity, body);
  }

  V padded(V x, int64_t lead, bool own, double value) {
    SmallVector<Size> low(lead, b.constant(0)), high = low;
    for (size_t k = 0; k < rank(); ++k) {
      low.push_back(b.constant(own ? windows.low[k] : 0));
      high.push_back(b.constant((own ? windows.high[k] : 0) + beyond[k]));
    }
    return b.pad(x, low, high, value);
  }

  V average(V x, Type type) {
    V sum = reduce(padded(x, 2, true, 0), 2, {}, type, 0,
                   [](auto e) { return e[2] + e[0]; });
    // What counts is one, summed in the same way.
    bool counts = node.getInt("count_include_pad", 0) != 0;
    SmallVector<Size> sizes;
    for (size_t k = 0; k < rank(); ++k) {
      Size size = b.size(x, 2 + k);
      sizes.push_back(
          counts ? b.add(size, b.constant(windows.low[k] + windows.high[k]))
                 : size);
    }
    V one = b.scalar(b.constant(1), type);
    V ones = b.generic({Operand{one, {}}}, sizes, allLoops(rank()), type,
                       std::nullopt, [](auto e) { return e[0]; });
    V count = reduce(padded(ones, 0, !counts, 0), 0, {}, type, 0,
                     [](auto e) { return e[2] + e[0]; });
    Operand divisor{count, {}};
    for (size_t k = 0; k < rank(); ++k)
      divisor.dims.push_back(2 + k);
    return mapLike<B>(b, sum, {Operand{sum, allLoops(2 + rank())}, divisor},
                      type, [](auto e) { return e[0] / e[1]; });
  }

  V power(V x, Type type) {
    using namespace scalar;
    double p = node.getInt("p", 2);
    V sum = reduce(padded(x, 2, true, 0), 2, {}, type, 0, [&](auto e) {
      return e[2] + pow(abs(e[0]), literal(e[0], p));
    });
    return mapLike<B>(b, sum, {Operand{sum, allLoops(2 + rank())}}, type,
                      [&](auto e) { return pow(e[0], literal(e[0], 1 / p)); });
  }

  template <typename S>
  V maximum(V x, Type type) {
    using namespace scalar;
    return reduce<S>(padded(x, 2, true, lowest()), 2, {}, type, -INFINITY,
                     [](auto e) { return max(e[2], e[0]); });
  }

  /// Where the first maximum of each window stands in the input.
  V positions(V x, V top, ArrayRef<int64_t> extents, Type type) {
    using namespace scalar;
    bool columns = node.getInt("storage_order", 0) != 0;
    SmallVector<int64_t> strides(rank(), 1);
    int64_t plane = 1;
    for (size_t i = 0; i < rank(); ++i) {
      size_t k = columns ? i : rank() - 1 - i;
      strides[k] = plane;
      plane *= extents[2 + k];
    }
    return reduce(
        padded(x, 2, true, lowest()), 2, top, type, 0x1p53,
        [&](auto e, auto index) {
          auto best = e[3];
          auto number = [&](double n) { return literal(best, n); };
          auto at = toElement(best, index(0)) * number(extents[1] * plane) +
                    toElement(best, index(1)) * number(plane);
          auto inside = equal(e[0], e[1]);
          for (size_t k = 0; k < rank(); ++k) {
            auto here =
                toElement(best, index(2 + k)) * number(windows.strides[k]) +
                toElement(best, index(2 + rank() + k)) *
                    number(windows.dilations[k]) -
                number(windows.low[k]);
            inside = logicalAnd(inside,
                                logicalAnd(lessEqual(number(0), here),
                                           less(here, number(extents[2 + k]))));
            at = at + here * number(strides[k]);
          }
          return select(inside, min(best, at), best);
        });
  }

  template <typename S>
  V run(V x) {
    StringRef name = node.getOpType();
    Type type = b.accumulatorType(x);
    V y = name == "MaxPool"       ? maximum<S>(x, type)
          : name == "AveragePool" ? average(x, type)
                                  : power(x, type);
    return convertElements(b, y, b.elementType(x));
  }
};
} // namespace

/// Fills what follows from the extents of input and result; those that are not
/// known are left as they are.
template <typename B>
static void placeAll(Pool<B> &pool, ArrayRef<int64_t> extents) {
  for (size_t k = 0; k < pool.rank(); ++k) {
    Windows &windows = pool.windows;
    int64_t extent = extents[2 + k];
    if (ShapedType::isDynamic(extent)) {
      if (windows.same) {
        int64_t total = windows.reach(k) - 1, less = total / 2;
        windows.low[k] = windows.sameLower ? total - less : less;
        windows.high[k] = total - windows.low[k];
      }
      pool.beyond.push_back(0);
      continue;
    }
    int64_t count = place(windows, k, extent);
    pool.beyond.push_back(std::max<int64_t>(
        0, (count - 1) * windows.strides[k] + windows.reach(k) - extent -
               windows.low[k] - windows.high[k]));
  }
}

static LogicalResult evaluatePool(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0];
  Windows windows;
  if (x.getRank() < 3)
    return ctx.error("the input must be N x C x spatial");
  if (auto message = readWindows(ctx.node, x.getRank() - 2, windows))
    return ctx.error(*message);
  Calculator calculator;
  Pool<Calculator> pool{calculator, ctx.node,
                        windows,    {},
                        {},         x.getElementType().isUnsignedInteger()};
  for (size_t k = 0; k < pool.rank(); ++k) {
    int64_t count = place(windows, k, x.getShape()[2 + k]);
    if (count < 0)
      return ctx.error("the window is longer than the padded input");
    pool.outputs.push_back(count);
  }
  placeAll(pool, x.getShape());
  Tensor y = x.isFloat() ? pool.run<double>(x) : pool.run<int64_t>(x);
  if (ctx.results.size() > 1)
    ctx.results[1] = pool.positions(
        x, y, x.getShape(), IntegerType::get(ctx.node->getContext(), 64));
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  ctx.results[0] = std::move(y);
  return success();
}

static LogicalResult lowerPool(LowerContext &ctx) {
  Emitter emitter(ctx);
  Value x = ctx.input(0);
  auto type = cast<RankedTensorType>(x.getType());
  Windows windows;
  if (auto message = readWindows(ctx.node, type.getRank() - 2, windows))
    return ctx.error(*message);
  Pool<Emitter> pool{emitter, ctx.node, windows,
                     {},      {},       isUnsignedInput(ctx, 0)};
  for (size_t k = 0; k < pool.rank(); ++k)
    pool.outputs.push_back(ctx.resultDim(0, 2 + k));
  placeAll(pool, type.getShape());
  Value y = pool.run<double>(x);
  setResult(ctx, 0, y);
  if (ctx.node->getNumResults() > 1)
    setResult(ctx, 1,
              pool.positions(x, y, type.getShape(), ctx.builder.getI64Type()));
  return success();
}

//===----------------------------------------------------------------------===//
// All of each channel
//===----------------------------------------------------------------------===//

static LogicalResult inferGlobal(InferContext &ctx) {
  const ValueShape &x = ctx.input(0);
  if (x.dims.size() < 2 || !isa<FloatType>(x.elementType))
    return ctx.error("the input must be N x C x spatial, of floats");
  if (ctx.node.getInt("p", 2) < 1)
    return ctx.error("p must be positive");
  SmallVector<AffineExpr> dims(x.dims.size(), ctx.constantDim(1));
  dims[0] = x.dims[0];
  dims[1] = x.dims[1];
  ctx.setResult(0, x.elementType, dims);
  return success();
}

template <typename B>
static typename B::Value pooled(B &b, onnx::NodeOp node, typename B::Value x) {
  using namespace scalar;
  using Operand = typename B::Operand;
  StringRef name = node.getOpType();
  Type type = b.accumulatorType(x);
  SmallVector<int64_t> axes, kept{0, 1};
  for (int64_t d = 2; d < b.rank(x); ++d)
    axes.push_back(d);
  typename B::Value y;
  if (name == "GlobalMaxPool") {
    y = reduceAxes(b, x, axes, type, -INFINITY,
                   [](auto x) { return max(x[1], x[0]); });
  } else if (name == "GlobalAveragePool") {
    auto count = b.constant(1);
    for (int64_t d : axes)
      count = b.multiply(count, b.size(x, d));
    auto sum =
        reduceAxes(b, x, axes, type, 0, [](auto x) { return x[1] + x[0]; });
    y = mapLike<B>(b, sum,
                   {Operand{sum, kept}, Operand{b.scalar(count, type), {}}},
                   type, [](auto x) { return x[0] / x[1]; });
  } else {
    double p = node.getInt("p", 2);
    auto sum = reduceAxes(b, x, axes, type, 0, [&](auto x) {
      return x[1] + pow(abs(x[0]), literal(x[0], p));
    });
    y = mapLike<B>(b, sum, {Operand{sum, kept}}, type,
                   [&](auto x) { return pow(x[0], literal(x[0], 1 / p)); });
  }
  return insertOnes(b, convertElements(b, y, b.elementType(x)), axes);
}

static LogicalResult evaluateGlobal(EvalContext &ctx) {
  if (ctx.inputs[0].getRank() < 2 || !ctx.inputs[0].isFloat())
    return ctx.error("the input must be N x C x spatial, of floats");
  Calculator calculator;
  ctx.results[0] = pooled<Calculator>(calculator, ctx.node, ctx.inputs[0]);
  return success();
}

static LogicalResult lowerGlobal(LowerContext &ctx) {
  Emitter emitter(ctx);
  setResult(ctx, 0, pooled<Emitter>(emitter, ctx.node, ctx.input(0)));
  return success();
}

void ssmc::registerPoolOperators(OperatorTable &table) {
  for (StringRef name : {"AveragePool", "LpPool"})
    table.add({"", name, 7, inferPool, evaluatePool, lowerPool});
  table.add({"", "MaxPool", 1, inferPool, evaluatePool, lowerPool, 1, 1, 1, 2});
  for (StringRef name : {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"})
    table.add({"", name, 1, inferGlobal, evaluateGlobal, lowerGlobal});
}
