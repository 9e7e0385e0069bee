//===- JoinScales.cpp - ssm-join-scales -----------------------------------===//
//
// What multiplies the values of a mixer with a matrix state for each token, and
// what is added to its outputs of the values, become operands of the op, whose
// kernel has both in registers anyway:
//
//   ssm.semiseparable(q, k, c * x) + d * x
//     ->  ssm.semiseparable(q, k, x) scale(c) skip(d)
//
// with c of batch, token and head, d of the head. It must be a kernel that
// takes them: that of wgmma, or the one that streams.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/Pipeline.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMJOINSCALES
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

/// A tensor whose element at the loops i is source[i[dims[0]], i[dims[1]],
/// ...]; a dimension without a loop has one element.
struct Broadcast {
  static constexpr int64_t none = -1;
  Value source;
  SmallVector<int64_t> dims;

  static std::optional<Broadcast> get(Value value, AffineMap map);
  bool step();
  bool isOf(ArrayRef<int64_t> wanted) const;
  Value withoutUnits(OpBuilder &b, Location loc) const;
};

/// An operand of an elementwise op.
struct Factor {
  Value value;
  AffineMap map;
};

} // namespace

/// What a map with loops and zeros picks; none for another one.
std::optional<Broadcast> Broadcast::get(Value value, AffineMap map) {
  Broadcast found{value, {}};
  ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
  for (auto [extent, expr] : llvm::zip_equal(shape, map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim && extent != 1)
      return std::nullopt;
    found.dims.push_back(dim ? dim.getPosition() : none);
  }
  while (found.step()) {
  }
  return found;
}

/// Looks through an op that repeats its source, or gives it dimensions of one
/// element.
bool Broadcast::step() {
  SmallVector<int64_t> next;
  if (auto repeat = source.getDefiningOp<linalg::BroadcastOp>()) {
    for (auto [d, loop] : llvm::enumerate(dims))
      if (!llvm::is_contained(repeat.getDimensions(), int64_t(d)))
        next.push_back(loop);
    source = repeat.getInput();
  } else if (auto expand = source.getDefiningOp<tensor::ExpandShapeOp>()) {
    ArrayRef<int64_t> shape = expand.getResultType().getShape();
    for (const ReassociationIndices &group : expand.getReassociationIndices()) {
      auto isLong = [&](int64_t d) { return shape[d] != 1; };
      if (llvm::count_if(group, isLong) > 1)
        return false;
      auto kept = llvm::find_if(group, isLong);
      next.push_back(kept == group.end() ? none : dims[*kept]);
    }
    source = expand.getSrc();
  } else {
    return false;
  }
  dims = std::move(next);
  return true;
}

bool Broadcast::isOf(ArrayRef<int64_t> wanted) const {
  SmallVector<int64_t> loops(dims);
  llvm::erase(loops, none);
  return ArrayRef<int64_t>(loops) == wanted;
}

Value Broadcast::withoutUnits(OpBuilder &b, Location loc) const {
  auto type = cast<RankedTensorType>(source.getType());
  if (!llvm::is_contained(dims, none))
    return source;
  SmallVector<OpFoldResult> offsets(dims.size(), b.getIndexAttr(0)),
      strides(dims.size(), b.getIndexAttr(1)), sizes;
  SmallVector<int64_t> shape;
  for (auto [d, loop] : llvm::enumerate(dims)) {
    if (loop != none)
      shape.push_back(type.getDimSize(d));
    sizes.push_back(loop == none ? OpFoldResult(b.getIndexAttr(1))
                                 : tensor::getMixedSize(b, loc, source, d));
  }
  return tensor::ExtractSliceOp::create(
      b, loc, RankedTensorType::get(shape, type.getElementType()), source,
      offsets, sizes, strides);
}

/// A number before it was rounded to its type, or extended to it.
static Value throughCasts(Value value) {
  while (Operation *cast = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(cast))
      break;
    value = cast->getOperand(0);
  }
  return value;
}

/// The operands of an elementwise op on tensors that gives `Op` of them; none
/// where `value` is made by another one.
template <typename Op>
static std::optional<std::pair<Factor, Factor>> operandsOf(Value value) {
  auto generic = value.getDefiningOp<linalg::GenericOp>();
  if (!generic || generic.getNumLoops() != generic.getNumParallelLoops() ||
      generic.getNumDpsInputs() != 2 || generic.getNumResults() != 1 ||
      !generic.getMatchingIndexingMap(generic.getDpsInitOperand(0))
           .isIdentity())
    return std::nullopt;
  Value yielded = generic.getBody()->getTerminator()->getOperand(0);
  auto op = throughCasts(yielded).template getDefiningOp<Op>();
  if (!op)
    return std::nullopt;
  Factor factors[2];
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    auto argument = dyn_cast<BlockArgument>(throughCasts(operand));
    if (!argument || argument.getArgNumber() > 1)
      return std::nullopt;
    OpOperand *input = generic.getDpsInputOperand(argument.getArgNumber());
    factors[i] = {input->get(), generic.getMatchingIndexingMap(input)};
  }
  return std::pair(factors[0], factors[1]);
}

/// x and c of `value` = x * c with c of these dimensions.
static std::optional<std::pair<Value, Broadcast>>
takeScale(Value value, ArrayRef<int64_t> dims) {
  auto factors = operandsOf<arith::MulFOp>(value);
  if (!factors)
    return std::nullopt;
  auto [x, c] = *factors;
  for (int turn = 0; turn < 2; ++turn, std::swap(x, c)) {
    std::optional<Broadcast> scale = Broadcast::get(c.value, c.map);
    if (x.map.isIdentity() && x.value.getType() == value.getType() && scale &&
        scale->isOf(dims))
      return std::pair(x.value, *scale);
  }
  return std::nullopt;
}

/// True where the kernel that the op gets takes a scale and a skip.
static bool isTaken(ssm::SemiseparableOp op, bool isWgmma) {
  auto typeOf = [](Value value) { return cast<ShapedType>(value.getType()); };
  constexpr int64_t fewTokens = 16, mostKeys = 128;
  int64_t length = typeOf(op.getV()).getDimSize(1);
  if (typeOf(op.getV()).getElementTypeBitWidth() != 16 ||
      (length >= 1 && length < fewTokens))
    return true; // is streamed
  return isWgmma && typeOf(op.getK()).getDimSize(3) <= mostKeys &&
         (!op.getDecay() || typeOf(op.getDecay()).getRank() % 2 == 1);
}

static void joinScale(ssm::SemiseparableOp op) {
  auto found = takeScale(op.getV(), {0, 1, 2});
  if (!found || op.getScale())
    return;
  auto &[x, scale] = *found;
  OpBuilder b(op);
  op.getScaleMutable().assign(scale.withoutUnits(b, op.getLoc()));
  op.getVMutable().assign(x);
}

/// d * x, added to the outputs by their only user.
static void joinSkip(ssm::SemiseparableOp op, DominanceInfo &dominance) {
  Value y = op->getResult(0);
  if (op.getSkip() || !y.hasOneUse() || y.getType() != op.getV().getType())
    return;
  Operation *user = *y.user_begin();
  if (user->getNumResults() != 1)
    return;
  auto terms = operandsOf<arith::AddFOp>(user->getResult(0));
  if (!terms)
    return;
  auto [mixed, skipped] = *terms;
  if (mixed.value != y)
    std::swap(mixed, skipped);
  auto found = takeScale(skipped.value, {2});
  if (!mixed.map.isIdentity() || !skipped.map.isIdentity() || !found ||
      found->first != op.getV() ||
      !dominance.properlyDominates(found->second.source, op))
    return;
  OpBuilder b(op);
  op.getSkipMutable().assign(found->second.withoutUnits(b, op.getLoc()));
  user->getResult(0).replaceAllUsesWith(y);
  user->erase();
}

namespace {
struct JoinScales : ssmc::impl::SsmJoinScalesBase<JoinScales> {
  using SsmJoinScalesBase::SsmJoinScalesBase;
  void runOnOperation() override {
    SmallVector<ssm::SemiseparableOp> ops;
    getOperation()->walk([&](ssm::SemiseparableOp op) {
      if (op.hasPureTensorSemantics() && isTaken(op, hasWgmma(target)))
        ops.push_back(op);
    });
    auto &dominance = getAnalysis<DominanceInfo>();
    for (ssm::SemiseparableOp op : ops) {
      joinScale(op);
      joinSkip(op, dominance);
    }
  }
};
} // namespace
