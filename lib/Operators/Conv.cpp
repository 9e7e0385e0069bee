//===- Conv.cpp - convolution ---------------------------------------------===//
//
// Inputs N x C x spatial and weights M x C/G x window. The padding is made
// explicit, then the convolution is one contraction over windows; groups are a
// dimension of their own, left out where there is one group, or where every
// channel is a group.
//
//===----------------------------------------------------------------------===//

#include "lib/Operators/Extents.h"
#include "lib/Operators/Families.h"
#include "lib/Operators/Formula.h"
#include "lib/Operators/ShapeArithmetic.h"

using namespace mlir;
using namespace ssmc;

namespace {
/// Attributes of the node, one entry per spatial dimension.
struct Geometry {
  int64_t groups;
  SmallVector<int64_t> strides, dilations, windows;
  // Paddings, where they do not depend on the input's extents.
  SmallVector<int64_t> low, high;
  bool same = false;      // auto_pad
  bool sameLower = false; // the odd element of the padding comes first
};
} // namespace

/// Reads and checks the attributes. `windows` are the weight's extents.
/// Returns a message on failure.
static std::optional<std::string>
readGeometry(onnx::NodeOp node, ArrayRef<int64_t> windows, Geometry &geometry) {
  size_t rank = windows.size();
  geometry.windows.assign(windows.begin(), windows.end());
  geometry.groups = node.getInt("group", 1);
  if (geometry.groups < 1)
    return "group must be positive";
  auto read = [&](StringRef name, SmallVector<int64_t> &to, size_t count,
                  int64_t otherwise, int64_t least) {
    to = node.getInts(name).value_or(SmallVector<int64_t>(count, otherwise));
    return to.size() == count && llvm::all_of(to, [&](int64_t v) {
             return v >= least && v < (1 << 30);
           });
  };
  SmallVector<int64_t> pads, kernel;
  if (!read("strides", geometry.strides, rank, 1, 1))
    return "strides must be positive, one per spatial dimension";
  if (!read("dilations", geometry.dilations, rank, 1, 1))
    return "dilations must be positive, one per spatial dimension";
  if (!read("pads", pads, 2 * rank, 0, 0))
    return "pads must not be negative, two per spatial dimension";
  if (!read("kernel_shape", kernel, rank, 0, 0) ||
      (node.getInts("kernel_shape") && ArrayRef(kernel) != windows))
    return "kernel_shape is not the shape of the weight";
  StringRef autoPad = node.getString("auto_pad", "NOTSET");
  geometry.same = autoPad.starts_with("SAME");
  geometry.sameLower = autoPad == "SAME_LOWER";
  if (autoPad == "VALID")
    pads.assign(2 * rank, 0);
  geometry.low.assign(pads.begin(), pads.begin() + rank);
  geometry.high.assign(pads.begin() + rank, pads.end());
  return std::nullopt;
}

/// The padding that makes an output as long as the input over the stride:
/// needs the input's extent unless the stride is 1.
static std::pair<int64_t, int64_t>
samePadding(const Geometry &geometry, size_t k, std::optional<int64_t> extent) {
  int64_t reach = (geometry.windows[k] - 1) * geometry.dilations[k] + 1;
  int64_t total = reach - 1;
  if (int64_t stride = geometry.strides[k]; stride != 1 && extent)
    total = std::max<int64_t>(
        (llvm::divideCeil(*extent, stride) - 1) * stride + reach - *extent, 0);
  int64_t less = total / 2, more = total - less;
  return geometry.sameLower ? std::make_pair(more, less)
                            : std::make_pair(less, more);
}

// Whether there are `groups` times `perGroup` channels.
static bool haveChannels(int64_t channels, int64_t perGroup, int64_t groups) {
  int64_t product;
  return !llvm::MulOverflow(perGroup, groups, product) && product == channels;
}

static LogicalResult inferConv(InferContext &ctx) {
  const ValueShape &x = ctx.input(0), &w = ctx.input(1);
  size_t rank = x.dims.size();
  if (rank < 3 || w.dims.size() != rank)
    return ctx.error("expects an input N x C x spatial and a weight of the "
                     "same rank, has " +
                     describeDims(x.dims) + " and " + describeDims(w.dims));
  if (!isa<FloatType>(x.elementType) || w.elementType != x.elementType)
    return ctx.error("operands must be of one float type");
  // A window as long as the sequence is of no constant extent.
  SmallVector<int64_t> windows;
  bool isOpen = false;
  for (AffineExpr dim : ArrayRef(w.dims).drop_front(2)) {
    auto extent = asConstant(dim);
    if (extent && (*extent < 1 || *extent >= (1 << 30)))
      return ctx.error("the extents of the weight must be positive");
    isOpen |= !extent;
    windows.push_back(extent.value_or(1));
  }
  Geometry geometry;
  if (auto message = readGeometry(ctx.node, windows, geometry))
    return ctx.error(*message);
  if (isOpen && geometry.same)
    return ctx.error("auto_pad needs constant extents of the weight, not " +
                     describeDims(w.dims) + ": fix them with --dim");
  auto channels = asConstant(x.dims[1]), perGroup = asConstant(w.dims[1]),
       outputs = asConstant(w.dims[0]);
  if (!perGroup || !outputs || *outputs % geometry.groups != 0)
    return ctx.error("the weight's first extent must be a multiple of group");
  if (channels && !haveChannels(*channels, *perGroup, geometry.groups))
    return ctx.error("the input has " + Twine(*channels) +
                     " channels, the weight is for " + Twine(geometry.groups) +
                     " groups of " + Twine(*perGroup));
  if (ctx.node.hasInput(2)) {
    const ValueShape &bias = ctx.input(2);
    auto size = bias.dims.size() == 1 ? asConstant(bias.dims[0]) : std::nullopt;
    if (bias.elementType != x.elementType || size != outputs)
      return ctx.error("the bias must have one element per output channel");
  }
  SmallVector<AffineExpr> dims{x.dims[0], w.dims[0]};
  for (size_t k = 0; k < windows.size(); ++k) {
    AffineExpr extent = x.dims[2 + k];
    int64_t stride = geometry.strides[k];
    if (geometry.same) {
      if (stride != 1 && !asConstant(extent))
        return ctx.error("auto_pad with a stride needs constant extents, not " +
                         describeDims(x.dims) + ": fix them with --dim");
      dims.push_back(extent.ceilDiv(stride));
      continue;
    }
    AffineExpr reach = (w.dims[2 + k] - 1) * geometry.dilations[k];
    AffineExpr span = extent + (geometry.low[k] + geometry.high[k] - 1) - reach;
    if (auto known = asConstant(span); known && *known < 0)
      return ctx.error("the window is longer than the padded input");
    dims.push_back(
        simplifyExtent((stride == 1 ? span : span.floorDiv(stride)) + 1));
  }
  ctx.setResult(0, x.elementType, dims);
  return success();
}

template <typename B>
static typename B::Value convolve(B &b, const Geometry &geometry,
                                  typename B::Value x, typename B::Value w,
                                  std::optional<typename B::Value> bias,
                                  ArrayRef<typename B::Size> outputSizes) {
  using Size = typename B::Size;
  using Operand = typename B::Operand;
  size_t spatial = geometry.windows.size();
  Type type = b.accumulatorType(x), resultType = b.elementType(x);
  SmallVector<Size> low(2, b.constant(0)), high(2, b.constant(0));
  for (size_t k = 0; k < spatial; ++k) {
    low.push_back(b.constant(geometry.low[k]));
    high.push_back(b.constant(geometry.high[k]));
  }
  x = b.pad(x, low, high, 0);

  // Split the channels into groups where there are any to be seen.
  int64_t groups = geometry.groups;
  Size outputs = b.size(w, 0), perGroup = b.size(w, 1);
  bool grouped = groups > 1;
  bool depthwise =
      grouped && b.isOne(perGroup) && b.isEqual(outputs, b.constant(groups));
  // Positions of the tail of a shape after `lead` dimensions.
  auto tailGroups = [&](SmallVector<ReassociationIndices> lead, int64_t first) {
    for (size_t k = 0; k < spatial; ++k)
      lead.push_back({first + int64_t(k)});
    return lead;
  };
  auto withSpatial = [&](SmallVector<Size> lead, typename B::Value of) {
    for (size_t k = 0; k < spatial; ++k)
      lead.push_back(b.size(of, 2 + k));
    return lead;
  };
  auto xSizes = withSpatial({b.size(x, 0), b.constant(groups), perGroup}, x);
  auto wSizes =
      withSpatial({b.constant(groups), b.divide(outputs, groups), perGroup}, w);
  if (depthwise) {
    w = b.collapse(w, tailGroups({{0, 1}}, 2));
  } else if (grouped) {
    x = b.expand(x, tailGroups({{0}, {1, 2}}, 3), xSizes);
    w = b.expand(w, tailGroups({{0, 1}, {2}}, 3), wSizes);
  }

  // Loops: n, (g,) m, outputs, (c,) window; depthwise n, m, outputs, window.
  SmallVector<Size> loops{b.size(x, 0)};
  Operand input{x, {0}}, weight{w, {}};
  if (grouped && !depthwise) {
    loops.push_back(b.constant(groups));
    input.dims.push_back(1);
    weight.dims.push_back(1);
  }
  int64_t channel = loops.size();
  loops.push_back(grouped && !depthwise ? b.divide(outputs, groups) : outputs);
  weight.dims.push_back(channel);
  int64_t firstOutput = loops.size();
  loops.append(outputSizes.begin() + 2, outputSizes.end());
  SmallVector<int64_t> resultDims = allLoops(loops.size());
  if (depthwise) {
    input.dims.push_back(channel);
  } else {
    input.dims.push_back(loops.size());
    weight.dims.push_back(loops.size());
    loops.push_back(perGroup);
  }
  for (size_t k = 0; k < spatial; ++k) {
    input.windows.push_back({int64_t(input.dims.size()), geometry.strides[k],
                             int64_t(loops.size()), geometry.dilations[k]});
    input.dims.push_back(firstOutput + k);
    weight.dims.push_back(loops.size());
    loops.push_back(b.constant(geometry.windows[k]));
  }
  auto y = b.generic({input, weight}, loops, resultDims, type, 0.0,
                     [](auto x) { return x[2] + x[0] * x[1]; });
  if (grouped && !depthwise)
    y = b.collapse(y, tailGroups({{0}, {1, 2}}, 3));
  if (!bias)
    return convertElements(b, y, resultType);
  return mapLike<B>(b, y,
                    {Operand{y, allLoops(2 + spatial)}, Operand{*bias, {1}}},
                    resultType, [](auto x) { return x[0] + x[1]; });
}

static LogicalResult evaluateConv(EvalContext &ctx) {
  const Tensor &x = ctx.inputs[0], &w = ctx.inputs[1];
  ArrayRef<int64_t> xs = x.getShape(), ws = w.getShape();
  if (xs.size() < 3 || ws.size() != xs.size() || !x.isFloat() || !w.isFloat())
    return ctx.error("operands that do not fit");
  Geometry geometry;
  if (auto message = readGeometry(ctx.node, ws.drop_front(2), geometry))
    return ctx.error(*message);
  std::optional<Tensor> bias;
  if (ctx.has(2))
    bias = ctx.inputs[2];
  if (!haveChannels(xs[1], ws[1], geometry.groups) ||
      ws[0] % geometry.groups != 0 ||
      (bias && (bias->getShape() != ws.take_front(1) || !bias->isFloat())))
    return ctx.error("operands that do not fit");
  SmallVector<int64_t> sizes{xs[0], ws[0]};
  for (size_t k = 0; k < geometry.windows.size(); ++k) {
    if (geometry.same)
      std::tie(geometry.low[k], geometry.high[k]) =
          samePadding(geometry, k, xs[2 + k]);
    int64_t span = xs[2 + k] + geometry.low[k] + geometry.high[k] -
                   (geometry.windows[k] - 1) * geometry.dilations[k] - 1;
    if (span < 0)
      return ctx.error("the window is longer than the padded input");
    sizes.push_back(span / geometry.strides[k] + 1);
  }
  Calculator calculator;
  Tensor y = convolve<Calculator>(calculator, geometry, x, w, bias, sizes);
  if (calculator.failed)
    return ctx.error("too large to evaluate");
  ctx.results[0] = std::move(y);
  return success();
}

static LogicalResult lowerConv(LowerContext &ctx) {
  Emitter emitter(ctx);
  Value x = ctx.input(0), w = ctx.input(1);
  auto xType = cast<RankedTensorType>(x.getType()),
       wType = cast<RankedTensorType>(w.getType());
  ArrayRef<int64_t> windows = wType.getShape().drop_front(2);
  if (ShapedType::isDynamicShape(windows))
    return ctx.error("a weight of free extents that is no long convolution "
                     "cannot be compiled: fix them with --dim");
  Geometry geometry;
  if (auto message = readGeometry(ctx.node, windows, geometry))
    return ctx.error(*message);
  SmallVector<OpFoldResult> sizes;
  for (int64_t d = 0; d < xType.getRank(); ++d)
    sizes.push_back(ctx.resultDim(0, d));
  for (size_t k = 0; geometry.same && k < windows.size(); ++k) {
    bool isKnown = !xType.isDynamicDim(2 + k);
    std::tie(geometry.low[k], geometry.high[k]) = samePadding(
        geometry, k,
        isKnown ? std::optional(xType.getDimSize(2 + k)) : std::nullopt);
  }
  std::optional<Value> bias;
  if (ctx.node.hasInput(2))
    bias = ctx.input(2);
  setResult(ctx, 0, convolve<Emitter>(emitter, geometry, x, w, bias, sizes));
  return success();
}

void ssmc::registerConvOperators(OperatorTable &table) {
  table.add({"", "Conv", 1, inferConv, evaluateConv, lowerConv, 2, 3});
}
