//===- AxisRulesContraction.cpp - axis labels through products ------------===//

#include "lib/Raise/AxisRules.h"

using namespace mlir;

namespace ssmc {

/// What a constant matrix gives of a sequence: as many positions as it has.
static Digits alongSequence(const Digits &sequence, int64_t positions) {
  return {Digit{sequence[0].kind, sequence[0].stride, positions}};
}

static void matmul(AxisTransfer &t) {
  int64_t ra = t.rank(0), rb = t.rank(1);
  if (ra == 0 || rb == 0)
    return t.mix();
  const ValueAxes &a = t.axes(0), &b = t.axes(1);
  const Digits &ka = a[ra - 1], &kb = b[rb == 1 ? 0 : rb - 2];
  if (isLabelled(ka) || isLabelled(kb))
    t.mix();
  t.meet(ka, kb);
  auto along = [&](unsigned matrix, const Digits &sequence) {
    size_t rank = t.rank(matrix);
    return rank >= 2 && t.isAlong(matrix, rank - 2, rank - 1, sequence);
  };
  for (auto [matrix, sequence] : {std::pair(0u, &kb), std::pair(1u, &ka)})
    if (along(matrix, *sequence) &&
        (t.showsOrder(matrix, t.rank(matrix) - 2, t.rank(matrix) - 1) ||
         t.showsDistance(matrix, t.rank(matrix) - 2, t.rank(matrix) - 1)))
      t.compare(*sequence);
  ArrayRef<int64_t> shape = t.resultShape(0);
  int64_t trailing = (ra > 1) + (rb > 1);
  int64_t batches = int64_t(shape.size()) - trailing;
  ValueAxes labels;
  for (int64_t i = 0; i < batches; ++i) {
    SmallVector<const Digits *> candidates;
    int64_t ia = i - (batches - (ra - 2)), ib = i - (batches - (rb - 2));
    if (ra > 2 && ia >= 0 && t.shape(0)[ia] == shape[i])
      candidates.push_back(&a[ia]);
    if (rb > 2 && ib >= 0 && t.shape(1)[ib] == shape[i])
      candidates.push_back(&b[ib]);
    labels.push_back(t.join(candidates, shape[i]));
  }
  if (ra > 1)
    labels.push_back(along(0, kb) ? alongSequence(kb, t.shape(0)[ra - 2])
                                  : a[ra - 2]);
  if (rb > 1)
    labels.push_back(along(1, ka) ? alongSequence(ka, t.shape(1)[rb - 1])
                                  : b[rb - 1]);
  t.set(0, std::move(labels));
}

static void gemm(AxisTransfer &t) {
  if (t.rank(0) != 2 || t.rank(1) != 2)
    return t.mix();
  bool ta = t.node.getInt("transA", 0), tb = t.node.getInt("transB", 0);
  if (isLabelled(t.axes(0)[ta ? 0 : 1]) || isLabelled(t.axes(1)[tb ? 1 : 0]))
    t.mix();
  ValueAxes labels = {t.axes(0)[ta ? 1 : 0], t.axes(1)[tb ? 0 : 1]};
  if (t.has(2)) {
    ValueAxes bias = t.broadcast({2u}, t.resultShape(0));
    for (unsigned i = 0; i < 2; ++i)
      labels[i] = t.join({&labels[i], &bias[i]}, t.resultShape(0)[i]);
  }
  t.set(0, std::move(labels));
}

static void conv(AxisTransfer &t) {
  int64_t rank = t.rank(0);
  if (rank < 3)
    return t.mix();
  if (isLabelled(t.axes(0)[1]))
    t.mix(); // channels meet each other and the weight's order
  ValueAxes labels = unlabelled(t.resultShape(0));
  labels[0] = t.axes(0)[0];
  for (int64_t a = 2; a < rank; ++a) {
    const Digits &axis = t.axes(0)[a];
    int64_t extent = t.resultShape(0)[a];
    if (!isLabelled(axis))
      continue;
    bool pointwise = t.shape(1)[a] == 1 && extent == t.shape(0)[a];
    if (!pointwise) {
      t.mix();
      t.treatAsSequence(axis);
    }
    auto strides = t.node.getInts("strides");
    int64_t stride =
        strides && int64_t(strides->size()) == rank - 2 ? (*strides)[a - 2] : 1;
    if (pointwise)
      labels[a] = axis;
    else if (isPlainTime(axis) && stride == 1)
      labels[a] = {Digit{axis[0].kind, axis[0].stride, extent}};
  }
  t.set(0, std::move(labels));
}

/// The letters of an equation without "..."; those of every operand and of the
/// result.
static bool parseEquation(StringRef equation, unsigned operands,
                          SmallVectorImpl<std::string> &terms,
                          std::string &result) {
  std::string text;
  for (char c : equation)
    if (c != ' ')
      text.push_back(c);
  auto [left, right] = StringRef(text).split("->");
  if (!StringRef(text).contains("->") || StringRef(text).contains('.'))
    return false;
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  if (parts.size() != operands)
    return false;
  for (StringRef part : parts)
    terms.push_back(part.str());
  result = right.str();
  return true;
}

static void einsum(AxisTransfer &t) {
  SmallVector<std::string> terms;
  std::string result;
  if (!parseEquation(t.node.getString("equation", ""), t.numInputs(), terms,
                     result) ||
      result.size() != t.resultShape(0).size())
    return t.mix();
  for (unsigned i = 0; i < terms.size(); ++i)
    if (int64_t(terms[i].size()) != t.rank(i))
      return t.mix();
  auto sequenceOf = [&](char letter) -> std::optional<Digits> {
    for (unsigned i = 0; i < terms.size(); ++i) {
      size_t own = terms[i].find(letter);
      if (!t.isConstant(i) || own == std::string::npos)
        continue;
      for (auto [a, c] : llvm::enumerate(terms[i]))
        if (result.find(c) == std::string::npos)
          for (unsigned j = 0; j < terms.size(); ++j)
            if (size_t at = terms[j].find(c);
                at != std::string::npos && isPlainTime(t.axes(j)[at]) &&
                terms[j].find(letter) == std::string::npos &&
                t.isAlong(i, own, a, t.axes(j)[at])) {
              if (t.showsOrder(i, own, a) || t.showsDistance(i, own, a))
                t.compare(t.axes(j)[at]);
              return alongSequence(t.axes(j)[at], t.shape(i)[own]);
            }
    }
    return std::nullopt;
  };
  ValueAxes labels;
  for (auto [position, letter] : llvm::enumerate(result)) {
    SmallVector<const Digits *> candidates;
    std::optional<Digits> sequence = sequenceOf(letter);
    if (sequence)
      candidates.push_back(&*sequence);
    for (unsigned i = 0; i < terms.size(); ++i)
      for (auto [a, c] : llvm::enumerate(terms[i]))
        if (c == letter && t.shape(i)[a] == t.resultShape(0)[position])
          candidates.push_back(&t.axes(i)[a]);
    labels.push_back(t.join(candidates, t.resultShape(0)[position]));
  }
  for (unsigned i = 0; i < terms.size(); ++i)
    for (auto [a, c] : llvm::enumerate(terms[i])) {
      if (result.find(c) != std::string::npos)
        continue;
      if (isLabelled(t.axes(i)[a]))
        t.mix();
      for (unsigned j = 0; j < i; ++j)
        if (size_t other = terms[j].find(c); other != std::string::npos)
          t.meet(t.axes(i)[a], t.axes(j)[other]);
    }
  t.set(0, std::move(labels));
}

/// A spectrum is of the sequence still, at other positions.
static void dft(AxisTransfer &t) {
  int64_t rank = t.rank(0), at = t.node.getVersion() < 20 ? 1 : -2;
  if (t.has(2)) {
    auto given = t.ints(2);
    if (!given || given->size() != 1)
      return t.mix();
    at = given->front();
  } else {
    at = t.node.getInt("axis", at);
  }
  int64_t axis = AxisTransfer::axisOf(at, rank);
  if (axis < 0 || axis == rank - 1)
    return t.mix();
  ValueAxes labels = t.axes(0);
  if (isLabelled(labels.back()) && t.shape(0).back() > 1)
    t.mix();
  labels.back() = {Digit{AxisKind::Other, 1, t.resultShape(0).back()}};
  if (isLabelled(labels[axis])) {
    t.mix();
    t.treatAsSequence(labels[axis]);
  }
  int64_t positions = t.resultShape(0)[axis];
  labels[axis] = isPlainTime(labels[axis])
                     ? alongSequence(labels[axis], positions)
                     : Digits{Digit{AxisKind::Other, 1, positions}};
  t.set(0, std::move(labels));
}

/// Queries, keys and values, each as heads of tokens or as tokens.
static void attention(AxisTransfer &t) {
  int64_t rank = t.rank(0), time = rank - 2;
  t.mix();
  if (rank < 3 || t.rank(1) != rank || t.rank(2) != rank)
    return;
  for (int64_t axis : {int64_t(0), time})
    t.meet(t.axes(1)[axis], t.axes(2)[axis]);
  t.meet(t.axes(0)[0], t.axes(1)[0]);
  constexpr unsigned kMask = 3;
  bool compares = t.node.getInt("is_causal", 0) != 0;
  if (size_t mask = t.has(kMask) ? t.rank(kMask) : 0; mask >= 2)
    compares |= t.showsDistance(kMask, mask - 2, mask - 1);
  if (compares)
    t.meet(t.axes(0)[time], t.axes(1)[time]);
  // What has a sequence twice compares its tokens with each other.
  if (isPlainTime(t.axes(0)[time]) && t.axes(0)[time] == t.axes(1)[time])
    t.compare(t.axes(0)[time]);
  ValueAxes labels = t.axes(0);
  labels.back() = t.axes(2).back();
  if (rank == 3)
    labels.back() = {Digit{AxisKind::Other, 1, t.resultShape(0).back()}};
  t.set(0, std::move(labels));
}

/// Each token is turned by itself; tables and positions have a row for each.
static void rotary(AxisTransfer &t) {
  int64_t rank = t.rank(0);
  ValueAxes labels = t.axes(0);
  if (isLabelled(labels.back()))
    t.mix();
  for (unsigned i = 1; i < t.numInputs(); ++i) {
    if (!t.has(i) || t.isConstant(i))
      continue;
    ArrayRef<int64_t> own = t.shape(i);
    bool isTable = i < 3 && t.has(3);
    if (isTable || own.size() < 2) {
      t.mix();
      continue;
    }
    for (auto [from, to] : {std::pair<int64_t, int64_t>(0, 0), {1, rank - 2}})
      if (own[from] == t.shape(0)[to])
        labels[to] = t.join({&labels[to], &t.axes(i)[from]}, own[from]);
  }
  t.set(0, std::move(labels));
}

void registerContractionAxisRules(AxisRuleTable &table) {
  table["MatMul"] = matmul;
  table["Gemm"] = gemm;
  table["Conv"] = conv;
  table["DFT"] = dft;
  table["Einsum"] = einsum;
  table["Attention"] = attention;
  table["RotaryEmbedding"] = rotary;
}

} // namespace ssmc
