//===- FormLinear.cpp - ssm-form-linear -----------------------------------===//
//
// Two rewrites on tensors:
//
// 1. A contraction of x[m..., k] with a constant matrix becomes ssm.linear on x
//    with its leading dimensions collapsed and the constant packed into panels.
//    The pack is of a constant, so that it is carried out when the weights are
//    written. What the destination holds is added, unless it is zero.
// 2. An elementwise op that is the only user of an ssm.linear is drawn into its
//    region, when its other operands are whole rows, one row or scalars.
//
// Run before and after the fusion of elementwise ops: before, so that no
// product is drawn into something else; after, because `x * sigmoid(x)` uses
// the sum twice until it is one op.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>
#include <cstring>

namespace ssmc {
#define GEN_PASS_DEF_SSMFORMLINEAR
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

bool isF32Tensor(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type && type.getElementType().isF32();
}

/// Of f32, or of a type that f32 holds.
bool isNarrowTensor(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type &&
         isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType());
}

bool isZero(Value v) {
  if (auto fill = v.getDefiningOp<linalg::FillOp>())
    v = fill.getInputs()[0];
  return matchPattern(v, m_AnyZeroFloat());
}

// A constant matrix and whether it is used transposed.
struct Weight {
  Value constant;
  bool transposed = false;
};

// Whether `generic` only copies its one input, and how it permutes it.
bool isTransposition(linalg::GenericOp generic) {
  if (generic.getNumDpsInputs() != 1 || generic.getNumDpsInits() != 1 ||
      !generic.getRegion().hasOneBlock())
    return false;
  Block &body = generic.getRegion().front();
  AffineMap in = generic.getIndexingMapsArray()[0];
  AffineMap out = generic.getIndexingMapsArray()[1];
  return body.getTerminator()->getOperand(0) == body.getArgument(0) &&
         in.isPermutation() && out.isPermutation() && in.getNumDims() == 2 &&
         in != out;
}

std::optional<Weight> findWeight(Value v) {
  Weight weight{v, false};
  while (true) {
    Value source;
    if (auto transpose = weight.constant.getDefiningOp<linalg::TransposeOp>()) {
      if (transpose.getPermutation() == ArrayRef<int64_t>{1, 0})
        source = transpose.getInput();
    } else if (auto generic =
                   weight.constant.getDefiningOp<linalg::GenericOp>()) {
      if (isTransposition(generic))
        source = generic.getDpsInputs()[0];
    }
    if (!source)
      break;
    weight = {source, !weight.transposed};
  }
  auto type = dyn_cast<RankedTensorType>(weight.constant.getType());
  if (!weight.constant.getDefiningOp<arith::ConstantOp>() || !type ||
      type.getRank() != 2 || !type.hasStaticShape())
    return std::nullopt;
  return weight;
}

// Whether no finite element of a constant becomes infinite in a type.
bool fits(Value constant, FloatType type) {
  ElementsAttr value;
  if (!matchPattern(constant, m_Constant(&value)))
    return false;
  ArrayRef<char> raw;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      raw = blob->getData();
  } else if (auto dense = dyn_cast<DenseFPElementsAttr>(value)) {
    raw = dense.isSplat() ? ArrayRef<char>() : dense.getRawData();
  }
  // The largest number of the type and half the place behind its last.
  float limit = type.isF16() ? 65520.0f : 0x1.ffp127f;
  for (size_t i = 0; i + 4 <= raw.size(); i += 4) {
    float element;
    std::memcpy(&element, raw.data() + i, 4);
    if (std::isfinite(element) && std::fabs(element) >= limit)
      return false;
  }
  return !raw.empty();
}

// One group of all leading dimensions, then the last.
SmallVector<ReassociationIndices> rowsAndColumns(int64_t rank) {
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t d = 0; d + 1 < rank; ++d)
    groups[0].push_back(d);
  groups[1].push_back(rank - 1);
  return groups;
}

// x[m..., k] as a matrix.
Value collapseRows(ImplicitLocOpBuilder &b, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 2)
    return x;
  if (type.getRank() > 2)
    return tensor::CollapseShapeOp::create(b, x,
                                           rowsAndColumns(type.getRank()));
  auto row =
      RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType());
  return tensor::ExpandShapeOp::create(b, row, x,
                                       ArrayRef<ReassociationIndices>{{0, 1}});
}

// The extents of `like` but the last.
SmallVector<OpFoldResult> leadingSizes(ImplicitLocOpBuilder &b, Value like) {
  SmallVector<OpFoldResult> sizes;
  int64_t rank = cast<RankedTensorType>(like.getType()).getRank();
  for (int64_t d = 0; d + 1 < rank; ++d)
    sizes.push_back(tensor::getMixedSize(b, b.getLoc(), like, d));
  return sizes;
}

// The inverse of collapseRows.
Value expandRows(ImplicitLocOpBuilder &b, Value matrix, RankedTensorType type,
                 SmallVector<OpFoldResult> sizes) {
  if (type.getRank() == 2)
    return matrix;
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(
        b, matrix, ArrayRef<ReassociationIndices>{{0, 1}});
  sizes.push_back(b.getIndexAttr(type.getShape().back()));
  return tensor::ExpandShapeOp::create(b, type, matrix,
                                       rowsAndColumns(type.getRank()), sizes);
}

ssm::LinearOp makeLinear(ImplicitLocOpBuilder &b, Value x, Value w,
                         ValueRange extras, int64_t columns) {
  Value rows = b.createOrFold<tensor::DimOp>(x, 0);
  // What comes of it is f32, whatever the rows are stored in.
  auto xType = cast<RankedTensorType>(x.getType());
  auto type =
      RankedTensorType::get({xType.getDimSize(0), columns}, b.getF32Type());
  SmallVector<Value> dynamic;
  if (type.isDynamicDim(0))
    dynamic.push_back(rows);
  Value out = tensor::EmptyOp::create(b, type, dynamic);
  return ssm::LinearOp::create(b, TypeRange(type), x, w, extras, out);
}

// Each element converted from one type to the next.
Value convertRows(ImplicitLocOpBuilder &b, Value x, ArrayRef<FloatType> types) {
  auto type = cast<RankedTensorType>(x.getType());
  Value out = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), x), types.back());
  AffineMap map = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, out.getType(), x, out, SmallVector<AffineMap>(2, map), loops,
             [&](OpBuilder &b, Location loc, ValueRange elements) {
               Value element = elements[0];
               for (FloatType next : types) {
                 auto from = cast<FloatType>(element.getType());
                 if (next.getWidth() > from.getWidth())
                   element = arith::ExtFOp::create(b, loc, next, element);
                 else
                   element = arith::TruncFOp::create(b, loc, next, element);
               }
               linalg::YieldOp::create(b, loc, element);
             })
      .getResult(0);
}

// Rows as the kernel multiplies them: of bf16 where the weight is too and the
// processor has an instruction for it, else of f32. `rounded`: to bf16 first.
Value prepareRows(ImplicitLocOpBuilder &b, Value x, FloatType weight,
                  bool rounded, const CpuTarget &target) {
  auto type =
      cast<FloatType>(cast<RankedTensorType>(x.getType()).getElementType());
  FloatType wide = b.getF32Type(), half = b.getBF16Type();
  bool dot = target.bf16Dot && weight == half;
  if (type == wide && rounded && weight == half)
    return convertRows(b, x,
                       dot ? ArrayRef<FloatType>{half}
                           : ArrayRef<FloatType>{half, wide});
  if (type == wide || (dot && type == half))
    return x;
  return convertRows(b, x, wide);
}

// The elementwise sum of two tensors of one type.
Value addTo(ImplicitLocOpBuilder &b, Value x, Value y) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<OpFoldResult> sizes = leadingSizes(b, y);
  sizes.push_back(b.getIndexAttr(type.getShape().back()));
  Value out = tensor::EmptyOp::create(b, sizes, type.getElementType());
  AffineMap map = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, type, ValueRange{x, y}, out, SmallVector<AffineMap>(3, map),
             loops,
             [](OpBuilder &b, Location loc, ValueRange elements) {
               Value sum =
                   arith::AddFOp::create(b, loc, elements[0], elements[1]);
               linalg::YieldOp::create(b, loc, sum);
             })
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Contraction -> ssm.linear
//===----------------------------------------------------------------------===//

void formLinear(linalg::LinalgOp op, const CpuTarget &target, FloatType stored,
                bool rounded) {
  if (!linalg::isaContractionOpInterface(op) || !op.hasPureTensorSemantics() ||
      !llvm::all_of(op.getDpsInputs(), isNarrowTensor) ||
      !isF32Tensor(op.getDpsInits()[0]))
    return;
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !dims->batch.empty() || dims->k.size() != 1)
    return;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (unsigned side : {1u, 0u}) {
    std::optional<Weight> weight = findWeight(op.getDpsInputs()[side]);
    const auto &columnDims = side ? dims->n : dims->m;
    if (!weight || columnDims.size() != 1)
      continue;
    MLIRContext *context = op.getContext();
    AffineExpr n = getAffineDimExpr(columnDims[0], context);
    AffineExpr k = getAffineDimExpr(dims->k[0], context);
    ArrayRef<AffineExpr> w = maps[side].getResults();
    ArrayRef<AffineExpr> x = maps[1 - side].getResults();
    ArrayRef<AffineExpr> y = maps[2].getResults();
    if (w.size() != 2 || x.empty() || x.back() != k || y.empty() ||
        y.back() != n || x.drop_back() != y.drop_back())
      continue;
    bool columnsFirst = (w[0] == n) != weight->transposed;

    ImplicitLocOpBuilder b(op.getLoc(), op);
    auto source = cast<RankedTensorType>(weight->constant.getType());
    int64_t columns = source.getDimSize(columnsFirst ? 0 : 1);
    int64_t depth = source.getDimSize(columnsFirst ? 1 : 0);
    int64_t width = columns <= target.lanes ? target.lanes : 2 * target.lanes;
    int64_t panels = llvm::divideCeil(columns, width);
    Value constant = weight->constant;
    auto type = cast<FloatType>(source.getElementType());
    if (type.isF32() && stored != type && fits(constant, stored)) {
      type = stored;
      constant = arith::TruncFOp::create(b, source.clone(type), constant);
    }
    Value packed = tensor::EmptyOp::create(
        b, ArrayRef<int64_t>{panels, depth, width}, type);
    std::optional<Value> padding;
    if (columns % width)
      padding = arith::ConstantOp::create(b, b.getFloatAttr(type, 0.0));
    packed =
        linalg::PackOp::create(
            b, constant, packed, ArrayRef<int64_t>{columnsFirst ? 0 : 1},
            ArrayRef<OpFoldResult>{b.getIndexAttr(width)}, padding,
            columnsFirst ? ArrayRef<int64_t>{0, 1} : ArrayRef<int64_t>{1, 0})
            ->getResult(0);
    Value original = op.getDpsInputs()[1 - side];
    Value rows = prepareRows(b, original, type, rounded, target);
    auto linear = makeLinear(b, collapseRows(b, rows), packed, {}, columns);
    {
      OpBuilder::InsertionGuard guard(b);
      Block *body = b.createBlock(&linear.getEpilogue());
      Value sum = body->addArgument(b.getF32Type(), op.getLoc());
      ssm::YieldOp::create(b, sum);
    }
    auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
    Value result = expandRows(b, linear->getResult(0), resultType,
                              leadingSizes(b, original));
    if (Value init = op.getDpsInits()[0]; !isZero(init))
      result = addTo(b, result, init);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
    return;
  }
}

//===----------------------------------------------------------------------===//
// Elementwise user -> region
//===----------------------------------------------------------------------===//

// What an operand of the elementwise op becomes.
enum class Role { Sum, Rows, Row, Scalar, Other };

// Results of a map: all of the loops in order, only the last, or none; the
// others are zero, or stand at a dimension of extent one.
Role classify(AffineMap map, Value operand) {
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || !type.getElementType().isF32())
    return Role::Other;
  if (map.isIdentity())
    return Role::Rows;
  AffineExpr last = getAffineDimExpr(map.getNumDims() - 1, map.getContext());
  Role role = Role::Scalar;
  for (auto [at, result] : llvm::enumerate(map.getResults())) {
    auto constant = dyn_cast<AffineConstantExpr>(result);
    if ((constant && constant.getValue() == 0) || type.getDimSize(at) == 1)
      continue;
    if (result != last || int64_t(at) + 1 != type.getRank())
      return Role::Other;
    role = Role::Row;
  }
  return role;
}

// A row as a vector, a scalar as a value of its element type.
Value shrink(ImplicitLocOpBuilder &b, Value operand, Role role) {
  auto type = cast<RankedTensorType>(operand.getType());
  if (role == Role::Rows)
    return collapseRows(b, operand);
  if (role == Role::Row) {
    if (type.getRank() == 1)
      return operand;
    ReassociationIndices all =
        llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    return tensor::CollapseShapeOp::create(b, operand,
                                           ArrayRef<ReassociationIndices>{all});
  }
  SmallVector<Value> zeros(type.getRank(),
                           arith::ConstantIndexOp::create(b, 0));
  return b.createOrFold<tensor::ExtractOp>(operand, zeros);
}

// A broadcast is not computed for an operand: it is read where it comes from.
void seeThroughBroadcast(Value &operand, AffineMap &map) {
  while (auto op = operand.getDefiningOp<linalg::LinalgOp>()) {
    if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1)
      return;
    AffineMap from = op.getIndexingMapsArray()[0];
    Block &body = op->getRegion(0).front();
    if (body.getTerminator()->getOperand(0) != body.getArgument(0) ||
        !op.getIndexingMapsArray()[1].isIdentity() ||
        op.getNumLoops() == from.getNumResults() || op.hasIndexSemantics())
      return;
    Value source = op.getDpsInputs()[0];
    if (!isa<RankedTensorType>(source.getType()))
      return;
    operand = source;
    map = from.compose(map);
  }
}

struct Operand {
  Role role;
  Value value;
};

// The elementwise op that alone uses the rows `value`, if it can be drawn in.
linalg::GenericOp findUser(Value value, SmallVectorImpl<Operand> &operands) {
  if (value.use_empty())
    return {};
  auto user = dyn_cast<linalg::GenericOp>(*value.user_begin());
  if (!user || user.getNumDpsInits() != 1 || !user.hasPureTensorSemantics() ||
      user.getNumParallelLoops() != user.getNumLoops() ||
      !llvm::all_equal(value.getUsers()) || !isF32Tensor(user->getResult(0)) ||
      !user.getIndexingMapsArray().back().isIdentity())
    return {};
  Block &body = user.getRegion().front();
  if (!body.getArguments().back().use_empty() || user.getDpsInits()[0] == value)
    return {};
  for (Operation &op : body.without_terminator())
    if (op.getNumRegions() || !isMemoryEffectFree(&op) ||
        isa<linalg::IndexOp>(op))
      return {};
  for (OpOperand *input : user.getDpsInputOperands()) {
    Operand operand{Role::Sum, input->get()};
    AffineMap map = user.getMatchingIndexingMap(input);
    if (operand.value != value) {
      seeThroughBroadcast(operand.value, map);
      operand.role = classify(map, operand.value);
    } else if (!map.isIdentity()) {
      return {};
    }
    if (operand.role == Role::Other)
      return {};
    operands.push_back(operand);
  }
  return user;
}

bool absorbUser(ssm::LinearOp linear) {
  Value rows = linear->getResult(0);
  if (rows.hasOneUse())
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(*rows.user_begin()))
      rows = rows.user_begin()->getResult(0);
  auto rowsType = cast<RankedTensorType>(rows.getType());
  auto matrix = cast<RankedTensorType>(linear.getOut().getType());
  // Between the product and its user, only what expandRows makes.
  if (rowsType.getShape().back() != matrix.getShape().back())
    return false;
  SmallVector<Operand> operands;
  linalg::GenericOp user = findUser(rows, operands);
  if (!user)
    return false;

  ImplicitLocOpBuilder b(user.getLoc(), user);
  SmallVector<Value> extras(linear.getExtras());
  for (auto &[role, value] : operands) {
    if (role == Role::Sum)
      continue;
    value = shrink(b, value, role);
    if (role != Role::Scalar)
      extras.push_back(value);
  }
  auto fused = makeLinear(b, linear.getX(), linear.getW(), extras,
                          matrix.getShape().back());
  fused.getEpilogue().takeBody(linear.getEpilogue());
  Block &body = fused.getEpilogue().front();
  Operation *yield = body.getTerminator();
  Block &drawn = user.getRegion().front();
  IRMapping map;
  for (auto [operand, drawnArgument] :
       llvm::zip(operands, drawn.getArguments())) {
    Value argument = operand.value;
    if (operand.role == Role::Sum)
      argument = yield->getOperand(0);
    else if (operand.role != Role::Scalar)
      argument = body.addArgument(b.getF32Type(), user.getLoc());
    map.map(drawnArgument, argument);
  }
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(yield);
    for (Operation &op : drawn.without_terminator())
      b.clone(op, map);
  }
  yield->setOperand(0,
                    map.lookupOrDefault(drawn.getTerminator()->getOperand(0)));
  auto type = cast<RankedTensorType>(user->getResult(0).getType());
  auto expand = rows.getDefiningOp<tensor::ExpandShapeOp>();
  SmallVector<OpFoldResult> sizes;
  if (expand)
    sizes = expand.getMixedOutputShape();
  if (!sizes.empty())
    sizes.pop_back();
  Value result = expandRows(b, fused->getResult(0), type, sizes);
  user->getResult(0).replaceAllUsesWith(result);
  user->erase();
  if (rows != linear->getResult(0))
    rows.getDefiningOp()->erase();
  linear->erase();
  return true;
}

struct FormLinear : ssmc::impl::SsmFormLinearBase<FormLinear> {
  using SsmFormLinearBase::SsmFormLinearBase;
  void runOnOperation() override {
    FailureOr<CpuTarget> target = findTarget(getOperation(), cpu);
    if (failed(target))
      return signalPassFailure();
    Builder b(&getContext());
    FloatType stored = llvm::StringSwitch<FloatType>(weights)
                           .Case("f32", b.getF32Type())
                           .Case("bf16", b.getBF16Type())
                           .Case("f16", b.getF16Type())
                           .Default({});
    if (!stored) {
      getOperation().emitError("weights=")
          << weights << " is none of f32, bf16, f16";
      return signalPassFailure();
    }
    if (products != "f32" && products != "bf16") {
      getOperation().emitError("products=")
          << products << " is none of f32, bf16";
      return signalPassFailure();
    }
    SmallVector<linalg::LinalgOp> contractions;
    getOperation().walk(
        [&](linalg::LinalgOp op) { contractions.push_back(op); });
    for (linalg::LinalgOp op : contractions)
      formLinear(op, *target, stored, products == "bf16");
    SmallVector<ssm::LinearOp> linears;
    bool changed = true;
    while (changed) {
      changed = false;
      linears.clear();
      getOperation().walk([&](ssm::LinearOp op) {
        if (op->getNumResults() == 1)
          linears.push_back(op);
      });
      for (ssm::LinearOp op : linears)
        changed |= absorbUser(op);
    }
  }
};

} // namespace
