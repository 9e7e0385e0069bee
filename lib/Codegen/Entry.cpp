//===- Entry.cpp - the run-time form of an entry --------------------------===//

#include "lib/Codegen/Entry.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

llvm::SmallVector<func::FuncOp> ssmc::entries(ModuleOp module) {
  SmallVector<func::FuncOp> result;
  for (auto func : module.getOps<func::FuncOp>())
    if (func->hasAttr(kEntryAttr))
      result.push_back(func);
  return result;
}

Value ssmc::contextOf(func::FuncOp func) {
  if (func.isExternal())
    return {};
  if (func->hasAttr(kEntryAttr))
    return func.getArgument(kContext);
  return func->hasAttr(kKernelAttr) ? func.getArgument(0) : Value();
}

Value ssmc::bytesAt(OpBuilder &builder, Location loc, Value pointer) {
  MLIRContext *context = builder.getContext();
  Type i64 = builder.getI64Type();
  Type one = LLVM::LLVMArrayType::get(i64, 1);
  auto descriptor = LLVM::LLVMStructType::getLiteral(
      context, {pointer.getType(), pointer.getType(), i64, one, one});
  auto number = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, i64, value);
  };
  Value result = LLVM::PoisonOp::create(builder, loc, descriptor);
  auto set = [&](Value value, ArrayRef<int64_t> position) {
    result = LLVM::InsertValueOp::create(builder, loc, result, value, position);
  };
  set(pointer, {0});
  set(pointer, {1});
  set(number(0), {2});
  // Nothing asks for the extent: views are made with sizes of their own.
  set(number(std::numeric_limits<int64_t>::max()), {3, 0});
  set(number(1), {4, 0});
  auto type = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  return UnrealizedConversionCastOp::create(builder, loc, type, result)
      .getResult(0);
}

Value ssmc::viewOf(OpBuilder &builder, Location loc, Value bytes, Value offset,
                   MemRefType type, ValueRange sizes) {
  return memref::ViewOp::create(builder, loc, type, bytes, offset, sizes);
}

int64_t ssmc::elementBytes(Type type) {
  if (isa<IndexType>(type))
    return 8;
  if (auto complex = dyn_cast<ComplexType>(type))
    return 2 * elementBytes(complex.getElementType());
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * elementBytes(vector.getElementType());
  return (type.getIntOrFloatBitWidth() + 7) / 8;
}

std::optional<int64_t> ssmc::fixedBytes(MemRefType type) {
  int64_t bytes = elementBytes(type.getElementType());
  bool empty = false;
  for (int64_t extent : type.getShape()) {
    empty |= extent == 0;
    if (!ShapedType::isDynamic(extent) && extent > 0 &&
        (llvm::MulOverflow(bytes, extent, bytes) || bytes > kMaxBufferBytes))
      return std::nullopt;
  }
  return empty ? 0 : bytes;
}

Value ssmc::bytesOf(OpBuilder &builder, Location loc, MemRefType type,
                    ValueRange sizes) {
  Value bytes = arith::ConstantIndexOp::create(builder, loc, *fixedBytes(type));
  for (Value size : sizes)
    bytes = builder.createOrFold<arith::MulIOp>(loc, bytes, size);
  return bytes;
}

// The product is taken in floating point, too: it says whether the integer one
// can have wrapped around.
Value ssmc::checkedBytesOf(OpBuilder &builder, Location loc, MemRefType type,
                           ValueRange sizes) {
  if (!fixedBytes(type))
    return arith::ConstantIndexOp::create(builder, loc, kTooLarge);
  Value bytes = bytesOf(builder, loc, type, sizes);
  if (sizes.empty())
    return bytes;
  Type i64 = builder.getI64Type(), f64 = builder.getF64Type();
  auto real = [&](double value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF64FloatAttr(value));
  };
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value product = real(*fixedBytes(type)), least = zero;
  for (Value size : sizes) {
    least = builder.createOrFold<arith::MinSIOp>(loc, least, size);
    Value wide = arith::IndexCastOp::create(builder, loc, i64, size);
    wide = arith::SIToFPOp::create(builder, loc, f64, wide);
    product = arith::MulFOp::create(builder, loc, product, wide);
  }
  auto refuse = [&](Value condition, int64_t code) {
    Value refused = arith::ConstantIndexOp::create(builder, loc, code);
    bytes = arith::SelectOp::create(builder, loc, condition, refused, bytes);
  };
  refuse(arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, product,
                               real(kMaxBufferBytes)),
         kTooLarge);
  refuse(arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, least,
                               zero),
         kNegative);
  return bytes;
}

func::FuncOp ssmc::declareRuntime(ModuleOp module, StringRef name,
                                  FunctionType type) {
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto func = func::FuncOp::create(builder, module.getLoc(), name, type);
  func.setPrivate();
  return func;
}
