//===- KernelBuilder.cpp - vector code for one CPU ------------------------===//

#include "lib/Codegen/Cpu/KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

Value KernelBuilder::dim(Value memref, int64_t dim) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return idx(type.getDimSize(dim));
  return memref::DimOp::create(*this, memref, dim);
}

Value KernelBuilder::logicalNot(Value condition) {
  Value yes = arith::ConstantIntOp::create(*this, 1, 1);
  return createOrFold<arith::XOrIOp>(condition, yes);
}

Lanes KernelBuilder::lanes(VectorType type, Value count) {
  auto maskType = VectorType::get(type.getShape(), getI1Type());
  return {type,
          vector::CreateMaskOp::create(*this, maskType, ValueRange{count})};
}

Lanes KernelBuilder::lanesOf(Value total, Value first, int64_t step) {
  APInt known;
  if (matchPattern(total, m_ConstantInt(&known)) &&
      known.getSExtValue() % step == 0)
    return {vec(), {}};
  Value rest = sub(total, min(first, total));
  return lanes(vec(), min(rest, idx(target.lanes)));
}

Value KernelBuilder::splat(Type type, double value) {
  FloatAttr scalar = getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(*this,
                                     DenseElementsAttr::get(vector, scalar));
  return arith::ConstantOp::create(*this, scalar);
}

// Without the instruction, LLVM would call the fmaf of libm.
Value KernelBuilder::fma(Value a, Value b, Value c) {
  if (!target.fma)
    return fadd(fmul(a, b), c);
  if (isa<VectorType>(a.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  return math::FmaOp::create(*this, a, b, c);
}

// x = n + f with n the nearest integer, 2^f by a polynomial of degree 5 with
// p(0) = 1 exactly (a decay near 1 is applied thousands of times, so a bias
// there would accumulate), relative error 9.2e-8 on [-1/2, 1/2], then scaled
// by 2^n: by the instruction where there is one, else by adding n to the
// exponent, which needs x clamped to the exponents of normal numbers.
Value KernelBuilder::exp2(Value x) {
  static constexpr double coefficients[] = {1.0,
                                            0.6931470036506653,
                                            0.24022242426872253,
                                            0.05550733581185341,
                                            0.009671512991189957,
                                            0.001326472731307149};
  Type type = x.getType();
  auto vector = dyn_cast<VectorType>(type);
  bool scalef = target.avx512 && vector && vector.getNumElements() == 16;
  auto poly = [&](Value f) {
    Value p = splat(type, coefficients[5]);
    for (int i = 4; i >= 0; --i)
      p = fma(p, f, splat(type, coefficients[i]));
    return p;
  };
  if (scalef) {
    // The remainder of an infinity is 0, so these need no clamp.
    auto call = [&](StringRef name, ValueRange operands) {
      return LLVM::CallIntrinsicOp::create(*this, type, getStringAttr(name),
                                           operands)
          .getResult(0);
    };
    auto constant = [&](int64_t value, unsigned width) -> Value {
      return arith::ConstantIntOp::create(*this, value, width);
    };
    Value all = constant(-1, 16), toNearest = constant(0, 32),
          currentRounding = constant(4, 32);
    Value f = call("llvm.x86.avx512.mask.reduce.ps.512",
                   {x, toNearest, x, all, currentRounding});
    Value p = poly(f);
    return call("llvm.x86.avx512.mask.scalef.ps.512",
                {p, fsub(x, f), p, all, currentRounding});
  }
  // Comparing with the bound first keeps NaN, as one max instruction does.
  auto clamp = [&](arith::CmpFPredicate predicate, double bound) {
    Value limit = splat(type, bound);
    Value beyond = arith::CmpFOp::create(*this, predicate, limit, x);
    x = arith::SelectOp::create(*this, beyond, limit, x);
  };
  clamp(arith::CmpFPredicate::OGT, -126.0);
  clamp(arith::CmpFPredicate::OLT, 128.0);
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  Value magic = splat(type, 12582912.0);
  Value shifted = fadd(x, magic);
  Value p = poly(fsub(x, fsub(shifted, magic)));
  Type intType = getI32Type();
  Attribute shift = getI32IntegerAttr(23);
  if (vector) {
    auto intVector = VectorType::get(vector.getShape(), intType);
    shift = DenseElementsAttr::get(intVector, shift);
    intType = intVector;
  }
  auto toInt = [&](Value v) -> Value {
    return arith::BitcastOp::create(*this, intType, v);
  };
  Value n = arith::ShLIOp::create(
      *this, toInt(shifted),
      arith::ConstantOp::create(*this, cast<TypedAttr>(shift)));
  Value scaled = arith::AddIOp::create(*this, toInt(p), n);
  return arith::BitcastOp::create(*this, type, scaled);
}

Value KernelBuilder::silu(Value x) {
  Type type = x.getType();
  Value e = exp2(fmul(x, splat(type, -log2e)));
  return fdiv(x, fadd(splat(type, 1.0), e));
}

Value KernelBuilder::scratch(ArrayRef<int64_t> shape, Type type) {
  auto memref = MemRefType::get(shape, type ? type : getF32Type());
  return memref::AllocaOp::create(*this, memref, getI64IntegerAttr(64));
}

// The element type of a memref where it is narrower than f32, or none.
static FloatType halfElement(Value memref) {
  auto type =
      dyn_cast<FloatType>(cast<MemRefType>(memref.getType()).getElementType());
  return type && type.getWidth() == 16 ? type : FloatType();
}

Value KernelBuilder::load(Lanes lanes, Value memref, ValueRange indices) {
  VectorType type = lanes.type;
  if (FloatType half = halfElement(memref))
    type = VectorType::get(type.getShape(), half);
  Value loaded;
  if (lanes.mask)
    loaded =
        vector::MaskedLoadOp::create(*this, type, memref, indices, lanes.mask,
                                     splat(type, 0.0), IntegerAttr());
  else
    loaded = vector::LoadOp::create(*this, type, memref, indices);
  if (type == lanes.type)
    return loaded;
  return arith::ExtFOp::create(*this, lanes.type, loaded);
}

void KernelBuilder::store(Lanes lanes, Value value, Value memref,
                          ValueRange indices) {
  if (FloatType half = halfElement(memref))
    value = arith::TruncFOp::create(
        *this, VectorType::get(lanes.type.getShape(), half), value);
  if (lanes.mask)
    vector::MaskedStoreOp::create(*this, memref, indices, lanes.mask, value,
                                  IntegerAttr());
  else
    vector::StoreOp::create(*this, value, memref, indices);
}

void KernelBuilder::prefetch(Value memref, ValueRange indices) {
  memref::PrefetchOp::create(*this, memref, indices, /*isWrite=*/false,
                             /*localityHint=*/2, /*isDataCache=*/true);
}

Value KernelBuilder::loadScalar(Value memref, ValueRange indices) {
  Value loaded = memref::LoadOp::create(*this, memref, indices);
  if (!halfElement(memref))
    return loaded;
  return arith::ExtFOp::create(*this, getF32Type(), loaded);
}

void KernelBuilder::storeScalar(Value value, Value memref, ValueRange indices) {
  if (FloatType half = halfElement(memref))
    value = arith::TruncFOp::create(*this, half, value);
  memref::StoreOp::create(*this, value, memref, indices);
}

ValueRange KernelBuilder::loop(Value from, Value to, int64_t step,
                               ValueRange carried, LoopBody body) {
  auto loop = scf::ForOp::create(*this, from, to, idx(step), carried);
  {
    OpBuilder::InsertionGuard guard(*this);
    if (carried.empty())
      setInsertionPoint(loop.getBody()->getTerminator());
    else
      setInsertionPointToStart(loop.getBody());
    SmallVector<Value> next =
        body(loop.getInductionVar(), loop.getRegionIterArgs());
    if (!carried.empty())
      scf::YieldOp::create(*this, next);
  }
  return loop.getResults();
}

void KernelBuilder::loop(Value from, Value to, int64_t step,
                         function_ref<void(Value)> body) {
  loop(from, to, step, ValueRange(), [&](Value index, ValueRange) {
    body(index);
    return SmallVector<Value>();
  });
}

void KernelBuilder::parallel(ValueRange bounds,
                             function_ref<void(ValueRange)> body) {
  SmallVector<Value> zeros(bounds.size(), idx(0)), ones(bounds.size(), idx(1));
  auto loop = scf::ParallelOp::create(*this, zeros, bounds, ones);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVars());
}

void KernelBuilder::branch(Value condition, function_ref<void()> thenBody,
                           function_ref<void()> elseBody) {
  APInt constant;
  if (matchPattern(condition, m_ConstantInt(&constant)))
    return constant.isZero() ? elseBody() : thenBody();
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(branch.thenBlock()->getTerminator());
  thenBody();
  setInsertionPoint(branch.elseBlock()->getTerminator());
  elseBody();
}

SmallVector<Value> KernelBuilder::unlessReset(Value resets, ValueRange indices,
                                              ValueRange carried) {
  if (!resets || carried.empty())
    return carried;
  auto choice = scf::IfOp::create(*this, carried.getTypes(),
                                  loadScalar(resets, indices), true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(choice.thenBlock());
  SmallVector<Value> zeros;
  for (Value value : carried)
    zeros.push_back(splat(value.getType(), 0.0));
  scf::YieldOp::create(*this, zeros);
  setInsertionPointToStart(choice.elseBlock());
  scf::YieldOp::create(*this, carried);
  return choice.getResults();
}

bool ssmc::isFloatMemRef(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  return type &&
         isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType());
}

bool ssmc::isF32MemRef(Value memref) {
  return isFloatMemRef(memref) &&
         cast<MemRefType>(memref.getType()).getElementType().isF32();
}

bool ssmc::isUnitStrideFloat(Value memref) {
  return isFloatMemRef(memref) &&
         cast<MemRefType>(memref.getType()).isLastDimUnitStride();
}

FailureOr<CpuTarget> ssmc::findTarget(Operation *op, StringRef cpu) {
  FailureOr<CpuTarget> target = CpuTarget::get(cpu);
  if (failed(target))
    return op->emitError("unknown CPU '") << cpu << "'";
  return target;
}
