//===- Proposal.cpp - what is to replace a region -------------------------===//

#include "lib/Raise/Proposal.h"

#include "mlir/IR/Threading.h"

using namespace mlir;

namespace ssmc {

// Each takes memory for all values of a region at its traced size.
static constexpr size_t kAtOnce = 4;

/// `value` made wrong by a little.
static Value scaleABit(GraphWriter &writer, Value value) {
  Type element = cast<ShapedType>(value.getType()).getElementType();
  Tensor factor = Tensor::scalar(element, 1 + 1e-6);
  return writer.node("Mul", {value, writer.constant(factor, element)},
                     value.getType());
}

namespace {
/// Collects what an OpBuilder makes.
struct Recorder : OpBuilder::Listener {
  explicit Recorder(SmallVectorImpl<Operation *> &written) : written(written) {}
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (isa_and_nonnull<func::FuncOp>(op->getParentOp())) // no nested ops
      written.push_back(op);
  }
  SmallVectorImpl<Operation *> &written;
};
} // namespace

/// Whether types may be equal at every length.
static bool mayBeEqual(Type a, Type b) {
  auto x = dyn_cast<RankedTensorType>(a), y = dyn_cast<RankedTensorType>(b);
  return x && y && x.getElementType() == y.getElementType() &&
         x.getShape() == y.getShape();
}

static const char *const kUnwritable =
    "its layout cannot be written with free extents";

Proposal::Proposal(const Raise &raise, const AxisAnalysis &analysis, bool plant)
    : raise(raise), roots{raise.region.exit}, identity(raise.identity),
      form(raise.structure) {
  llvm::append_range(roots, raise.region.states);
  Recorder recorder(written);
  OpBuilder builder(roots.front().getContext(), &recorder);
  builder.setInsertionPoint(raise.region.exit.getDefiningOp());
  GraphWriter writer(builder, roots.front().getLoc(), analysis);
  FailureOr<SmallVector<Value>> emitted = raise.mixer->emit(writer);
  if (succeeded(emitted) && emitted->size() == roots.size())
    for (auto [value, root] : llvm::zip(*emitted, roots))
      if (Value fitted = writer.fit(value, root.getType()))
        value = fitted;
  // A graph may fix an extent on the way that is free at its inputs.
  if (failed(emitted) || emitted->size() != roots.size() ||
      !llvm::all_of(llvm::zip_equal(*emitted, roots), [](const auto &pair) {
        auto [value, root] = pair;
        return mayBeEqual(value.getType(), root.getType());
      })) {
    verdict.reason = kUnwritable;
    return;
  }
  values = std::move(*emitted);
  renamesExtents = TypeRange(values) != TypeRange(roots);
  if (plant)
    values.front() = scaleABit(writer, values.front());
  exact = std::move(writer.exact);
  for (Operation *op : written) {
    identity =
        llvm::hash_combine(identity, op->getName(), op->getAttrDictionary());
    form = llvm::hash_combine(form, op->getName());
    if (!isa<onnx::ConstantOp>(op))
      form = llvm::hash_combine(form, op->getAttrDictionary());
  }
}

void Proposal::setProblems(std::vector<Problem> given, LengthPlan lengths) {
  problems = std::move(given);
  plan = std::move(lengths);
  identity = llvm::hash_combine(identity, plan.identity);
  verdict.reason = plan.refusal;
  if (renamesExtents && plan.ends.empty() && plan.refusal.empty())
    verdict.reason = kUnwritable;
  if (!verdict.reason.empty())
    values.clear();
}

static void check(ArrayRef<Proposal *> proposals,
                  const llvm::DenseSet<size_t> &accepted) {
  while (!proposals.empty()) {
    ArrayRef<Proposal *> some = proposals.take_front(kAtOnce);
    parallelForEach(
        some.front()->roots.front().getContext(), some, [&](Proposal *p) {
          p->verdict = checkRaise(
              p->problems, {p->written, p->values, p->exact, *p->raise.mixer},
              accepted.contains(p->form));
        });
    proposals = proposals.drop_front(some.size());
  }
}

void checkProposals(MutableArrayRef<Proposal> proposals) {
  llvm::DenseMap<size_t, Proposal *> checked;
  llvm::DenseSet<size_t> forms, accepted;
  SmallVector<Proposal *> first, others;
  for (Proposal &p : proposals)
    if (!p.values.empty() && checked.try_emplace(p.identity, &p).second)
      (forms.insert(p.form).second ? first : others).push_back(&p);
  check(first, accepted);
  for (Proposal *p : first)
    if (p->verdict.accepted)
      accepted.insert(p->form);
  check(others, accepted);
  for (Proposal &p : proposals)
    if (!p.values.empty())
      p.verdict = checked.at(p.identity)->verdict;
}

} // namespace ssmc
