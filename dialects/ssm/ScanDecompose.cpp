//===- ScanDecompose.cpp - the reference loops of the two scans -----------===//

#include "dialects/ssm/SsmDecomposition.h"

using namespace mlir;
using namespace mlir::ssm;

// One step of ssm.scan, as one elementwise op that gives state and output:
//   state = a[t] * state + b[t];  h[t] = state
FailureOr<SmallVector<Value>> ScanOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  auto axis = static_cast<int64_t>(getDimension());
  unsigned rank = cast<ShapedType>(getState().getType()).getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  Value length = d.dim(getH(), axis);
  return d.loop(length, {getH(), getState()}, [&](Value t, ValueRange carried) {
    Value now = d.at(t, length, getReverse());
    SmallVector<Value> next = d.map(
        {{d.slice(getA(), axis, now), identity},
         {d.slice(getB(), axis, now), identity},
         {d.slice(carried[0], axis, now), identity},
         {carried[1], identity}},
        /*numOuts=*/2, rank, /*reductions=*/{},
        [](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
          Type type = args[3].getType();
          Value a = convertFloat(b, loc, args[0], type);
          Value x = convertFloat(b, loc, args[1], type);
          Value h = addNumbers(b, loc, mulNumbers(b, loc, a, args[3]), x);
          return {convertFloat(b, loc, h, args[2].getType()), h};
        });
    return SmallVector<Value>{d.insert(next[0], carried[0], axis, now),
                              next[1]};
  });
}

// One step of ssm.selective_scan, in the order of its two equations. The
// read-out is summed up in the slice of y where that has the state's type.
FailureOr<SmallVector<Value>>
SelectiveScanOp::decomposeOperation(OpBuilder &b) {
  if (!hasPureTensorSemantics())
    return failure();
  Decomposition d(b, getLoc());
  Type type = cast<ShapedType>(getState().getType()).getElementType();
  Type yType = cast<ShapedType>(getY().getType()).getElementType();
  enum { B, D, N };
  AffineMap bdn = d.dims(3, {B, D, N}), bd = d.dims(3, {B, D}),
            bn = d.dims(3, {B, N}), dn = d.dims(3, {D, N});
  Value length = d.dim(getY(), 1);

  auto step = [&](Value t, ValueRange carried) -> SmallVector<Value> {
    Value now = d.at(t, length, getReverse());
    Value u = d.slice(getU(), 1, now), y = d.slice(carried[0], 1, now);
    SmallVector<std::pair<Value, AffineMap>> update = {
        {d.slice(getDelta(), 1, now), bd},
        {getA(), dn},
        {d.slice(getB(), 1, now), bn},
        {u, bd}};
    if (getResets())
      update.push_back({d.slice(getResets(), 1, now), d.dims(3, {B})});
    update.push_back({carried[1], bdn});
    Value state = d.map(
        update,
        /*numOuts=*/1, /*numLoops=*/3, /*reductions=*/{},
        [&](OpBuilder &b, Location loc, ValueRange args) -> SmallVector<Value> {
          SmallVector<Value> in;
          for (Value arg : args.take_front(4))
            in.push_back(convertFloat(b, loc, arg, type));
          Value before = args.back();
          if (getResets()) {
            Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
            before = arith::SelectOp::create(b, loc, args[4], zero, before);
          }
          Value rate = arith::MulFOp::create(b, loc, in[0], in[1]);
          Value decay = math::ExpOp::create(b, loc, rate);
          Value input = arith::MulFOp::create(b, loc, in[0], in[2]);
          input = arith::MulFOp::create(b, loc, input, in[3]);
          Value kept = arith::MulFOp::create(b, loc, decay, before);
          return {arith::AddFOp::create(b, loc, kept, input)};
        })[0];
    Value zero = d.fillZero(yType == type ? y : d.emptyLike(y, type));
    Value sum =
        d.addProducts({{d.slice(getC(), 1, now), bn}, {state, bdn}, {zero, bd}},
                      /*numLoops=*/3, /*reductions=*/{N});
    // Skip, gate and the conversion to y's type.
    AffineMap all = d.dims(2, {B, D});
    SmallVector<std::pair<Value, AffineMap>> operands;
    if (getD())
      operands.append({{u, all}, {getD(), d.dims(2, {D})}});
    if (getZ())
      operands.push_back({d.slice(getZ(), 1, now), all});
    if (!operands.empty() || yType != type) {
      if (yType != type)
        operands.append({{sum, all}, {y, all}});
      else
        operands.push_back({sum, all});
      sum = d.map(operands, /*numOuts=*/1, /*numLoops=*/2, /*reductions=*/{},
                  [&](OpBuilder &b, Location loc,
                      ValueRange args) -> SmallVector<Value> {
                    SmallVector<Value> in;
                    for (Value arg : args)
                      in.push_back(convertFloat(b, loc, arg, type));
                    Value value = in[in.size() - (yType != type ? 2 : 1)];
                    if (getD()) {
                      Value skip = arith::MulFOp::create(b, loc, in[1], in[0]);
                      value = arith::AddFOp::create(b, loc, value, skip);
                    }
                    if (getZ())
                      value = arith::MulFOp::create(
                          b, loc, value, silu(b, loc, in[getD() ? 2 : 0]));
                    return {convertFloat(b, loc, value, yType)};
                  })[0];
    }
    return {d.insert(sum, carried[0], 1, now), state};
  };
  return d.loop(length, {getY(), getState()}, step);
}
