//===- Reroll.cpp - an unrolled loop as one step --------------------------===//

#include "lib/Raise/Reroll.h"

#include "lib/Raise/FirstStep.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace ssmc {

namespace {
class Reroller {
public:
  explicit Reroller(const Problem &problem)
      : problem(problem), graph(problem.graph), analysis(problem.analysis),
        length(analysis.getLength()) {}

  std::optional<Rolled> run();

private:
  /// A token that is cut out of a sequence.
  struct Cut {
    Rolled::Sequence source;
    bool keepsAxis;
  };
  bool findPieces();
  bool readConcat(onnx::NodeOp node);
  bool readScatters(Value buffer);
  bool findDirection();
  int64_t stepOf(Value value) const;
  std::optional<Cut> readCut(Value value) const;

  bool walk(int64_t first);
  bool walkPair(Value a, Value b, int64_t step);
  bool pairOperands(Operation *a, Operation *b, int64_t step);
  bool areEqualConstants(Value a, Value b) const;

  bool collectBody(int64_t step);
  void forgetMissing(int64_t step);
  bool addState(Value before, int64_t step);
  Value lastOf(Value state, int64_t step);
  bool walkToLast(Value state, Value last);
  void addCut(Value value, const Cut &cut);

  struct Pair {
    Value a, b;
    int64_t step; // of a; b is one later
  };
  const Problem &problem;
  const Graph &graph;
  const AxisAnalysis &analysis;
  int64_t length;
  Rolled rolled;
  SmallVector<Value> pieces; // by step
  SmallVector<Pair> worklist;
  llvm::DenseMap<Value, Value> next, previous, initial;
  FirstStep firstStep;
  SmallVector<Value> roots;
};
} // namespace

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

bool Reroller::readConcat(onnx::NodeOp node) {
  if (int64_t(node.getInputs().size()) != length)
    return false;
  for (Value piece : node.getInputs()) {
    auto shape = graph.getShape(piece);
    if (!shape || rolled.axis >= shape->size() || (*shape)[rolled.axis] != 1)
      return false;
    pieces.push_back(piece);
  }
  return true;
}

/// A buffer that every step writes one position of.
bool Reroller::readScatters(Value buffer) {
  while (auto node = buffer.getDefiningOp<onnx::NodeOp>()) {
    StringRef type = node.getOpType();
    if (type == "ScatterElements" || type == "ScatterND") {
      Value piece = node.getInputs()[2];
      auto shape = graph.getShape(piece);
      auto whole = graph.getShape(buffer);
      if (!shape || !whole || shape->size() != whole->size() ||
          (*shape)[rolled.axis] != 1 || int64_t(pieces.size()) == length)
        return false;
      pieces.push_back(piece);
    } else if (type != "Identity") {
      break;
    }
    buffer = node.getInputs()[0];
  }
  std::reverse(pieces.begin(), pieces.end());
  return int64_t(pieces.size()) == length && !graph.dependsOnInput(buffer);
}

bool Reroller::findPieces() {
  Value value = problem.region.exit;
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  auto node = value.getDefiningOp<onnx::NodeOp>();
  const ValueAxes *axes = analysis.getAxes(value);
  if (!node || !node.getDomain().empty() || !axes)
    return false;
  auto time = llvm::find_if(*axes, isPlainTime);
  if (time == axes->end())
    return false;
  rolled.axis = time - axes->begin();
  rolled.gathered = value;
  return node.getOpType() == "Concat" ? readConcat(node) : readScatters(value);
}

/// Step k of a loop that runs forwards has seen the tokens up to k, of one that
/// runs backwards those from the end.
bool Reroller::findDirection() {
  auto runs = [&](bool reverse) {
    for (auto [k, piece] : llvm::enumerate(pieces)) {
      StepRange range = analysis.getSteps(piece);
      if (!range.known() || (reverse ? range.first : range.last) != int64_t(k))
        return false;
    }
    return true;
  };
  rolled.reverse = !runs(false);
  if (!rolled.reverse)
    return true;
  if (!runs(true))
    return false;
  std::reverse(pieces.begin(), pieces.end());
  return true;
}

int64_t Reroller::stepOf(Value value) const {
  StepRange range = analysis.getSteps(value);
  if (!range.known())
    return -1;
  return rolled.reverse ? length - 1 - range.first : range.last;
}

/// One token of a whole sequence.
std::optional<Reroller::Cut> Reroller::readCut(Value value) const {
  Operation *op = value.getDefiningOp();
  StepRange range = analysis.getSteps(value);
  if (!op || !range.known() || range.first != range.last)
    return std::nullopt;
  Value source;
  for (Value operand : op->getOperands())
    if (graph.dependsOnInput(operand)) {
      if (source || analysis.getClass(operand) != TokenClass::PerToken)
        return std::nullopt;
      source = operand;
    }
  auto shape = graph.getShape(value);
  if (!source || !shape)
    return std::nullopt;
  const ValueAxes &axes = *analysis.getAxes(source);
  auto time = llvm::find_if(axes, isPlainTime);
  if (time == axes.end() || llvm::product_of(*graph.getShape(source)) !=
                                length * llvm::product_of(*shape))
    return std::nullopt;
  // Without the axis of time, or with one of extent one in its place.
  SmallVector<int64_t> token(*graph.getShape(source));
  bool keepsAxis = shape->size() == token.size();
  unsigned axis = time - axes.begin();
  if (keepsAxis)
    token[axis] = 1;
  else
    token.erase(token.begin() + axis);
  if (SmallVector<int64_t>(*shape) != token)
    return std::nullopt;
  return Cut{{source, axis}, keepsAxis};
}

//===----------------------------------------------------------------------===//
// Neighbouring steps in parallel
//===----------------------------------------------------------------------===//

bool Reroller::areEqualConstants(Value a, Value b) const {
  FailureOr<Tensor> x = graph.evaluateConstant(a),
                    y = graph.evaluateConstant(b);
  if (failed(x) || failed(y) || x->isNull() || y->isNull() ||
      x->getShape() != y->getShape() || x->isFloat() != y->isFloat())
    return false;
  return x->isFloat() ? x->floats() == y->floats() : x->ints() == y->ints();
}

bool Reroller::pairOperands(Operation *a, Operation *b, int64_t step) {
  static const llvm::StringSet<> commutative = {"Add", "Mul", "Max", "Min",
                                                "Sum", "And", "Or",  "Equal"};
  auto nodeA = dyn_cast<onnx::NodeOp>(a), nodeB = dyn_cast<onnx::NodeOp>(b);
  if (!nodeA || !nodeB || nodeA.getOpType() != nodeB.getOpType() ||
      nodeA.getDomain() != nodeB.getDomain() ||
      nodeA.getAttrs() != nodeB.getAttrs() || a->getNumRegions() != 0 ||
      a->getNumResults() != b->getNumResults() ||
      a->getNumOperands() != b->getNumOperands())
    return false;
  SmallVector<Value> operands(b->getOperands());
  // Operands that may stand either way stand as they look alike: how far back
  // they come from, and from which operator.
  auto look = [&](Value value, int64_t at) {
    int64_t own = stepOf(value);
    auto node = value.getDefiningOp<onnx::NodeOp>();
    bool isOwn = own == at && node;
    return std::make_pair(own < 0 ? int64_t(-1) : at - own,
                          isOwn ? node.getOpType() : StringRef());
  };
  if (nodeA.getDomain().empty() && commutative.contains(nodeA.getOpType()) &&
      operands.size() == 2 &&
      look(a->getOperand(0), step) != look(operands[0], step + 1) &&
      look(a->getOperand(0), step) == look(operands[1], step + 1))
    std::swap(operands[0], operands[1]);
  if (step == 0)
    firstStep.pairs.push_back(
        {a, b, llvm::to_vector(a->getOperands()), operands});
  else
    rolled.alike.insert(a);
  rolled.alike.insert(b);
  for (auto [x, y] : llvm::zip(a->getOperands(), operands))
    worklist.push_back({x, y, step});
  return true;
}

bool Reroller::walkPair(Value a, Value b, int64_t step) {
  if (a == b)
    return true;
  if (!graph.dependsOnInput(a) && !graph.dependsOnInput(b))
    return areEqualConstants(a, b);
  int64_t at = stepOf(b), from = stepOf(a);
  if (at == step) {
    // Carried: b is to this step what a is to the one before.
    if (from >= 0) {
      worklist.push_back({a, b, step - 1});
      return from == step - 1;
    }
    if (step != 0)
      return false;
    return initial.try_emplace(b, a).first->second == a;
  }
  if (at != step + 1 || from != step)
    return false;
  auto [known, fresh] = next.try_emplace(a, b);
  if (!fresh)
    return known->second == b;
  previous[b] = a;
  auto cutA = readCut(a), cutB = readCut(b);
  if (cutA || cutB)
    return cutA && cutB && cutA->source.value == cutB->source.value &&
           cutA->keepsAxis == cutB->keepsAxis;
  auto resultA = dyn_cast<OpResult>(a), resultB = dyn_cast<OpResult>(b);
  return resultA && resultB &&
         resultA.getResultNumber() == resultB.getResultNumber() &&
         pairOperands(resultA.getOwner(), resultB.getOwner(), step);
}

/// The first step may differ: folding constants through a zero state has
/// simplified it.
bool Reroller::walk(int64_t first) {
  worklist.assign(1, {pieces[first], pieces[first + 1], first});
  while (!worklist.empty()) {
    Pair pair = worklist.pop_back_val();
    if (!walkPair(pair.a, pair.b, pair.step) && pair.step > 0)
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

/// Walks from the state that the last step but one leaves to what leaves the
/// region: no result reads that where each step reads the state before it.
bool Reroller::walkToLast(Value state, Value last) {
  auto backup = std::make_tuple(next, previous, rolled.alike);
  worklist.assign(1, {state, last, length - 2});
  while (!worklist.empty()) {
    Pair pair = worklist.pop_back_val();
    if (walkPair(pair.a, pair.b, pair.step))
      continue;
    std::tie(next, previous, rolled.alike) = std::move(backup);
    return false;
  }
  return true;
}

/// What the last step leaves of the state that is `state` after `step`; null
/// where it leaves nothing that is known.
Value Reroller::lastOf(Value state, int64_t step) {
  for (; step + 2 < length && state; ++step)
    state = next.lookup(state);
  if (Value last = state ? next.lookup(state) : Value())
    return last;
  for (Value last : problem.region.states)
    for (; state && last; last = isView(last.getDefiningOp())
                                     ? last.getDefiningOp()->getOperand(0)
                                     : Value())
      if (last.getType() == state.getType() && stepOf(last) == length - 1 &&
          walkToLast(state, last))
        return last;
  return {};
}

/// Whether a state of one type may begin with a value of the other: all rows
/// may begin alike.
static bool broadcasts(Type from, Type to) {
  if (from == to)
    return true;
  auto own = dyn_cast<RankedTensorType>(from),
       all = dyn_cast<RankedTensorType>(to);
  return own && all && own.hasStaticShape() && all.hasStaticShape() &&
         own.getElementType() == all.getElementType() &&
         own.getRank() == all.getRank() &&
         llvm::all_of(llvm::zip_equal(own.getShape(), all.getShape()),
                      [](const auto &pair) {
                        auto [a, b] = pair;
                        return a == b || a == 1;
                      });
}

bool Reroller::addState(Value before, int64_t step) {
  if (llvm::any_of(rolled.states, [&](const Rolled::State &state) {
        return state.before == before;
      }))
    return true;
  Rolled::State state;
  state.before = before;
  state.after = next.lookup(before);
  if (!state.after || state.after.getType() != before.getType())
    return false;
  Value first = before;
  for (int64_t k = step - 1; k > 0 && first; --k)
    first = previous.lookup(first);
  state.initial = first ? initial.lookup(first) : Value();
  if (first)
    firstStep.states.push_back({first, state.initial});
  if (state.initial && !broadcasts(state.initial.getType(), before.getType()))
    return false;
  state.last = lastOf(state.after, step);
  rolled.states.push_back(state);
  roots.push_back(state.after);
  return true;
}

void Reroller::addCut(Value value, const Cut &cut) {
  auto it = llvm::find_if(rolled.sequences, [&](const Rolled::Sequence &other) {
    return other.value == cut.source.value;
  });
  if (it == rolled.sequences.end()) {
    rolled.sequences.push_back(cut.source);
    it = std::prev(rolled.sequences.end());
  }
  rolled.cuts[value] = {unsigned(it - rolled.sequences.begin()), cut.keepsAxis};
}

bool Reroller::collectBody(int64_t step) {
  llvm::SmallPtrSet<Operation *, 32> seen;
  rolled.piece = pieces[step];
  roots.push_back(rolled.piece);
  while (!roots.empty()) {
    Value value = roots.pop_back_val();
    if (!graph.dependsOnInput(value))
      continue;
    int64_t at = stepOf(value);
    if (at < 0) {
      // A whole sequence cannot be an invariant.
      if (analysis.getClass(value) == TokenClass::PerToken)
        return false;
      continue;
    }
    if (at == step - 1) {
      if (!addState(value, step))
        return false;
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (at != step || !op)
      return false;
    if (auto cut = readCut(value)) {
      addCut(value, *cut);
      continue;
    }
    if (seen.insert(op).second) {
      rolled.body.push_back(op);
      llvm::append_range(roots, op->getOperands());
    }
  }
  llvm::sort(rolled.body, [&](Operation *a, Operation *b) {
    return graph.indexOf(a) < graph.indexOf(b);
  });
  return !rolled.sequences.empty() && !rolled.states.empty();
}

/// Nodes of the body that the first step lacks are none of its own. Where they
/// follow from initial states that are constant, comparing shows what they give
/// there; where data reaches them, all of their branches must be seen.
void Reroller::forgetMissing(int64_t step) {
  llvm::DenseSet<Operation *> paired;
  for (const FirstStep::Pair &pair : firstStep.pairs)
    paired.insert(pair.second);
  llvm::DenseSet<Value> constant;
  for (const Rolled::State &state : rolled.states)
    if (!state.initial || !graph.dependsOnInput(state.initial))
      constant.insert(state.before);
  for (Operation *op : rolled.body) {
    if (llvm::all_of(op->getOperands(), [&](Value operand) {
          return constant.contains(operand) || !graph.dependsOnInput(operand);
        })) {
      constant.insert_range(op->getResults());
      continue;
    }
    Value second = op->getResult(0);
    for (int64_t k = step; k > 1 && second; --k)
      second = previous.lookup(second);
    if (!second || !paired.contains(second.getDefiningOp()))
      rolled.alike.erase(op);
  }
}

std::optional<Rolled> Reroller::run() {
  if (length < 4 || !findPieces() || !findDirection())
    return std::nullopt;
  for (int64_t first = 0; first + 1 < length; ++first)
    if (!walk(first))
      return std::nullopt;
  if (!collectBody(length / 2))
    return std::nullopt;
  forgetMissing(length / 2);
  for (const auto &[value, after] : next)
    if (auto cut = stepOf(value) == 1 ? readCut(value) : std::nullopt)
      firstStep.tokens.push_back({value, cut->source.value, cut->source.axis});
  firstStep.position = rolled.reverse ? length - 1 : 0;
  rolled.alike.insert_range(findAlike(problem, firstStep));
  return std::move(rolled);
}

std::optional<Rolled> reroll(const Problem &problem) {
  return Reroller(problem).run();
}

} // namespace ssmc
