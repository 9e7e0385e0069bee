//===- LaunchBuilder.cpp - what kernels are written with ------------------===//

#include "lib/Codegen/Gpu/LaunchBuilder.h"

#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Gpu/GpuTarget.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace ssmc;

static constexpr auto contract = arith::FastMathFlags::contract;

Value LaunchBuilder::dim(Value memref, int64_t dim) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return idx(type.getDimSize(dim));
  return memref::DimOp::create(*this, memref, dim);
}

std::pair<Value, Value> LaunchBuilder::divideSmall(Value a, Value b) {
  Value x = createOrFold<arith::IndexCastOp>(getI32Type(), a);
  Value y = createOrFold<arith::IndexCastOp>(getI32Type(), b);
  auto wide = [&](Value value) {
    return createOrFold<arith::IndexCastUIOp>(getIndexType(), value);
  };
  return {wide(createOrFold<arith::DivUIOp>(x, y)),
          wide(createOrFold<arith::RemUIOp>(x, y))};
}

Value LaunchBuilder::real(double value, Type type) {
  if (auto vector = dyn_cast_or_null<VectorType>(type))
    return arith::ConstantOp::create(
        *this, DenseElementsAttr::get(vector, static_cast<float>(value)));
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value LaunchBuilder::fmul(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b, contract);
}

Value LaunchBuilder::fadd(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b, contract);
}

Value LaunchBuilder::intrinsic(StringRef name, Value x) {
  return LLVM::CallIntrinsicOp::create(*this, x.getType(), getStringAttr(name),
                                       x)
      .getResult(0);
}

Value LaunchBuilder::exp2(Value x) {
  return intrinsic("llvm.nvvm.ex2.approx.ftz.f32", x);
}
Value LaunchBuilder::log2(Value x) {
  return intrinsic("llvm.nvvm.lg2.approx.ftz.f", x);
}
Value LaunchBuilder::reciprocal(Value x) {
  return intrinsic("llvm.nvvm.rcp.approx.ftz.f", x);
}

Value LaunchBuilder::silu(Value x) {
  Value power = exp2(fmul(x, real(-log2e)));
  return fmul(x, reciprocal(fadd(power, real(1.0))));
}

static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(VectorType::get(vector.getShape(), element)) : element;
}

Value LaunchBuilder::widen(Value value) {
  if (getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth() >= 32)
    return value;
  return arith::ExtFOp::create(
      *this, withElement(value.getType(), getF32Type()), value);
}

Value LaunchBuilder::narrow(Value value, Type element) {
  if (element.getIntOrFloatBitWidth() >= 32)
    return value;
  return arith::TruncFOp::create(*this, withElement(value.getType(), element),
                                 value);
}

void LaunchBuilder::store(Value value, Value memref, ValueRange indices) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  memref::StoreOp::create(*this, narrow(value, element), memref, indices);
}

ValueRange LaunchBuilder::loop(Value from, Value to, int64_t step,
                               ValueRange carried, LoopBody body) {
  auto loop = scf::ForOp::create(
      *this, from, to, idx(step), carried,
      [&](OpBuilder &, Location, Value index, ValueRange values) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPointToStart(index.getParentBlock());
        SmallVector<Value> next = body(index, values);
        scf::YieldOp::create(*this, next);
      });
  return loop.getResults();
}

ValueRange LaunchBuilder::keepRolled(ValueRange results) {
  auto never = LLVM::LoopUnrollAttr::get(getContext(), getBoolAttr(true), {},
                                         {}, {}, {}, {}, {});
  auto annotation =
      LLVM::LoopAnnotationAttr::get(getContext(), {}, {}, {}, never, {}, {}, {},
                                    {}, {}, {}, {}, {}, {}, {}, {});
  results.front().getDefiningOp<scf::ForOp>()->setAttr(kLoopAnnotationAttr,
                                                       annotation);
  return results;
}

void LaunchBuilder::when(Value condition, function_ref<void()> body,
                         function_ref<void()> otherwise) {
  IntegerAttr known;
  if (matchPattern(condition, m_Constant(&known))) {
    if (!known.getValue().isZero())
      body();
    else if (otherwise)
      otherwise();
    return;
  }
  auto branch = scf::IfOp::create(*this, condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
  if (!otherwise)
    return;
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

Value LaunchBuilder::byteStride(Value memref, int64_t dim) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t bytes = elementBytes(type.getElementType());
  auto [strides, offset] = type.getStridesAndOffset();
  if (!ShapedType::isDynamic(strides[dim]))
    return idx(strides[dim] * bytes);
  auto metadata = memref::ExtractStridedMetadataOp::create(*this, memref);
  return mul(metadata.getStrides()[dim], bytes);
}

Value LaunchBuilder::addressOf(Value memref, ValueRange indices) {
  auto type = cast<MemRefType>(memref.getType());
  Value at = memref::ExtractAlignedPointerAsIndexOp::create(*this, memref);
  auto [strides, offset] = type.getStridesAndOffset();
  int64_t bytes = elementBytes(type.getElementType());
  if (ShapedType::isDynamic(offset)) {
    auto metadata = memref::ExtractStridedMetadataOp::create(*this, memref);
    at = add(at, mul(metadata.getOffset(), bytes));
  } else {
    at = add(at, offset * bytes);
  }
  for (auto [d, index] : llvm::enumerate(indices))
    at = add(at, mul(index, byteStride(memref, d)));
  return at;
}

static Value pointerTo(LaunchBuilder &b, Value address, unsigned space) {
  Value number = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext(), space), number);
}

Value LaunchBuilder::globalAt(Value address) {
  return pointerTo(*this, address, 1);
}
Value LaunchBuilder::sharedAt(Value address) {
  return pointerTo(*this, address, 3);
}

Value LaunchBuilder::loadAt(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment);
}

void LaunchBuilder::storeAt(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(*this, value, pointer, alignment);
}

gpu::LaunchOp LaunchBuilder::launch(Value blocksX, Value blocksY, Value blocksZ,
                                    int64_t threads) {
  Value one = idx(1);
  auto launch = gpu::LaunchOp::create(*this, blocksX, blocksY, blocksZ,
                                      idx(threads), one, one);
  setInsertionPointToStart(&launch.getBody().front());
  Operation *end = gpu::TerminatorOp::create(*this);
  setInsertionPoint(end);
  return launch;
}

Value LaunchBuilder::shared(gpu::LaunchOp launch, int64_t count, Type element) {
  auto space =
      gpu::AddressSpaceAttr::get(getContext(), gpu::AddressSpace::Workgroup);
  auto type =
      MemRefType::get({count}, element, MemRefLayoutAttrInterface(), space);
  return launch.addWorkgroupAttribution(type, getLoc());
}

Value LaunchBuilder::dynamicShared(gpu::LaunchOp launch, int64_t bytes) {
  {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPoint(launch);
    Value size = arith::ConstantIntOp::create(*this, getI32Type(), bytes);
    launch.getDynamicSharedMemorySizeMutable().assign(size);
  }
  auto space =
      gpu::AddressSpaceAttr::get(getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({ShapedType::kDynamic}, getI8Type(),
                              MemRefLayoutAttrInterface(), space);
  return memref::ExtractAlignedPointerAsIndexOp::create(
      *this, gpu::DynamicSharedMemoryOp::create(*this, type));
}

SmallVector<Value> LaunchBuilder::loadMatrices(Value address, bool transposed) {
  SmallVector<Type> types(4, getI32Type());
  Value all = NVVM::LdMatrixOp::create(
      *this, LLVM::LLVMStructType::getLiteral(getContext(), types),
      sharedAt(address), 4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> words;
  for (int64_t i = 0; i < 4; ++i)
    words.push_back(LLVM::ExtractValueOp::create(*this, all, i));
  return words;
}

Value LaunchBuilder::packWord(Type element, Value low, Value high) {
  Value both = vector::FromElementsOp::create(
      *this, VectorType::get({2}, getF32Type()), ValueRange{low, high});
  return LLVM::BitcastOp::create(*this, getI32Type(), narrow(both, element));
}

Value LaunchBuilder::piecePlace(Value row, Value piece, int64_t pieces) {
  // Rows that fill the banks once have the same order.
  int64_t mixed = std::min<int64_t>(pieces & -pieces, 8);
  Value mix = rem(div(row, 8 / mixed), mixed);
  Value place = arith::XOrIOp::create(*this, piece, mix);
  return add(mul(row, pieces * copyBytes), mul(place, copyBytes));
}

static Value shuffleWith(LaunchBuilder &b, NVVM::ShflKind kind, Value x,
                         Value lanes) {
  auto number = [&](int64_t value) {
    return arith::ConstantIntOp::create(b, b.getI32Type(), value);
  };
  return NVVM::ShflOp::create(b, x.getType(), number(-1), x, lanes,
                              number(warpLanes - 1), kind, UnitAttr());
}

Value LaunchBuilder::shuffleXor(Value x, int64_t mask) {
  return shuffleWith(*this, NVVM::ShflKind::bfly, x,
                     arith::ConstantIntOp::create(*this, getI32Type(), mask));
}

Value LaunchBuilder::shuffle(Value x, Value from) {
  return shuffleWith(*this, NVVM::ShflKind::idx, x,
                     createOrFold<arith::IndexCastOp>(getI32Type(), from));
}

void LaunchBuilder::warpBarrier() {
  Value all = arith::ConstantIntOp::create(*this, getI32Type(), -1);
  NVVM::SyncWarpOp::create(*this, all);
}

void LaunchBuilder::barrierOf(int64_t threads) {
  auto number = [&](int64_t value) {
    return arith::ConstantIntOp::create(*this, getI32Type(), value);
  };
  NVVM::BarrierOp::create(*this, Type(), number(1), number(threads),
                          NVVM::BarrierReductionAttr(), Value());
}

bool ssmc::isDeviceFloat(Value memref) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  return type &&
         (type.getElementType().isF32() || type.getElementType().isF16() ||
          type.getElementType().isBF16());
}

bool ssmc::isUnitStrideDeviceFloat(Value memref) {
  return isDeviceFloat(memref) &&
         cast<MemRefType>(memref.getType()).isLastDimUnitStride();
}

SmallVector<Value> LaunchBuilder::multiplyTile(Type element,
                                               ArrayRef<Value> left,
                                               ArrayRef<Value> right,
                                               ArrayRef<Value> sums) {
  bool isHalf = element.isF16();
  auto operands = [&](ArrayRef<Value> words) {
    SmallVector<Value> result(words);
    if (isHalf)
      for (Value &word : result)
        word =
            LLVM::BitcastOp::create(*this, VectorType::get({2}, element), word);
    return result;
  };
  SmallVector<Type> types(4, getF32Type());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), types);
  auto kind = isHalf ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  Value all = NVVM::MmaOp::create(
      *this, type, operands(left), operands(right), sums,
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array{kind, kind},
      std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  SmallVector<Value> next;
  for (int64_t i = 0; i < 4; ++i)
    next.push_back(LLVM::ExtractValueOp::create(*this, all, i));
  return next;
}
