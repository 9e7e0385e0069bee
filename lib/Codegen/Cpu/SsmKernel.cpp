//===- SsmKernel.cpp - ssm-lower-ssm-kernel -------------------------------===//
//
// Lanes are channels. A lag is a chunk's first lag m and one, r, of a chunk:
//
//     k[m + r] = sum_n Re(c exp(m a) exp(r a))
//
// the product of a matrix of the chunks' factors c exp(m a) and one of powers
// exp(r a), which a chunk's length has once. For a few chunks and powers the
// sums over the modes are in registers, so a mode and lag cost two
// multiply-adds. Both tables are multiplied up in f64, where thousands of
// products lose nothing that f32 could show, and rounded once.
//
// One parallel iteration owns some of the groups of channels, and of the
// segments of time; its tables lie in a workspace that it uses again.
//
//===----------------------------------------------------------------------===//

#include "dialects/ssm/SsmOps.h"
#include "lib/Codegen/Cpu/CpuPasses.h"
#include "lib/Codegen/Cpu/WideExp.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMLOWERSSMKERNEL
#include "lib/Codegen/Cpu/CpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

namespace {

// Iterations at most, each of which has a workspace.
constexpr int64_t maxParts = 16;
// Lags of a chunk at most, and of a tile of it.
constexpr int64_t maxChunk = 64;
constexpr int64_t tile = 4;
// Lags for which exponentials are taken anew.
constexpr int64_t segmentLags = 16384;

class Kernel {
public:
  Kernel(KernelBuilder &b, ssm::SsmKernelOp op)
      : b(b), op(op), lanes(b.target.lanes),
        chunks(b.target.registers >= 32 ? 5 : 2),
        wideType(VectorType::get({lanes}, b.getF64Type())),
        isComplex(cast<MemRefType>(op.getA().getType()).getRank() == 3) {}

  void emit();

private:
  void allocate(Value parts);
  void emitSegment(Value item);
  /// The tables of powers, and what the factors begin with at lag `first`.
  void begin(Value first);
  void writePowers(Value mode, ComplexLanes step);
  /// The factors of the chunks that come next.
  void advance();
  void emitTile(Value first, Value index);
  void writeTile(Value first, ValueRange sums, bool isWhole);

  /// Row `mode` of an operand, a lane for each channel of the group.
  ComplexLanes readMode(Value operand, Value mode);
  ComplexLanes load(VectorType type, Value memref, Value row);
  void store(ComplexLanes value, Value memref, Value row);
  /// The same of f64, rounded to f32.
  void storeRounded(ComplexLanes value, Value row);
  Value mul(Value x, Value y) { return b.createOrFold<arith::MulIOp>(x, y); }

  KernelBuilder &b;
  ssm::SsmKernelOp op;
  int64_t lanes, chunks;
  VectorType wideType;
  bool isComplex;
  Value length, channels, modes, chunk;
  /// For each mode the next factor and the step between chunks, in f64; the
  /// powers and the factors of a few chunks.
  Value states, tables, parameters;
  Value stateRow, powerRow, factorRow; // the first ones of the iteration
  Value channel, count, last;          // of the group and the segment
};

} // namespace

void Kernel::emit() {
  length = b.dim(op.getK(), 0);
  channels = b.dim(op.getK(), 1);
  modes = b.dim(op.getA(), isComplex ? 2 : 1);
  // No longer than that all chunks are needed. A step of a loop is never zero.
  auto max = [&](Value x) {
    return b.createOrFold<arith::MaxUIOp>(x, b.idx(1));
  };
  chunk = b.mul(b.ceilDiv(b.ceilDiv(max(length), chunks), tile), tile);
  chunk = b.min(chunk, b.idx(maxChunk));
  Value groups = b.ceilDiv(channels, lanes);
  Value items = mul(groups, b.ceilDiv(length, segmentLags));
  Value parts = max(b.min(items, b.idx(maxParts)));
  allocate(parts);
  b.parallel({parts}, [&](ValueRange index) {
    parameters = b.scratch({2, lanes});
    stateRow = b.mul(mul(index[0], modes), 2);
    powerRow = mul(mul(index[0], modes), b.add(chunk, chunks));
    factorRow = b.add(powerRow, mul(modes, chunk));
    auto loop = scf::ForOp::create(b, index[0], items, parts);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop.getBody()->getTerminator());
    Value item = loop.getInductionVar();
    Value group = b.createOrFold<arith::RemUIOp>(item, groups);
    channel = b.mul(group, lanes);
    count = b.min(b.sub(channels, channel), b.idx(lanes));
    emitSegment(b.createOrFold<arith::DivUIOp>(item, groups));
  });
  memref::DeallocOp::create(b, states);
  memref::DeallocOp::create(b, tables);
}

void Kernel::allocate(Value parts) {
  auto rows = [&](Value count, Type type) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({ShapedType::kDynamic, 2 * lanes}, type),
        ValueRange{mul(mul(parts, modes), count)}, b.getI64IntegerAttr(64));
  };
  states = rows(b.idx(2), b.getF64Type());
  tables = rows(b.add(chunk, chunks), b.getF32Type());
}

void Kernel::emitSegment(Value index) {
  Value first = b.mul(index, segmentLags);
  last = b.min(b.add(first, segmentLags), length);
  begin(first);
  auto loop = scf::ForOp::create(b, first, last, b.mul(chunk, chunks));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  Value at = loop.getInductionVar();
  advance();
  Value tiles = b.ceilDiv(b.min(chunk, b.sub(last, at)), tile);
  b.loop(b.idx(0), tiles, 1, [&](Value index) { emitTile(at, index); });
}

ComplexLanes Kernel::load(VectorType type, Value memref, Value row) {
  Lanes all{type, {}};
  Value re = b.load(all, memref, {row, b.idx(0)});
  return {re, isComplex ? b.load(all, memref, {row, b.idx(lanes)}) : Value()};
}

void Kernel::store(ComplexLanes value, Value memref, Value row) {
  Lanes all{cast<VectorType>(value.re.getType()), {}};
  b.store(all, value.re, memref, {row, b.idx(0)});
  if (isComplex)
    b.store(all, value.im, memref, {row, b.idx(lanes)});
}

// What is no normal number is none, as sums with it would take many times as
// long on some processors.
void Kernel::storeRounded(ComplexLanes value, Value row) {
  auto round = [&](Value x) -> Value {
    if (!x)
      return x;
    Value narrow = arith::TruncFOp::create(b, b.vec(), x);
    Value isTiny = arith::CmpFOp::create(
        b, arith::CmpFPredicate::OLT, math::AbsFOp::create(b, narrow),
        b.splat(b.vec(), std::numeric_limits<float>::min()));
    return b.select(isTiny, b.splat(b.vec(), 0.0), narrow);
  };
  store({round(value.re), round(value.im)}, tables, row);
}

ComplexLanes Kernel::readMode(Value operand, Value mode) {
  b.loop(b.idx(0), b.idx(lanes), 1, [&](Value lane) {
    // Lanes beyond the last channel repeat it.
    Value index = b.add(channel, b.min(lane, b.sub(count, b.idx(1))));
    SmallVector<Value> at = {index, mode};
    if (!isComplex)
      return b.storeScalar(b.loadScalar(operand, at), parameters,
                           {b.idx(0), lane});
    at.insert(at.begin(), Value());
    for (int64_t part : {0, 1}) {
      at[0] = b.idx(part);
      b.storeScalar(b.loadScalar(operand, at), parameters, {at[0], lane});
    }
  });
  auto widen = [&](int64_t part) -> Value {
    Value x = b.load({b.vec(), {}}, parameters, {b.idx(part), b.idx(0)});
    return arith::ExtFOp::create(b, wideType, x);
  };
  return {widen(0), isComplex ? widen(1) : Value()};
}

void Kernel::begin(Value first) {
  Value index = arith::IndexCastOp::create(b, b.getI64Type(), first);
  Value lag =
      b.broadcast(wideType, arith::SIToFPOp::create(b, b.getF64Type(), index));
  b.loop(b.idx(0), modes, 1, [&](Value mode) {
    ComplexLanes a = readMode(op.getA(), mode);
    ComplexLanes c = readMode(op.getC(), mode);
    ComplexLanes start = {b.fmul(a.re, lag),
                          isComplex ? b.fmul(a.im, lag) : Value()};
    store(multiply(b, c, wideExp(b, start)), states,
          b.add(stateRow, b.mul(mode, 2)));
    writePowers(mode, wideExp(b, a));
  });
}

// Rows of a tile are together for a mode, so that the sums go through them in
// order. Imaginary parts are negated for the real part of a product.
void Kernel::writePowers(Value mode, ComplexLanes step) {
  SmallVector<Value> one = {b.splat(wideType, 1.0)};
  if (isComplex)
    one.push_back(b.splat(wideType, 0.0));
  auto pair = [&](ValueRange parts) {
    return ComplexLanes{parts[0], isComplex ? parts[1] : Value()};
  };
  ValueRange power =
      b.loop(b.idx(0), chunk, tile, one,
             [&](Value lag, ValueRange carried) -> SmallVector<Value> {
               Value row = b.add(mul(b.div(lag, tile), modes), mode);
               row = b.add(powerRow, b.mul(row, tile));
               ComplexLanes z = pair(carried);
               for (int64_t i = 0; i < tile; ++i) {
                 Value minus = z.im ? arith::NegFOp::create(b, z.im).getResult()
                                    : Value();
                 storeRounded({z.re, minus}, b.add(row, i));
                 z = multiply(b, z, step);
               }
               return isComplex ? SmallVector<Value>{z.re, z.im}
                                : SmallVector<Value>{z.re};
             });
  store(pair(power), states, b.add(b.add(stateRow, b.mul(mode, 2)), 1));
}

void Kernel::advance() {
  b.loop(b.idx(0), modes, 1, [&](Value mode) {
    Value row = b.add(stateRow, b.mul(mode, 2));
    ComplexLanes factor = load(wideType, states, row);
    ComplexLanes step = load(wideType, states, b.add(row, 1));
    Value to = b.add(factorRow, b.mul(mode, chunks));
    for (int64_t i = 0; i < chunks; ++i) {
      storeRounded(factor, b.add(to, i));
      factor = multiply(b, factor, step);
    }
    store(factor, states, row);
  });
}

/// The lags of tile `index` of every chunk; the chunks begin at `first`.
void Kernel::emitTile(Value first, Value index) {
  SmallVector<Value> zeros(chunks * tile, b.splat(b.vec(), 0.0));
  Value powers = b.add(powerRow, b.mul(mul(index, modes), tile));
  ValueRange sums = b.loop(
      b.idx(0), modes, 1, zeros,
      [&](Value mode, ValueRange sums) -> SmallVector<Value> {
        SmallVector<ComplexLanes> factors;
        for (int64_t i = 0; i < chunks; ++i)
          factors.push_back(
              load(b.vec(), tables,
                   b.add(b.add(factorRow, b.mul(mode, chunks)), i)));
        SmallVector<Value> next(sums);
        for (int64_t r = 0; r < tile; ++r) {
          ComplexLanes power =
              load(b.vec(), tables, b.add(b.add(powers, b.mul(mode, tile)), r));
          for (auto [i, factor] : llvm::enumerate(factors)) {
            Value &sum = next[i * tile + r];
            sum = b.fma(factor.re, power.re, sum);
            if (isComplex)
              sum = b.fma(factor.im, power.im, sum);
          }
        }
        return next;
      });
  first = b.add(first, b.mul(index, tile));
  Value end = b.add(b.add(first, b.mul(chunk, chunks - 1)), tile);
  Value isWhole = b.createOrFold<arith::AndIOp>(
      b.lessEqual(end, last), b.lessEqual(b.add(channel, lanes), channels));
  b.branch(
      isWhole, [&] { writeTile(first, sums, /*isWhole=*/true); },
      [&] { writeTile(first, sums, /*isWhole=*/false); });
}

void Kernel::writeTile(Value first, ValueRange sums, bool isWhole) {
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value lag = b.add(b.add(first, b.mul(chunk, i / tile)), i % tile);
    Lanes there{b.vec(), {}};
    if (!isWhole) {
      Value exists = b.less(lag, last);
      there = b.lanes(b.vec(), b.select(exists, count, b.idx(0)));
      lag = b.select(exists, lag, b.idx(0));
    }
    b.store(there, sum, op.getK(), {lag, channel});
  }
}

namespace {

bool isSupported(ssm::SsmKernelOp op, const CpuTarget &) {
  auto type = dyn_cast<MemRefType>(op.getA().getType());
  return type && type.getElementType().isF32() && isUnitStrideFloat(op.getK());
}

struct LowerSsmKernel : ssmc::impl::SsmLowerSsmKernelBase<LowerSsmKernel> {
  using SsmLowerSsmKernelBase::SsmLowerSsmKernelBase;
  void runOnOperation() override {
    if (failed(lowerEach<ssm::SsmKernelOp, Kernel>(getOperation(), cpu,
                                                   isSupported)))
      signalPassFailure();
  }
};

} // namespace
