//===- MatrixStateProposals.cpp - roles of linear attention ---------------===//

#include "lib/Raise/Direction.h"
#include "lib/Raise/MatrixStateConstants.h"
#include "lib/Raise/ValueRange.h"

using namespace mlir;

namespace ssmc {

namespace {
/// What a region gives where one of its values is twice as large, roughly: what
/// is nearly a mixer is to be compared with it, too.
class Linearity {
public:
  explicit Linearity(const Problem &problem) : problem(problem) {}
  enum class Answer { Twice, Same, Other };
  Answer ask(Value value);

private:
  const Problem &problem;
  llvm::SmallDenseMap<Value, Answer> answers;
};
} // namespace

Linearity::Answer Linearity::ask(Value value) {
  auto [it, isNew] = answers.try_emplace(value, Answer::Other);
  if (!isNew)
    return it->second;
  const Problem::Example *example = problem.getExample();
  if (!example)
    return Answer::Other;
  auto twice = [](Tensor tensor) {
    if (!tensor.isNull() && tensor.isFloat())
      for (double &element : tensor.mutableFloats())
        element *= 2;
    return tensor;
  };
  Assignment assignment = example->values;
  assignment[value] = twice(assignment[value]);
  FailureOr<SmallVector<Tensor>> now = problem.evaluate(assignment);
  if (failed(now))
    return Answer::Other;
  const Tensor &once = example->results.front();
  constexpr double kRoughly = 0.1;
  if (deviation(twice(once), now->front()) <= kRoughly)
    it->second = Answer::Twice;
  else if (deviation(once, now->front()) <= kRoughly)
    it->second = Answer::Same;
  return it->second;
}

namespace {
/// Fills the roles of one form with frontier values, in every way that fits.
class Assigner {
public:
  using M = MatrixStateMixer;
  using Slot = std::optional<Role> M::*;
  Assigner(const Problem &problem, const HeadRoles &roles,
           const HeadLayout &layout, ArrayRef<Slot> form,
           std::vector<MatrixStateMixer> &mixers)
      : problem(problem), roles(roles), form(form), mixers(mixers),
        mixer(layout) {}

  void run() {
    used.assign(roles.tokens.size(), false);
    fill(0);
  }

private:
  /// The ways in which `value` may be in a slot, given those before it.
  std::vector<Role> fits(Slot slot, Value value) const {
    int64_t heads = mixer.layout.heads;
    if (slot == &MatrixStateMixer::v)
      return roles.features(value, [&](int64_t h, int64_t f) {
        return h == heads && f == mixer.layout.features;
      });
    if (slot == &MatrixStateMixer::k)
      return roles.features(
          value, [&](int64_t h, int64_t f) { return heads % h == 0; });
    if (slot == &MatrixStateMixer::beta)
      return roles.scalars(value, heads);
    int64_t keys = shapeOf(*mixer.k)[3];
    bool whole = slot != &MatrixStateMixer::q;
    std::vector<Role> found = roles.features(value, [&](int64_t h, int64_t f) {
      return f == keys && (whole ? h == heads : heads % h == 0);
    });
    // Of six values of one shape there are too many orders.
    if (slot == &MatrixStateMixer::decay && form.size() > 5 &&
        !feeds(value, "Exp"))
      return {};
    if (slot == &MatrixStateMixer::decay) {
      std::vector<Role> scalars = roles.scalars(value, heads);
      found.insert(found.begin(), scalars.begin(), scalars.end());
    }
    return found;
  }

  void fill(unsigned at) {
    if (mixers.size() >= kMostProposals * (form.size() > 5 ? 8 : 1))
      return;
    if (at == form.size())
      return fillStates();
    for (auto [i, value] : llvm::enumerate(roles.tokens)) {
      if (used[i])
        continue;
      used[i] = true;
      for (const Role &role : fits(form[at], value)) {
        mixer.*form[at] = role;
        if (!mixer.erase || shapeOf(*mixer.k)[2] == mixer.layout.heads)
          fill(at + 1);
      }
      (mixer.*form[at]).reset();
      used[i] = false;
    }
  }

  /// Whether a view of the value goes into an operator of this type.
  static bool feeds(Value value, StringRef type) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      auto node = dyn_cast<onnx::NodeOp>(user);
      return isView(user) ? feeds(user->getResult(0), type)
                          : node && node.getOpType() == type;
    });
  }

  void fillStates() {
    int64_t keys = shapeOf(*mixer.k)[3];
    auto matrices = [&](Value value) {
      return roles.matrices(value, mixer.layout.heads, keys,
                            mixer.layout.features);
    };
    std::vector<std::optional<Role>> starts, ends;
    if (roles.states.empty())
      starts.push_back(std::nullopt);
    else
      llvm::append_range(starts, matrices(roles.states.front()));
    if (problem.region.states.empty())
      ends.push_back(std::nullopt);
    else
      llvm::append_range(ends, matrices(problem.region.states.front()));
    for (const auto &start : starts)
      for (const auto &end : ends)
        for (M::DecayForm form : decayForms()) {
          M whole = mixer;
          whole.initial = start;
          whole.decayForm = form;
          if (end)
            whole.states = {end->view};
          pushVariants(std::move(whole));
        }
  }

  SmallVector<M::DecayForm> decayForms() const {
    SmallVector<M::DecayForm> forms{M::DecayForm::Log};
    if (mixer.decay && feeds(mixer.decay->value, "Sigmoid"))
      forms.push_back(M::DecayForm::Logit);
    if (mixer.decay && findRange(problem.graph, mixer.decay->value).low >= 0)
      forms.push_back(M::DecayForm::Factor);
    return forms;
  }

  /// Ways in which the same values make the correction of a state.
  void pushVariants(M whole) {
    mixers.push_back(whole);
    if (mixer.along) {
      mixers.push_back(whole);
      mixers.back().subtracted = true;
    }
    if (mixer.beta && shapeOf(*mixer.k)[2] == mixer.layout.heads) {
      mixers.push_back(whole);
      mixers.back().scaledValues = true;
    }
  }

  const Problem &problem;
  const HeadRoles &roles;
  ArrayRef<Slot> form;
  std::vector<MatrixStateMixer> &mixers;
  MatrixStateMixer mixer;
  SmallVector<bool> used;
};
} // namespace

void proposeMatrixStates(const Problem &problem, MixerList &mixers) {
  auto roles = HeadRoles::read(problem);
  size_t count = roles ? roles->tokens.size() : 0;
  if (count < 3 || count > 6 || roles->states.size() > 1 ||
      problem.region.states.size() > 1 || problem.analysis.getLength() < 3)
    return;
  using M = MatrixStateMixer;
  const SmallVector<Assigner::Slot> forms[] = {
      {&M::v, &M::k, &M::q},
      {&M::v, &M::k, &M::q, &M::decay},
      {&M::v, &M::k, &M::q, &M::beta},
      {&M::v, &M::k, &M::q, &M::erase},
      {&M::v, &M::k, &M::q, &M::decay, &M::beta},
      {&M::v, &M::k, &M::q, &M::decay, &M::erase},
      {&M::v, &M::k, &M::q, &M::decay, &M::erase, &M::along}};
  std::vector<MatrixStateMixer> found;
  for (const HeadLayout &layout : roles->layouts())
    for (const auto &form : forms)
      if (form.size() == count)
        Assigner(problem, *roles, layout, form, found).run();
  if (found.empty())
    return;
  std::optional<Direction> direction = findDirection(problem);
  if (!direction || *direction == Direction::Both)
    return;
  bool reverse = *direction == Direction::Reverse;
  MatrixStateConstants constants(problem, reverse);
  Linearity linearity(problem);
  using Answer = Linearity::Answer;
  // Every mixer with a matrix state is linear in its values and, where it does
  // not divide by a norm, in its queries. That is asked where it costs less
  // than to compare every assignment.
  bool asks = found.size() > count;
  for (MatrixStateMixer &mixer : found) {
    mixer.reverse = reverse;
    if (asks && !mixer.initial &&
        linearity.ask(mixer.v->value) != Answer::Twice)
      continue;
    if (!constants.read(mixer))
      continue;
    if (asks && mixer.normalised.value_or(0) == 0 &&
        linearity.ask(mixer.q->value) !=
            (mixer.normalised ? Answer::Same : Answer::Twice))
      continue;
    mixers.push_back(std::make_unique<MatrixStateMixer>(std::move(mixer)));
  }
}

} // namespace ssmc
