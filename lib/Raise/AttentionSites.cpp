//===- AttentionSites.cpp - attention to keys of another length -----------===//

#include "lib/Raise/AttentionSites.h"

using namespace mlir;

namespace ssmc {

static bool isExponential(onnx::NodeOp node) {
  return node.getDomain().empty() &&
         (node.getOpType() == "Softmax" || node.getOpType() == "Exp" ||
          node.getOpType() == "LogSoftmax");
}

static bool isAttention(onnx::NodeOp node) {
  return node.getDomain().empty() && node.getOpType() == "Attention";
}

bool mayHaveAttentionSites(func::FuncOp func) {
  unsigned products = 0, exponentials = 0;
  for (auto node : func.getBody().front().getOps<onnx::NodeOp>()) {
    if (isAttention(node))
      return true;
    exponentials += isExponential(node);
    products +=
        node.getOpType() == "ReduceSum" ||
        ((node.getOpType() == "MatMul" || node.getOpType() == "Einsum") &&
         llvm::none_of(node.getInputs(), [](Value value) {
           return isa_and_nonnull<onnx::ConstantOp>(value.getDefiningOp());
         }));
  }
  return products > 1 && exponentials;
}

namespace {
/// Reads the sites of one graph.
class SiteReader {
public:
  explicit SiteReader(const Graph &graph)
      : graph(graph), symbols(graph.getFunc()->getParentOfType<ModuleOp>()) {}

  std::vector<AttentionSite> readProducts(const Product &values);
  std::vector<AttentionSite> readNode(onnx::NodeOp node);

private:
  using Labels = ArrayRef<int>;
  std::optional<View> viewOf(Value value, Labels labels,
                             std::optional<int> batch, int64_t inner, int time,
                             Labels heads, int feature) const;
  void readWeights(const Product &values, bool weightsLeft,
                   std::vector<AttentionSite> &sites);
  std::optional<AttentionSite> make(const Product &scores, bool queriesLeft,
                                    const Product &values, bool weightsLeft,
                                    const Cone &between);
  bool addMasks(AttentionSite &site, const Product &scores,
                const AxisLabels &heads, int query, int key,
                const llvm::SmallSetVector<Operation *, 16> &inside);
  AffineExpr extentOf(Value value, unsigned axis) {
    return symbols.shapeOf(value.getType(), "dim")->dims[axis];
  }
  AffineExpr extentOf(Value value, Labels labels, std::optional<int> label) {
    auto *at = label ? llvm::find(labels, *label) : labels.end();
    return at == labels.end() ? getAffineConstantExpr(1, value.getContext())
                              : extentOf(value, at - labels.begin());
  }
  static bool isFloat(Value value) {
    return isa<FloatType>(getElementTypeOrSelf(value.getType()));
  }

  const Graph &graph;
  ModuleSymbols symbols;
};
} // namespace

/// [batch, time, heads, feature], of axes with these labels; the axis of the
/// batch has `inner` heads for each row.
std::optional<View> SiteReader::viewOf(Value value, Labels labels,
                                       std::optional<int> batch, int64_t inner,
                                       int time, Labels heads,
                                       int feature) const {
  ValueAxes axes;
  SmallVector<std::pair<int64_t, unsigned>> rest; // place, axis
  auto shape = graph.getShape(value);
  if (!shape || shape->size() != labels.size())
    return std::nullopt;
  unsigned counting = 0, features = 0;
  for (auto [label, extent] : llvm::zip_equal(labels, *shape)) {
    AxisKind kind = label == batch  ? AxisKind::Batch
                    : label == time ? AxisKind::Time
                                    : AxisKind::Other;
    axes.push_back({Digit{kind, 1, extent}});
    if (kind == AxisKind::Batch && inner > 1) {
      if (extent % inner != 0)
        return std::nullopt;
      axes.back() = {Digit{kind, 1, extent / inner},
                     Digit{AxisKind::Other, 1, inner}};
      rest.push_back({-1, counting++});
    }
    if (kind != AxisKind::Other || extent == 1)
      continue;
    const int *at = llvm::find(heads, label);
    if (at == heads.end() && label != feature)
      return std::nullopt;
    features += label == feature;
    rest.push_back(
        {label == feature ? int64_t(heads.size()) : int64_t(at - heads.begin()),
         counting++});
  }
  llvm::sort(rest);
  SmallVector<unsigned> order;
  for (auto [place, axis] : rest)
    order.push_back(axis);
  return View::make(axes, /*hasTime=*/true, order,
                    {counting - features, features});
}

/// Rows of a batch that are so many heads each: their symbol and that number.
static std::pair<AffineExpr, int64_t> splitRows(AffineExpr extent) {
  auto product = dyn_cast<AffineBinaryOpExpr>(extent);
  if (product && product.getKind() == AffineExprKind::Mul &&
      isa<AffineSymbolExpr>(product.getLHS()))
    if (std::optional<int64_t> heads = constantExtent(product.getRHS());
        heads && *heads > 1)
      return {product.getLHS(), *heads};
  return {extent, 1};
}

/// What is computed from scores on the way to the exit reads other values from
/// outside: those that follow from data are masks.
bool SiteReader::addMasks(AttentionSite &site, const Product &scores,
                          const AxisLabels &heads, int query, int key,
                          const llvm::SmallSetVector<Operation *, 16> &inside) {
  constexpr double kHides = -1e4;
  // What hidden scores are replaced by.
  double hiding = -INFINITY;
  llvm::SmallSetVector<Value, 4> others;
  for (Operation *op : inside)
    for (Value operand : op->getOperands()) {
      if (isa<NoneType>(operand.getType()) ||
          inside.contains(operand.getDefiningOp()) || op == scores.node)
        continue;
      if (graph.dependsOnInput(operand))
        others.insert(operand);
      else if (FailureOr<Tensor> number = graph.evaluateConstant(operand);
               succeeded(number) && number->isFloat() &&
               number->getNumElements() == 1 && number->at(0) < kHides)
        hiding = number->at(0);
    }
  for (Value value : others) {
    if (llvm::is_contained(site.region.frontier, value))
      continue;
    constexpr size_t kMostMasks = 4;
    auto shape = symbols.shapeOf(value.getType(), "dim");
    Type element = getElementTypeOrSelf(value.getType());
    if (!shape || shape->dims.size() > 4 ||
        site.mixer.masks.size() >= kMostMasks ||
        (!isa<FloatType>(element) && !element.isInteger(1)))
      return false;
    // As it is broadcast to the scores.
    AffineExpr one = getAffineConstantExpr(1, value.getContext());
    ScoreBias mask;
    mask.value = value;
    mask.extents.assign(4, one);
    if (element.isInteger(1)) {
      mask.kind = ScoreBias::Seen;
      mask.hiding = hiding;
    }
    size_t rank = shape->dims.size();
    AffineExpr inner =
        getAffineConstantExpr(site.mixer.layout.heads, value.getContext());
    if (rank > scores.result.size() ||
        (rank == 3 && heads.empty() && shape->dims[0] == inner)) {
      // Heads that were rows of the batch stand on an axis of their own.
      llvm::copy(shape->dims, mask.extents.end() - rank);
      site.mixer.masks.push_back(std::move(mask));
      site.region.frontier.push_back(value);
      continue;
    }
    Labels labels = Labels(scores.result).take_back(rank);
    unsigned last = 0;
    for (auto [axis, label] : llvm::enumerate(labels)) {
      AffineExpr extent = shape->dims[axis];
      if (extent == one)
        continue;
      unsigned place = label == key                       ? 3
                       : label == query                   ? 2
                       : llvm::is_contained(heads, label) ? 1
                                                          : 0;
      if (place < last || (place == 1 && heads.size() > 1))
        return false; // in another order
      last = place;
      mask.extents[place] = extent;
      if (auto [rows, inner] = splitRows(extent); place == 0 && inner > 1) {
        if (!heads.empty())
          return false;
        mask.extents[0] = rows;
        mask.extents[1] = getAffineConstantExpr(inner, rows.getContext());
      }
    }
    site.mixer.masks.push_back(std::move(mask));
    site.region.frontier.push_back(value);
  }
  return true;
}

std::optional<AttentionSite>
SiteReader::make(const Product &scores, bool queriesLeft, const Product &values,
                 bool weightsLeft, const Cone &between) {
  AxisLabels keys = scores.free(!queriesLeft), summed = scores.summed(),
             queries = scores.free(queriesLeft), batch = scores.shared();
  AxisLabels outSummed = values.summed(), outQueries = values.free(weightsLeft),
             outFeatures = values.free(!weightsLeft),
             outBatch = values.shared();
  if (keys.size() != 1 || summed.size() != 1 || outSummed.size() != 1 ||
      outFeatures.size() != 1 || queries.size() > 2 || outQueries.size() > 2)
    return std::nullopt;
  // Of two axes that only queries have, the first one is of heads.
  constexpr int kNone = -1;
  auto split = [](AxisLabels &batch, AxisLabels &free) {
    int query = free.empty() ? kNone : free.pop_back_val();
    std::optional<int> first;
    if (!batch.empty()) {
      first = batch.front();
      batch.erase(batch.begin());
    }
    batch.append(free);
    return std::make_pair(first, query);
  };
  auto [rows, query] = split(batch, queries);
  auto [outRows, outQuery] = split(outBatch, outQueries);
  Value q = queriesLeft ? scores.lhs : scores.rhs,
        k = queriesLeft ? scores.rhs : scores.lhs,
        v = weightsLeft ? values.rhs : values.lhs;
  ArrayRef<int> qLabels = queriesLeft ? scores.left : scores.right,
                kLabels = queriesLeft ? scores.right : scores.left,
                vLabels = weightsLeft ? values.right : values.left;
  Value exit = values.node->getResult(0);
  if (q == k || q == v || k == v || !isFloat(q) || !isFloat(k) || !isFloat(v))
    return std::nullopt;
  auto [rowExtent, inner] = splitRows(extentOf(q, qLabels, rows));
  auto qView = viewOf(q, qLabels, rows, inner, query, batch, summed[0]),
       kView = viewOf(k, kLabels, rows, inner, keys[0], batch, summed[0]),
       vView = viewOf(v, vLabels, outRows, inner, outSummed[0], outBatch,
                      outFeatures[0]),
       out = viewOf(exit, values.result, outRows, inner, outQuery, outBatch,
                    outFeatures[0]);
  if (!qView || !kView || !vView || !out)
    return std::nullopt;
  AttentionMixer mixer({out->getShape()[2], out->getShape()[3], *out});
  mixer.q = Role{q, *qView};
  mixer.k = Role{k, *kView};
  mixer.v = Role{v, *vView};
  ArrayRef<int64_t> qs = qView->getShape(), ks = kView->getShape(),
                    vs = vView->getShape(), ys = out->getShape();
  if (qs[0] != ks[0] || qs[0] != vs[0] || qs[0] != ys[0] || qs[1] != ys[1] ||
      qs[2] != ys[2] || qs[3] != ks[3] || ks[1] != vs[1] || ks[2] != vs[2] ||
      vs[3] != ys[3] || ks[2] < 1 || qs[2] % ks[2] != 0)
    return std::nullopt;
  mixer.lengths = AttentionExtents{rowExtent, extentOf(q, qLabels, query),
                                   extentOf(k, kLabels, keys[0]),
                                   extentOf(k, kLabels, keys[0])};
  AttentionSite site{{{q, k, v}, exit, {}}, mixer, {}};
  llvm::SmallSetVector<Operation *, 16> inside;
  inside.insert(scores.node);
  for (Operation *op : between.nodes)
    if (llvm::any_of(op->getOperands(), [&](Value operand) {
          return inside.contains(operand.getDefiningOp());
        }))
      inside.insert(op);
  if (!addMasks(site, scores, batch, query, keys[0], inside))
    return std::nullopt;
  sortByDefinition(graph, site.region.frontier);
  return site;
}

/// From weights back to the products that may be scores, with an exponential on
/// the way.
void SiteReader::readWeights(const Product &values, bool weightsLeft,
                             std::vector<AttentionSite> &sites) {
  constexpr size_t kMostNodes = 96;
  Value weights = weightsLeft ? values.lhs : values.rhs;
  Cone between;
  SmallVector<Product> found;
  llvm::DenseSet<Operation *> seen;
  SmallVector<Value> worklist{weights};
  bool exponential = false;
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    auto node = dyn_cast_or_null<onnx::NodeOp>(op);
    if (!node || graph.indexOf(op) < 0 || op->getNumRegions() ||
        !seen.insert(op).second)
      continue;
    if (auto product = readProduct(graph, node)) {
      found.push_back(*product);
      continue;
    }
    between.nodes.push_back(op);
    if (between.nodes.size() > kMostNodes)
      break;
    exponential |= isExponential(node);
    for (Value operand : op->getOperands())
      if (graph.dependsOnInput(operand))
        worklist.push_back(operand);
  }
  if (!exponential)
    return;
  llvm::sort(between.nodes, [&](Operation *a, Operation *b) {
    return graph.indexOf(a) < graph.indexOf(b);
  });
  for (const Product &scores : found)
    for (bool queriesLeft : {true, false})
      if (auto site = make(scores, queriesLeft, values, weightsLeft, between))
        sites.push_back(std::move(*site));
}

std::vector<AttentionSite> SiteReader::readProducts(const Product &values) {
  std::vector<AttentionSite> sites;
  for (bool weightsLeft : {true, false})
    readWeights(values, weightsLeft, sites);
  return sites;
}

/// The node says what its operands are; what it does with them is compared all
/// the same.
std::vector<AttentionSite> SiteReader::readNode(onnx::NodeOp node) {
  enum { Q, K, V, Mask, PastKey, PastValue, Filled };
  auto known = [&](unsigned i) {
    return node.hasInput(i) && graph.getShape(node.getInputs()[i]) &&
           graph.dependsOnInput(node.getInputs()[i]) &&
           isFloat(node.getInputs()[i]);
  };
  bool hasPast = node.hasInput(PastKey);
  if (!known(Q) || !known(K) || !known(V) || node.hasInput(Filled) ||
      (hasPast && (!known(PastKey) || !known(PastValue))) ||
      (node->getNumResults() > 3 && !node->getResult(3).use_empty()) ||
      !graph.getShape(node->getResult(0)))
    return {};
  OperandRange in = node.getInputs();
  bool flat = graph.getShape(in[Q])->size() == 3;
  auto view = [&](Value value, StringRef heads) -> std::optional<View> {
    ArrayRef<int64_t> shape = *graph.getShape(value);
    auto digit = [](AxisKind kind, int64_t extent) {
      return Digit{kind, 1, extent};
    };
    ValueAxes axes{{digit(AxisKind::Batch, shape[0])}};
    int64_t count, size;
    if (!heads.empty()) {
      count = node.getInt(heads, 0);
      if (shape.size() != 3 || count <= 0 || shape[2] % count != 0)
        return std::nullopt;
      size = shape[2] / count;
      axes.push_back({digit(AxisKind::Time, shape[1])});
      axes.push_back(
          {digit(AxisKind::Other, count), digit(AxisKind::Other, size)});
    } else {
      if (shape.size() != 4)
        return std::nullopt;
      count = shape[1], size = shape[3];
      axes.push_back({digit(AxisKind::Other, count)});
      axes.push_back({digit(AxisKind::Time, shape[2])});
      axes.push_back({digit(AxisKind::Other, size)});
    }
    return View::make(axes, /*hasTime=*/true, {},
                      {unsigned(count != 1), unsigned(size != 1)});
  };
  StringRef own = flat ? "q_num_heads" : "",
            shared = flat ? "kv_num_heads" : "";
  Value exit = node->getResult(0);
  auto qView = view(in[Q], own), kView = view(in[K], shared),
       vView = view(in[V], shared), out = view(exit, own);
  if (!qView || !kView || !vView || !out || in[Q] == in[K] || in[Q] == in[V] ||
      in[K] == in[V])
    return {};
  AttentionMixer mixer({out->getShape()[2], out->getShape()[3], *out});
  mixer.q = Role{in[Q], *qView};
  mixer.k = Role{in[K], *kView};
  mixer.v = Role{in[V], *vView};
  int time = flat ? 1 : 2;
  AffineExpr fresh = extentOf(in[K], time), keys = fresh;
  AttentionSite site{{{in[Q], in[K], in[V]}, exit, {}}, mixer, {}};
  if (hasPast) {
    auto pastKey = view(in[PastKey], ""), pastValue = view(in[PastValue], "");
    if (!pastKey || !pastValue || node->getNumResults() < 3)
      return {};
    site.mixer.pastKey = Role{in[PastKey], *pastKey};
    site.mixer.pastValue = Role{in[PastValue], *pastValue};
    AffineExpr past = extentOf(in[PastKey], 2);
    keys = simplifyExtent(fresh + past);
    site.equal.push_back({past, extentOf(in[PastValue], 2)});
    site.region.frontier.append({in[PastKey], in[PastValue]});
    site.region.states = {node->getResult(1), node->getResult(2)};
  }
  AttentionExtents lengths{extentOf(in[Q], 0), extentOf(in[Q], time), keys,
                           fresh};
  site.mixer.lengths = lengths;
  if (node.hasInput(Mask) && graph.dependsOnInput(in[Mask])) {
    auto shape = symbols.shapeOf(in[Mask].getType(), "dim");
    if (!shape || shape->dims.empty() || shape->dims.size() > 4)
      return {};
    AffineExpr one = getAffineConstantExpr(1, node.getContext());
    ScoreBias mask;
    mask.value = in[Mask];
    mask.kind = isFloat(in[Mask]) ? ScoreBias::Added : ScoreBias::Seen;
    mask.extents.assign(4 - shape->dims.size(), one);
    mask.extents.append(shape->dims);
    for (auto [own, other] : {std::pair(2, lengths.queries), {3, lengths.keys}})
      if (mask.extents[own] != one)
        site.equal.push_back({mask.extents[own], other});
    site.mixer.masks.push_back(std::move(mask));
    site.region.frontier.push_back(in[Mask]);
  }
  llvm::SmallDenseSet<Value> once(site.region.frontier.begin(),
                                  site.region.frontier.end());
  if (once.size() != site.region.frontier.size())
    return {};
  sortByDefinition(graph, site.region.frontier);
  return {site};
}

std::vector<AttentionSite> readAttentionSite(const Graph &graph,
                                             onnx::NodeOp node) {
  SiteReader reader(graph);
  if (isAttention(node))
    return reader.readNode(node);
  if (auto values = readProduct(graph, node))
    return reader.readProducts(*values);
  return {};
}

} // namespace ssmc
