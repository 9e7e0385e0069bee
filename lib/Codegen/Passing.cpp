//===- Passing.cpp - how values are passed between functions --------------===//

#include "lib/Codegen/Passing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

/// The LLVM type of a buffer's descriptor.
static LLVM::LLVMStructType descriptorOf(MemRefType type) {
  MLIRContext *context = type.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context);
  Type i64 = IntegerType::get(context, 64);
  SmallVector<Type> fields{pointer, pointer, i64};
  if (type.getRank() > 0)
    fields.append(2, LLVM::LLVMArrayType::get(i64, type.getRank()));
  return LLVM::LLVMStructType::getLiteral(context, fields);
}

static std::pair<SmallVector<int64_t>, int64_t> layoutOf(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  (void)type.getStridesAndOffset(strides, offset);
  return {strides, offset};
}

static int64_t count(ArrayRef<int64_t> values) {
  return llvm::count_if(values, ShapedType::isDynamic);
}

bool ssmc::canPass(Type type) {
  if (auto memref = dyn_cast<MemRefType>(type)) {
    SmallVector<int64_t> strides;
    int64_t offset;
    return succeeded(memref.getStridesAndOffset(strides, offset));
  }
  return type.isIntOrIndexOrFloat() || isa<LLVM::LLVMPointerType>(type);
}

Type ssmc::passedType(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref || memref.getLayout().isIdentity())
    return type;
  auto [strides, offset] = layoutOf(memref);
  auto layout = StridedLayoutAttr::get(type.getContext(), 0, strides);
  return MemRefType::get(memref.getShape(), memref.getElementType(), layout);
}

void ssmc::appendPieceTypes(Type type, SmallVectorImpl<Type> &pieces) {
  Type i64 = IntegerType::get(type.getContext(), 64);
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref) {
    pieces.push_back(type.isIndex() ? i64 : type);
    return;
  }
  pieces.push_back(LLVM::LLVMPointerType::get(type.getContext()));
  int64_t open = count(memref.getShape()) + count(layoutOf(memref).first);
  pieces.append(open, i64);
}

void ssmc::takeApart(OpBuilder &builder, Location loc, Value value,
                     SmallVectorImpl<Value> &pieces) {
  auto type = dyn_cast<MemRefType>(value.getType());
  if (!type) {
    if (value.getType().isIndex())
      value =
          arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
    pieces.push_back(value);
    return;
  }
  Value descriptor = UnrealizedConversionCastOp::create(
                         builder, loc, descriptorOf(type), value)
                         .getResult(0);
  auto field = [&](ArrayRef<int64_t> position) -> Value {
    return LLVM::ExtractValueOp::create(builder, loc, descriptor, position);
  };
  auto [strides, offset] = layoutOf(type);
  Value pointer = field({1});
  if (offset != 0) {
    // A boolean takes a byte.
    Type element = type.getElementType();
    if (element.isInteger(1))
      element = builder.getI8Type();
    if (element.isIndex())
      element = builder.getI64Type();
    pointer = LLVM::GEPOp::create(builder, loc, pointer.getType(), element,
                                  pointer, ArrayRef<LLVM::GEPArg>{field({2})});
  }
  pieces.push_back(pointer);
  for (auto [i, extent] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(extent))
      pieces.push_back(field({3, static_cast<int64_t>(i)}));
  for (auto [i, stride] : llvm::enumerate(strides))
    if (ShapedType::isDynamic(stride))
      pieces.push_back(field({4, static_cast<int64_t>(i)}));
}

Value ssmc::putTogether(OpBuilder &builder, Location loc, Type source,
                        ValueRange &pieces) {
  auto next = [&]() -> Value {
    Value piece = pieces.front();
    pieces = pieces.drop_front();
    return piece;
  };
  auto type = dyn_cast<MemRefType>(passedType(source));
  if (!type) {
    Value value = next();
    return source.isIndex()
               ? arith::IndexCastOp::create(builder, loc, source, value)
               : value;
  }
  Value result = LLVM::PoisonOp::create(builder, loc, descriptorOf(type));
  auto set = [&](Value value, ArrayRef<int64_t> position) {
    result = LLVM::InsertValueOp::create(builder, loc, result, value, position);
  };
  auto number = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), value);
  };
  Value pointer = next();
  set(pointer, {0});
  set(pointer, {1});
  set(number(0), {2});
  auto setAll = [&](ArrayRef<int64_t> values, int64_t field) {
    for (auto [i, value] : llvm::enumerate(values))
      set(ShapedType::isDynamic(value) ? next() : number(value),
          {field, static_cast<int64_t>(i)});
  };
  setAll(type.getShape(), 3);
  setAll(layoutOf(type).first, 4);
  return UnrealizedConversionCastOp::create(builder, loc, type, result)
      .getResult(0);
}

Value ssmc::passedPointer(Value buffer) {
  auto cast = buffer.getDefiningOp<UnrealizedConversionCastOp>();
  if (!cast || cast.getInputs().size() != 1)
    return {};
  Value result = cast.getInputs()[0];
  while (auto insert = result.getDefiningOp<LLVM::InsertValueOp>()) {
    if (insert.getPosition() == ArrayRef<int64_t>{1})
      return insert.getValue();
    result = insert.getContainer();
  }
  return {};
}
