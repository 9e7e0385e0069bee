//===- HopperLaunch.cpp - launches of kernels with tensor maps ------------===//

#include "lib/Codegen/Gpu/HopperLaunch.h"
#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Passing.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace ssmc;

// What the copy engine asks of addresses and strides, in bytes.
static constexpr int64_t mapAlignment = 16, mapBytes = 128, mapStorage = 64;

static SmallVector<int64_t> stridesOf(Value buffer) {
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(cast<MemRefType>(buffer.getType())
                 .getStridesAndOffset(strides, offset)))
    strides.clear();
  return strides;
}

bool ssmc::canMap(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  if (!type ||
      !(type.getElementType().isBF16() || type.getElementType().isF16()))
    return false;
  SmallVector<int64_t> strides = stridesOf(buffer);
  if (strides.empty() || strides.back() != 1)
    return false;
  return llvm::all_of(llvm::drop_end(strides), [](int64_t stride) {
    return ShapedType::isDynamic(stride) || (2 * stride) % mapAlignment == 0;
  });
}

bool ssmc::mayMisalign(Value buffer) {
  return !cast<MemRefType>(buffer.getType()).getLayout().isIdentity();
}

HopperLaunch::HopperLaunch(Operation *op) : b(op->getLoc(), op), op(op) {}

Value HopperLaunch::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}
Value HopperLaunch::dim(Value buffer, int64_t dim) {
  return b.createOrFold<memref::DimOp>(buffer, dim);
}
Value HopperLaunch::stride(Value buffer, int64_t dim) {
  int64_t known = stridesOf(buffer)[dim];
  if (!ShapedType::isDynamic(known))
    return index(known);
  return memref::ExtractStridedMetadataOp::create(b, buffer).getStrides()[dim];
}
Value HopperLaunch::pointer(Value buffer) {
  SmallVector<Value> pieces;
  takeApart(b, b.getLoc(), buffer, pieces);
  return pieces.front();
}
Value HopperLaunch::toI32(Value index) {
  return b.createOrFold<arith::IndexCastOp>(b.getI32Type(), index);
}
Value HopperLaunch::toI64(Value index) {
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), index);
}
Value HopperLaunch::ceilDiv(Value a, int64_t by) {
  return b.createOrFold<arith::CeilDivUIOp>(a, index(by));
}

Value HopperLaunch::isAligned(Value buffer) {
  Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), pointer(buffer));
  for (auto [d, known] : llvm::enumerate(stridesOf(buffer)))
    if (ShapedType::isDynamic(known)) {
      Value bytes = arith::MulIOp::create(
          b, toI64(stride(buffer, d)),
          arith::ConstantIntOp::create(b, b.getI64Type(), 2));
      address = arith::OrIOp::create(b, address, bytes);
    }
  Value rest = arith::AndIOp::create(
      b, address,
      arith::ConstantIntOp::create(b, b.getI64Type(), mapAlignment - 1));
  return arith::CmpIOp::create(
      b, arith::CmpIPredicate::eq, rest,
      arith::ConstantIntOp::create(b, b.getI64Type(), 0));
}

Value HopperLaunch::onStack(int64_t bytes, int64_t alignment) {
  OpBuilder::InsertionGuard guard(b);
  auto func = op->getParentOfType<func::FuncOp>();
  b.setInsertionPointToStart(&func.getBody().front());
  Value count = LLVM::ConstantOp::create(b, b.getI64Type(), bytes);
  return LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                b.getI8Type(), count, alignment);
}

Value HopperLaunch::map(Value buffer, ArrayRef<int64_t> order,
                        ArrayRef<int64_t> box) {
  auto type = cast<MemRefType>(buffer.getType());
  auto func = op->getParentOfType<func::FuncOp>();
  Type pointerType = LLVM::LLVMPointerType::get(b.getContext());
  Type i32 = b.getI32Type();
  auto list = [&](ArrayRef<Value> values) {
    Value at = onStack(8 * values.size(), 8);
    for (auto [i, value] : llvm::enumerate(values)) {
      Value place =
          LLVM::GEPOp::create(b, pointerType, b.getI64Type(), at,
                              ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
      LLVM::StoreOp::create(b, toI64(value), place);
    }
    return at;
  };
  SmallVector<Value> sizes, strides, boxes;
  for (auto [d, extent] : llvm::zip_equal(order, box)) {
    sizes.push_back(dim(buffer, d));
    Value elements = stride(buffer, d);
    strides.push_back(b.createOrFold<arith::MulIOp>(elements, index(2)));
    boxes.push_back(index(extent));
  }
  Value result = onStack(mapBytes, mapStorage);
  SmallVector<Value> operands{
      contextOf(func),
      result,
      pointer(buffer),
      arith::ConstantIntOp::create(b, i32, type.getElementType().isBF16()),
      arith::ConstantIntOp::create(b, i32, order.size()),
      list(sizes),
      list(strides),
      list(boxes)};
  SmallVector<Type> types(ValueRange(operands).getTypes());
  func::FuncOp callee =
      declareRuntime(func->getParentOfType<ModuleOp>(), "ssmrt_tensor_map",
                     b.getFunctionType(types, {}));
  func::CallOp::create(b, callee, operands);
  return result;
}

void HopperLaunch::launch(SymbolRefAttr kernel, Value blocks, int64_t threads,
                          int64_t sharedBytes, ValueRange args) {
  Value one = index(1);
  Value shared = arith::ConstantIntOp::create(b, b.getI32Type(), sharedBytes);
  gpu::LaunchFuncOp::create(b, kernel, gpu::KernelDim3{blocks, one, one},
                            gpu::KernelDim3{index(threads), one, one}, shared,
                            args);
}

bool ssmc::replaceByLaunch(Operation *op, ValueRange mapped,
                           function_ref<void(HopperLaunch &)> emit) {
  HopperLaunch launch(op);
  Value aligned;
  for (Value buffer : mapped)
    if (mayMisalign(buffer)) {
      Value next = launch.isAligned(buffer);
      aligned = aligned ? arith::AndIOp::create(launch.b, aligned, next) : next;
    }
  if (!aligned) {
    emit(launch);
    op->erase();
    return false;
  }
  auto branch = scf::IfOp::create(launch.b, aligned, /*withElseRegion=*/true);
  op->moveBefore(branch.elseBlock()->getTerminator());
  launch.b.setInsertionPointToStart(branch.thenBlock());
  emit(launch);
  return true;
}
