//===- SsmMaterialize.cpp - linear mixers as explicit matrices ------------===//
//
// A mixer that is linear in x, given its other operands, is y = M x + c: M is
// what it makes of the columns of the identity from a state of zeros, c what it
// makes of zeros from the state that it has. Here both are computed by the op
// itself, and y from them:
//
//   heads     v becomes the identity, one column a channel: M is B x Y x L x L
//   channels  each channel has a matrix: the identity's columns become a new
//             dimension in front, or are given to the op one by one
//
// The op is left where its other results, the states, are used.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmDecomposition.h"
#include "dialects/ssm/SsmPasses.h"
#include "dialects/ssm/SsmStrategy.h"

#include "llvm/ADT/TypeSwitch.h"

namespace mlir::ssm {
#define GEN_PASS_DEF_SSMMATERIALIZE
#include "dialects/ssm/SsmPasses.h.inc"
} // namespace mlir::ssm

using namespace mlir;
using namespace mlir::ssm;

using Sizes = SmallVector<OpFoldResult>;

namespace {
class Materializer {
public:
  Materializer(OpBuilder &b, Operation *op)
      : b(b), loc(op->getLoc()), op(op), d(b, loc) {}

  /// `state` is null where the op has none; `type` is that of arithmetic.
  Value mixHeads(OpOperand &v, OpOperand &y, OpOperand *state, Type type);
  Value mixChannels(OpOperand &x, OpOperand &y, OpOperand *state, Type type,
                    OpOperand *bias = nullptr);
  Value mix(ScanOp op);

private:
  Sizes sizesOf(Value tensor) { return tensor::getMixedSizes(b, loc, tensor); }
  Value empty(const Sizes &sizes, Type type) {
    return tensor::EmptyOp::create(b, loc, sizes, type);
  }
  Value zeros(const Sizes &sizes, Type type) {
    return d.fillZero(empty(sizes, type));
  }
  /// 1 where index i equals index j.
  Value identity(const Sizes &sizes, unsigned i, unsigned j, Type type);
  /// `tensor` in another element type, repeated along a new first dimension.
  Value repeat(Value tensor, OpFoldResult times, Type type);
  Value convert(Value tensor, Type type) {
    return d.convert(tensor, d.emptyLike(tensor, type));
  }
  /// The first result of the op with some operands replaced.
  using Replaced = std::pair<OpOperand &, Value>;
  Value run(ArrayRef<Replaced> replaced);
  /// c + sum M x, in the type of y.
  Value apply(Value m, AffineMap ofM, Value x, AffineMap ofX, Value c,
              AffineMap ofC, unsigned reduction, Value y);

  OpBuilder &b;
  Location loc;
  Operation *op;
  Decomposition d;
};
} // namespace

/// 1 or 0.
static Value isEqual(OpBuilder &b, Location loc, Value i, Value j, Type type) {
  Value same = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, i, j);
  Value one = arith::ConstantOp::create(b, loc, b.getOneAttr(type));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return arith::SelectOp::create(b, loc, same, one, zero);
}

Value Materializer::identity(const Sizes &sizes, unsigned i, unsigned j,
                             Type type) {
  unsigned rank = sizes.size();
  return d.map(
      {{empty(sizes, type), b.getMultiDimIdentityMap(rank)}}, /*numOuts=*/1,
      rank, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange) -> SmallVector<Value> {
        return {isEqual(b, loc, linalg::IndexOp::create(b, loc, i),
                        linalg::IndexOp::create(b, loc, j), type)};
      })[0];
}

Value Materializer::repeat(Value tensor, OpFoldResult times, Type type) {
  Sizes sizes = sizesOf(tensor);
  unsigned rank = sizes.size();
  sizes.insert(sizes.begin(), times);
  return d.map(
      {{tensor, AffineMap::getFilteredIdentityMap(
                    b.getContext(), rank + 1,
                    [](AffineDimExpr dim) { return dim.getPosition() > 0; })},
       {empty(sizes, type), b.getMultiDimIdentityMap(rank + 1)}},
      /*numOuts=*/1, rank + 1, /*reductions=*/{},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        if (!isa<FloatType>(type))
          return {args[0]};
        return {convertFloat(b, loc, args[0], type)};
      })[0];
}

Value Materializer::run(ArrayRef<Replaced> replaced) {
  SmallVector<Value> operands(op->getOperands());
  for (const auto &[operand, value] : replaced)
    operands[operand.getOperandNumber()] = value;
  unsigned numInits = cast<DestinationStyleOpInterface>(op).getNumDpsInits();
  SmallVector<Type> types;
  for (Value init : ArrayRef(operands).take_back(numInits))
    types.push_back(init.getType());
  Operation *copy = clone(b, op, types, operands);
  copy->removeAttr(kStrategyAttr);
  return copy->getResult(0);
}

Value Materializer::apply(Value m, AffineMap ofM, Value x, AffineMap ofX,
                          Value c, AffineMap ofC, unsigned reduction, Value y) {
  Type type = cast<ShapedType>(c.getType()).getElementType();
  Value sum = d.map(
      {{m, ofM}, {x, ofX}, {c, ofC}}, /*numOuts=*/1, ofM.getNumDims(),
      {reduction},
      [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
        Value product = arith::MulFOp::create(
            b, loc, args[0], convertFloat(b, loc, args[1], type));
        return {arith::AddFOp::create(b, loc, args[2], product)};
      })[0];
  return d.convert(sum, y);
}

//===----------------------------------------------------------------------===//
// A matrix for each head
//===----------------------------------------------------------------------===//

Value Materializer::mixHeads(OpOperand &v, OpOperand &y, OpOperand *state,
                             Type type) {
  enum { B, T, Y, P, S };
  Sizes sizes = sizesOf(v.get()), ySizes = sizesOf(y.get()), stateSizes;
  // The channels are the steps.
  OpFoldResult length = sizes[1];
  Sizes columns = sizes, mSizes = ySizes;
  columns[3] = mSizes[3] = length;
  SmallVector<Replaced> ofColumns = {{v, identity(columns, 1, 3, type)},
                                     {y, empty(mSizes, type)}};
  Value c = zeros(ySizes, type);
  if (state) {
    stateSizes = sizesOf(state->get());
    stateSizes.back() = length;
    ofColumns.push_back({*state, zeros(stateSizes, type)});
    c = run({{v, zeros(sizes, type)}, {y, empty(ySizes, type)}});
  }
  Value m = run(ofColumns);
  int64_t sharing = cast<ShapedType>(y.get().getType()).getDimSize(2) /
                    cast<ShapedType>(v.get().getType()).getDimSize(2);
  AffineExpr batch = b.getAffineDimExpr(B), head = b.getAffineDimExpr(Y);
  AffineMap ofV =
      AffineMap::get(5, 0,
                     {batch, b.getAffineDimExpr(S), head.floorDiv(sharing),
                      b.getAffineDimExpr(P)},
                     b.getContext());
  return apply(m, d.dims(5, {B, T, Y, S}), v.get(), ofV, c,
               d.dims(5, {B, T, Y, P}), S, y.get());
}

//===----------------------------------------------------------------------===//
// A matrix for each channel
//===----------------------------------------------------------------------===//

Value Materializer::mix(ScanOp op) {
  Type type = cast<ShapedType>(op.getState().getType()).getElementType();
  auto time = static_cast<unsigned>(op.getDimension());
  Sizes sizes = sizesOf(op.getH()), columns = sizes;
  unsigned rank = sizes.size();
  columns.insert(columns.begin(), sizes[time]);
  Value c = run({{op.getAMutable(), convert(op.getA(), type)},
                 {op.getBMutable(), zeros(sizes, type)},
                 {op.getHMutable(), empty(sizes, type)}});
  Sizes states = sizesOf(op.getState());
  states.insert(states.begin(), sizes[time]);
  // The op with a dimension in front.
  Value h = empty(columns, type), state = zeros(states, type);
  Value m = ScanOp::create(b, loc, {h.getType(), state.getType()},
                           repeat(op.getA(), sizes[time], type),
                           identity(columns, 0, time + 1, type), h, state,
                           time + 1, op.getReverse())
                ->getResult(0);
  // Loops: the column, then those of h.
  SmallVector<AffineExpr> ofX;
  for (unsigned i = 0; i < rank; ++i)
    ofX.push_back(b.getAffineDimExpr(i == time ? 0 : i + 1));
  AffineMap all = b.getMultiDimIdentityMap(rank + 1);
  return apply(m, all, op.getB(),
               AffineMap::get(rank + 1, 0, ofX, b.getContext()), c,
               all.dropResult(0), 0, op.getH());
}

/// Of operands x and y of B x L x D; `bias` is what is added to each y. Column
/// by column: x is 1 at one step of every row and channel.
Value Materializer::mixChannels(OpOperand &x, OpOperand &y, OpOperand *state,
                                Type type, OpOperand *bias) {
  enum { S, B, T, D };
  Sizes sizes = sizesOf(x.get()), columns = sizes;
  columns.insert(columns.begin(), sizes[1]);
  Value length = getValueOrCreateConstantIndexOp(b, loc, sizes[1]);
  auto column = [&](Value s, ValueRange carried) -> SmallVector<Value> {
    Value one = d.map(
        {{empty(sizes, type), b.getMultiDimIdentityMap(3)}}, /*numOuts=*/1,
        /*numLoops=*/3, /*reductions=*/{},
        [&](OpBuilder &b, Location loc, ValueRange) -> SmallVector<Value> {
          Value at = linalg::IndexOp::create(b, loc, 1);
          return {isEqual(b, loc, at, s, type)};
        })[0];
    SmallVector<Replaced> replaced = {{x, one}, {y, empty(sizes, type)}};
    if (state)
      replaced.push_back({*state, zeros(sizesOf(state->get()), type)});
    if (bias)
      replaced.push_back({*bias, zeros(sizesOf(bias->get()), type)});
    return {d.insert(run(replaced), carried[0], 0, s)};
  };
  Value m = d.loop(length, {empty(columns, type)}, column)[0];
  SmallVector<Replaced> replaced = {{x, zeros(sizes, type)},
                                    {y, empty(sizes, type)}};
  if (state)
    replaced.push_back({*state, convert(state->get(), type)});
  Value c = run(replaced);
  return apply(m, d.dims(4, {S, B, T, D}), x.get(), d.dims(4, {B, S, D}), c,
               d.dims(4, {B, T, D}), S, y.get());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// y of a mixer on tensors from its matrix; null if it is not linear.
static Value materialize(OpBuilder &b, Operation *op) {
  Materializer m(b, op);
  auto typeOf = [](Value value) {
    return cast<ShapedType>(value.getType()).getElementType();
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<SemiseparableOp, DeltaRuleOp>([&](auto op) {
        return m.mixHeads(op.getVMutable(), op.getYMutable(),
                          &op.getStateMutable(), typeOf(op.getState()));
      })
      .Case([&](AttentionOp op) {
        return m.mixHeads(op.getVMutable(), op.getYMutable(), nullptr,
                          typeOf(op.getLse()));
      })
      .Case([&](QuasiseparableOp op) {
        bool isWide = llvm::any_of(op->getOperands(), [&](Value value) {
          return typeOf(value).isF64();
        });
        return m.mixHeads(op.getVMutable(), op.getYMutable(), nullptr,
                          isWide ? b.getF64Type() : b.getF32Type());
      })
      .Case([&](ScanOp op) {
        return isa<FloatType>(typeOf(op.getState())) ? m.mix(op) : Value();
      })
      .Case([&](SelectiveScanOp op) {
        return m.mixChannels(op.getUMutable(), op.getYMutable(),
                             &op.getStateMutable(), typeOf(op.getState()));
      })
      .Case([&](LongConvOp op) {
        MutableOperandRange state = op.getStateMutable();
        return m.mixChannels(op.getXMutable(), op.getYMutable(),
                             state.empty() ? nullptr : state.begin(),
                             typeOf(op.getK()));
      })
      .Case([&](ShortConvOp op) {
        if (op.getActivation() != Activation::None)
          return Value();
        return m.mixChannels(op.getXMutable(), op.getYMutable(),
                             &op.getStateMutable(), typeOf(op.getW()),
                             op.getBias() ? op.getBiasMutable().begin()
                                          : nullptr);
      })
      .Default([](Operation *) { return Value(); });
}

SmallVector<Value> mlir::ssm::lowerByMatrix(OpBuilder &b, Operation *op) {
  SmallVector<Value> values(op->getResults());
  values[0] = materialize(b, op);
  if (llvm::all_of(ArrayRef(values).drop_front(),
                   [](Value value) { return value.use_empty(); })) {
    // No more than their types is wanted of them.
    SmallVector<Value> inits(
        cast<DestinationStyleOpInterface>(op).getDpsInits());
    llvm::copy(ArrayRef(inits).drop_front(), values.begin() + 1);
    return values;
  }
  Operation *copy = b.clone(*op);
  copy->removeAttr(kStrategyAttr);
  llvm::copy(copy->getResults().drop_front(), values.begin() + 1);
  return values;
}

namespace {
struct SsmMaterialize : ssm::impl::SsmMaterializeBase<SsmMaterialize> {
  void runOnOperation() override {
    SmallVector<MixerOpInterface> ops;
    getOperation()->walk([&](MixerOpInterface op) {
      if (cast<DestinationStyleOpInterface>(op.getOperation())
              .hasPureTensorSemantics())
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (MixerOpInterface op : ops) {
      rewriter.setInsertionPoint(op);
      Value y = materialize(rewriter, op);
      if (!y)
        continue;
      rewriter.replaceAllUsesWith(op->getResult(0), y);
      if (op->use_empty())
        rewriter.eraseOp(op);
    }
  }
};
} // namespace
