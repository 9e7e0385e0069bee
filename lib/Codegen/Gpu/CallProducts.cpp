//===- CallProducts.cpp - ssm-call-products -------------------------------===//
//
//   linalg.generic ..                 a product of many rows
//
// becomes
//
//   if (more than 16 rows and columns
//       && loops of rows, columns and batches are as one in memory)
//     done = ssmrt_multiply(context, out, left, right, {extents, strides})
//   if (!done) linalg.generic ..
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Entry.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/MatrixProduct.h"

#include "ssmrt/ssmrt.h"

#include "mlir/IR/Matchers.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMCALLPRODUCTS
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

constexpr int64_t fewRows = 16; // which our own kernels are for

class Call {
public:
  Call(LaunchBuilder &b, const MatrixProduct &product, Value context)
      : b(b), product(product), context(context) {}

  /// Whether loops that are counted together lie in memory as one. On the host.
  Value isOne(const Loops &loops, ArrayRef<const BufferOperand *> operands);
  Value isMany(const Loops &loops);
  /// Whether the library has computed the product.
  Value emit(bool adds);

private:
  Value strideOf(const BufferOperand &operand, const Loops &loops);
  Value pointerTo(const BufferOperand &operand);
  SmallVector<Value> describe(bool adds);

  LaunchBuilder &b;
  const MatrixProduct &product;
  Value context;
};

Value Call::isOne(const Loops &loops,
                  ArrayRef<const BufferOperand *> operands) {
  Value all = arith::ConstantIntOp::create(b, b.getI1Type(), 1);
  for (size_t i = 0; i + 1 < loops.size(); ++i) {
    Value once = b.equal(product.count(b, loops[i]), b.idx(1));
    for (const BufferOperand *operand : operands) {
      Value inner = b.mul(product.count(b, loops[i + 1]),
                          operand->byteStride(b, loops[i + 1]));
      Value follows = b.equal(operand->byteStride(b, loops[i]), inner);
      all = b.both(all, b.createOrFold<arith::OrIOp>(once, follows));
    }
  }
  return all;
}

Value Call::isMany(const Loops &loops) {
  return b.less(b.idx(fewRows), product.count(b, loops));
}

Value Call::strideOf(const BufferOperand &operand, const Loops &loops) {
  if (loops.empty())
    return b.idx(0);
  return b.div(operand.byteStride(b, loops.back()), operand.elementBytes());
}

Value Call::pointerTo(const BufferOperand &operand) {
  Value number = arith::IndexCastOp::create(b, b.getI64Type(), operand.base(b));
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  number);
}

/// The members of an ssmrt_product.
SmallVector<Value> Call::describe(bool adds) {
  Type type = product.left.element();
  const MatrixProduct &p = product;
  SmallVector<Value> numbers{b.idx(type.isF32()   ? SSMRT_F32
                                   : type.isF16() ? SSMRT_F16
                                                  : SSMRT_BF16),
                             b.idx(adds)};
  for (const Loops *loops : {&p.batch, &p.m, &p.n, &p.k})
    numbers.push_back(p.count(b, *loops));
  auto append = [&](const BufferOperand &operand, const Loops &rows,
                    const Loops &columns) {
    for (const Loops *loops : {&p.batch, &rows, &columns})
      numbers.push_back(strideOf(operand, *loops));
  };
  append(p.left, p.m, p.k);
  append(p.right, p.k, p.n);
  append(p.out, p.m, p.n);
  return numbers;
}

Value Call::emit(bool adds) {
  SmallVector<Value> numbers = describe(adds);
  Type i64 = b.getI64Type(), pointer = context.getType();
  Value memory;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(context.getParentBlock());
    Value count = LLVM::ConstantOp::create(b, i64, numbers.size());
    memory = LLVM::AllocaOp::create(b, pointer, i64, count, 8);
  }
  for (auto [i, number] : llvm::enumerate(numbers)) {
    Value at = LLVM::GEPOp::create(b, pointer, i64, memory,
                                   ArrayRef<LLVM::GEPArg>{(int32_t)i});
    LLVM::StoreOp::create(b, arith::IndexCastOp::create(b, i64, number), at);
  }
  SmallVector<Value> operands{context, pointerTo(product.out),
                              pointerTo(product.left), pointerTo(product.right),
                              memory};
  SmallVector<Type> types(ValueRange(operands).getTypes());
  auto module = product.op->getParentOfType<ModuleOp>();
  func::FuncOp function = declareRuntime(
      module, "ssmrt_multiply", b.getFunctionType(types, b.getI32Type()));
  Value done = func::CallOp::create(b, function, operands).getResult(0);
  Value none = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, done, none);
}

/// True for a product of the kind that libraries compute.
bool isKnown(const MatrixProduct &product, linalg::FillOp start) {
  auto isFew = [&](const Loops &loops) {
    return product.count(loops).value_or(fewRows + 1) <= fewRows;
  };
  return product.k.size() == 1 && !isFew(product.m) && !isFew(product.n) &&
         product.left.element() == product.right.element() &&
         (!start || matchPattern(start.getInputs()[0], m_AnyZeroFloat()));
}

bool call(LaunchBuilder &b, linalg::GenericOp op, linalg::FillOp start,
          function_ref<void()> leave) {
  std::optional<MatrixProduct> product = MatrixProduct::get(op);
  Value context = contextOf(op->getParentOfType<func::FuncOp>());
  if (!product || !context || !isKnown(*product, start))
    return false;
  Call call(b, *product, context);
  const BufferOperand &left = product->left, &right = product->right,
                      &out = product->out;
  Value fits = b.both(call.isOne(product->batch, {&left, &right, &out}),
                      b.both(call.isOne(product->m, {&left, &out}),
                             call.isOne(product->n, {&right, &out})));
  fits = b.both(fits, b.both(call.isMany(product->m), call.isMany(product->n)));
  auto branch = scf::IfOp::create(b, b.getI1Type(), fits, true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value done = call.emit(/*adds=*/!start);
    scf::YieldOp::create(b, done);
    b.setInsertionPointToStart(branch.elseBlock());
    Value no = arith::ConstantIntOp::create(b, b.getI1Type(), 0);
    scf::YieldOp::create(b, no);
  }
  b.when(
      branch.getResult(0), [] {}, leave);
  return true;
}

struct CallProducts : ssmc::impl::SsmCallProductsBase<CallProducts> {
  void runOnOperation() override { launchGenerics(getOperation(), call); }
};

} // namespace
