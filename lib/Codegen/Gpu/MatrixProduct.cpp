//===- MatrixProduct.cpp - matrix products on buffers ---------------------===//

#include "lib/Codegen/Gpu/MatrixProduct.h"

#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace ssmc;

std::optional<unsigned> BufferOperand::dimOf(unsigned loop) const {
  return map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
}

std::optional<int64_t> BufferOperand::stride(unsigned loop) const {
  std::optional<unsigned> dim = dimOf(loop);
  if (!dim)
    return 0;
  auto [strides, offset] = type().getStridesAndOffset();
  if (ShapedType::isDynamic(strides[*dim]))
    return std::nullopt;
  return strides[*dim];
}

Value BufferOperand::byteStride(LaunchBuilder &b, unsigned loop) const {
  std::optional<unsigned> dim = dimOf(loop);
  return dim ? b.byteStride(memref, *dim) : b.idx(0);
}

LoopNest::LoopNest(linalg::GenericOp op)
    : op(op), extents(op.getStaticLoopRanges()) {
  for (auto [value, map] :
       llvm::zip_equal(op->getOperands(), op.getIndexingMapsArray()))
    operands.push_back({value, map});
}

bool LoopNest::isProjected() const {
  return llvm::all_of(operands, [](const BufferOperand &operand) {
    return isa<MemRefType>(operand.memref.getType()) &&
           operand.map.isProjectedPermutation(/*allowZeroInResults=*/true);
  });
}

std::optional<int64_t> LoopNest::count(ArrayRef<unsigned> loops) const {
  int64_t product = 1;
  for (unsigned loop : loops) {
    if (ShapedType::isDynamic(extents[loop]))
      return std::nullopt;
    product *= extents[loop];
  }
  return product;
}

Value LoopNest::extent(LaunchBuilder &b, unsigned loop) const {
  if (!ShapedType::isDynamic(extents[loop]))
    return b.idx(extents[loop]);
  for (const BufferOperand &operand : operands)
    if (std::optional<unsigned> dim = operand.dimOf(loop))
      return b.dim(operand.memref, *dim);
  llvm_unreachable("a loop of a linalg op has an extent");
}

Value LoopNest::count(LaunchBuilder &b, ArrayRef<unsigned> loops) const {
  Value product = b.idx(1);
  for (unsigned loop : loops)
    product = b.mul(product, extent(b, loop));
  return product;
}

Value LoopNest::offset(LaunchBuilder &b, const BufferOperand &operand,
                       ArrayRef<unsigned> loops, Value index) const {
  Value bytes = b.idx(0);
  if (matchPattern(index, m_Zero()))
    return bytes;
  for (unsigned i = loops.size(); i-- > 0;) {
    Value at = index;
    if (i > 0) {
      std::tie(index, at) = b.divideSmall(index, extent(b, loops[i]));
    }
    bytes = b.add(bytes, b.mul(at, operand.byteStride(b, loops[i])));
  }
  return bytes;
}

bool LoopNest::canLoad(const BufferOperand &operand, unsigned loop,
                       int64_t width) const {
  if (!operand.isContiguous(loop))
    return false;
  for (unsigned other = 0; other < extents.size(); ++other) {
    // What is not known is a multiple of everything.
    std::optional<int64_t> number =
        other == loop ? count(loop) : operand.stride(other);
    if (number.value_or(0) % width != 0 && count(other) != 1)
      return false;
  }
  return true;
}

Value LoopNest::isAligned(LaunchBuilder &b, const BufferOperand &operand,
                          unsigned loop, int64_t width) const {
  int64_t bytes = operand.elementBytes();
  Value bits = operand.base(b);
  for (unsigned other = 0; other < extents.size(); ++other) {
    Value number;
    if (other == loop && !count(loop))
      number = b.mul(count(b, loop), bytes);
    else if (other != loop && !operand.stride(other))
      number = operand.byteStride(b, other);
    if (number)
      bits = b.createOrFold<arith::OrIOp>(bits, number);
  }
  return b.equal(b.rem(bits, width * bytes), b.idx(0));
}

/// An argument of the body, perhaps extended to f32.
static BlockArgument findArgument(Value value) {
  if (auto extended = value.getDefiningOp<arith::ExtFOp>())
    value = extended.getIn();
  return dyn_cast<BlockArgument>(value);
}

/// True for a body that yields out + left * right.
static bool isProductBody(linalg::GenericOp op) {
  Block &body = *op.getBody();
  Value out = body.getArguments().back();
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum || !out.getType().isF32())
    return false;
  Value term = sum.getLhs() == out ? sum.getRhs() : sum.getLhs();
  auto product = term.getDefiningOp<arith::MulFOp>();
  if (!product || (sum.getLhs() != out && sum.getRhs() != out))
    return false;
  BlockArgument a = findArgument(product.getLhs());
  BlockArgument b = findArgument(product.getRhs());
  return a && b && a != b && a != out && b != out && a.getOwner() == &body &&
         b.getOwner() == &body;
}

std::optional<MatrixProduct> MatrixProduct::get(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !op.hasPureBufferSemantics())
    return std::nullopt;
  MatrixProduct product(op);
  if (!product.isProjected() || !isProductBody(op) ||
      !llvm::all_of(op->getOperands(), isDeviceFloat))
    return std::nullopt;
  product.left = product.operands[0];
  product.right = product.operands[1];
  product.out = product.operands[2];
  for (auto [loop, type] : llvm::enumerate(op.getIteratorTypesArray())) {
    bool ofLeft = product.left.dimOf(loop).has_value();
    bool ofRight = product.right.dimOf(loop).has_value();
    bool isSum = type == utils::IteratorType::reduction;
    if (product.count(loop) == 1)
      continue;
    bool isKnown = isSum ? ofLeft && ofRight
                         : (ofLeft || ofRight) && product.out.dimOf(loop);
    if (!isKnown)
      return std::nullopt;
    Loops &kind = isSum               ? product.k
                  : ofLeft && ofRight ? product.batch
                  : ofLeft            ? product.m
                                      : product.n;
    kind.push_back(loop);
  }
  return product;
}

Value MatrixProduct::isCountable(LaunchBuilder &b) const {
  Value most = b.idx(int64_t(1) << 31);
  return b.both(b.less(count(b, batch), most),
                b.both(b.less(count(b, m), most), b.less(count(b, n), most)));
}

void MatrixProduct::transpose() {
  std::swap(left, right);
  std::swap(m, n);
}

linalg::FillOp ssmc::findStart(linalg::GenericOp op) {
  if (op.getNumDpsInits() != 1)
    return {};
  Operation *before = op->getPrevNode();
  while (before && isMemoryEffectFree(before))
    before = before->getPrevNode();
  auto fill = dyn_cast_or_null<linalg::FillOp>(before);
  if (!fill || fill.getDpsInits()[0] != op.getDpsInits()[0] ||
      llvm::is_contained(op.getDpsInputs(), op.getDpsInits()[0]))
    return {};
  return fill;
}

void ssmc::launchGenerics(Operation *root, MakeLaunch make) {
  SmallVector<linalg::GenericOp> ops;
  root->walk([&](linalg::GenericOp op) {
    if (!op->getParentOfType<scf::ParallelOp>() &&
        !op->getParentOfType<scf::ForallOp>() &&
        !op->getParentOfType<gpu::LaunchOp>())
      ops.push_back(op);
  });
  for (linalg::GenericOp op : ops) {
    linalg::FillOp start = findStart(op);
    OpBuilder builder(op);
    LaunchBuilder b(op.getLoc(), builder);
    auto leave = [&] {
      if (start)
        b.clone(*start);
      b.clone(*op);
    };
    if (!make(b, op, start, leave))
      continue;
    op.erase();
    if (start)
      start.erase();
  }
}
