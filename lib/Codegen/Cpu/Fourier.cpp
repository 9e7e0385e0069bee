//===- Fourier.cpp - transforms whose lanes are channels ------------------===//

#include "lib/Codegen/Cpu/Fourier.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

/// Roots of one entry: w of a block's halving, of that of its first half, of
/// its first quarter, and of its third. Those of the other parts are these
/// times i.
static constexpr int64_t rootsOfEntry = 4;

static Divisions divisionsOf(unsigned bits, unsigned most) {
  unsigned count = llvm::divideCeil(bits, most);
  Divisions divisions;
  for (unsigned i = 0; i < count; ++i)
    divisions.push_back(bits / count + (i < bits % count));
  return divisions;
}

Fourier::Fourier(KernelBuilder &b, int64_t size) : b(b), size(size) {
  // Eight complex numbers and their roots, as far as registers hold them.
  unsigned most = b.target.registers >= 32 ? 3 : 2;
  columns = divisionsOf(llvm::Log2_64(size / row), most);
  rows = divisionsOf(llvm::Log2_64(row), most);
}

//===----------------------------------------------------------------------===//
// Roots
//===----------------------------------------------------------------------===//

/// The angle of w where block `block` of 2^level is halved, in turns.
static double turnsOf(unsigned level, uint64_t block) {
  double turns = 0.125;
  for (unsigned bit = level; bit-- > 0;)
    turns = turns / 2 + 0.5 * ((block >> bit) & 1) / 2;
  return turns;
}

static SmallVector<float> computeRoots(ArrayRef<unsigned> divisions) {
  SmallVector<float> roots;
  unsigned level = 0;
  for (unsigned bits : divisions) {
    for (uint64_t block = 0; block < uint64_t(1) << level; ++block)
      for (int64_t i = 0; i < rootsOfEntry; ++i) {
        // The fourth is that of the third quarter's first half.
        uint64_t of = i == 3 ? 4 * block + 2 : block << i;
        double turns = turnsOf(level + std::min<int64_t>(i, 2), of);
        roots.push_back(std::cos(2 * M_PI * turns));
        roots.push_back(std::sin(2 * M_PI * turns));
      }
    level += bits;
  }
  return roots;
}

void Fourier::takeRoots(ModuleOp module) {
  Divisions all(columns);
  all.append(rows);
  std::string name = "ssm_roots";
  for (unsigned bits : all)
    name += "_" + std::to_string(bits);
  auto global = module.lookupSymbol<memref::GlobalOp>(name);
  if (!global) {
    SmallVector<float> values = computeRoots(all);
    int64_t width = 2 * rootsOfEntry;
    SmallVector<int64_t> shape = {int64_t(values.size()) / width, width};
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    auto tensor = RankedTensorType::get(shape, b.getF32Type());
    global = memref::GlobalOp::create(
        b, name, b.getStringAttr("private"),
        MemRefType::get(shape, b.getF32Type()),
        DenseElementsAttr::get(tensor, ArrayRef(values)), /*constant=*/true,
        b.getI64IntegerAttr(64));
  }
  roots = memref::GetGlobalOp::create(b, global.getType(), name);
}

SmallVector<ComplexLanes> Fourier::loadRoots(Value entry, unsigned bits) {
  SmallVector<ComplexLanes> loaded;
  auto part = [&](int64_t i) {
    return b.broadcast(b.vec(), b.loadScalar(roots, {entry, b.idx(i)}));
  };
  for (int64_t i = 0, count = bits == 3 ? 4 : bits; i < count; ++i)
    loaded.push_back({part(2 * i), part(2 * i + 1)});
  return loaded;
}

//===----------------------------------------------------------------------===//
// Halves
//===----------------------------------------------------------------------===//

namespace {
/// The root of one halving: one of those loaded, perhaps times i.
struct Root {
  ComplexLanes w;
  bool timesI;
};
} // namespace

/// Of half `part` of 2^stage, counted in the order of divisions.
static Root rootOf(ArrayRef<ComplexLanes> roots, unsigned stage,
                   unsigned part) {
  return {roots[stage == 2 && part > 1 ? 3 : stage], (part & 1) != 0};
}

/// lo, hi = lo + w hi, lo - w hi.
static void halve(KernelBuilder &b, ComplexLanes &lo, ComplexLanes &hi,
                  const Root &root) {
  auto [w, timesI] = root;
  Value two = b.splat(b.vec(), 2.0);
  auto negate = [&](Value v) -> Value { return arith::NegFOp::create(b, v); };
  if (!hi.im) {
    // Both are real, and w is not one of several: the coarsest halving.
    Value re = b.fma(w.re, hi.re, lo.re), im = b.fmul(w.im, hi.re);
    hi = {b.fma(two, lo.re, negate(re)), negate(im)};
    lo = {re, im};
    return;
  }
  Value re, im;
  if (timesI) {
    re = b.fma(w.re, negate(hi.im), b.fma(w.im, negate(hi.re), lo.re));
    im = b.fma(w.re, hi.re, b.fma(w.im, negate(hi.im), lo.im));
  } else {
    re = b.fma(w.im, negate(hi.im), b.fma(w.re, hi.re, lo.re));
    im = b.fma(w.im, hi.re, b.fma(w.re, hi.im, lo.im));
  }
  hi = {b.fma(two, lo.re, negate(re)), b.fma(two, lo.im, negate(im))};
  lo = {re, im};
}

/// The way back, without the factor 1/2.
static void join(KernelBuilder &b, ComplexLanes &lo, ComplexLanes &hi,
                 const Root &root) {
  auto [w, timesI] = root;
  ComplexLanes sum = {b.fadd(lo.re, hi.re), b.fadd(lo.im, hi.im)};
  auto negate = [&](Value v) -> Value { return arith::NegFOp::create(b, v); };
  if (timesI) {
    Value re = b.fsub(hi.re, lo.re), im = b.fsub(hi.im, lo.im);
    hi = {b.fma(w.im, re, negate(b.fmul(w.re, im))),
          b.fma(w.re, re, b.fmul(w.im, im))};
  } else {
    Value re = b.fsub(lo.re, hi.re), im = b.fsub(lo.im, hi.im);
    hi = {b.fma(w.re, re, b.fmul(w.im, im)),
          b.fma(w.re, im, negate(b.fmul(w.im, re)))};
  }
  lo = sum;
}

/// All halvings of one division, of 2^bits complex numbers.
static void transform(KernelBuilder &b, SmallVectorImpl<ComplexLanes> &v,
                      ArrayRef<ComplexLanes> roots, unsigned bits,
                      bool isForward) {
  for (unsigned i = 0; i < bits; ++i) {
    unsigned stage = isForward ? i : bits - 1 - i;
    unsigned half = v.size() >> (stage + 1);
    for (unsigned part = 0; part < 1u << stage; ++part)
      for (unsigned j = 0; j < half; ++j) {
        unsigned at = 2 * half * part + j;
        (isForward ? halve : join)(b, v[at], v[at + half],
                                   rootOf(roots, stage, part));
      }
  }
}

//===----------------------------------------------------------------------===//
// Lines
//===----------------------------------------------------------------------===//

void Fourier::divide(const Line &line, unsigned level, bool isForward,
                     Load load, Store store) {
  int64_t blocks = 1, firstRoot = line.firstRoot;
  // Roots of a line lie beside those of its neighbours.
  int64_t linesBefore = line.firstRoot ? getColumn() : 1;
  for (unsigned bits : line.divisions.take_front(level)) {
    firstRoot += linesBefore * blocks;
    blocks <<= bits;
  }
  unsigned bits = line.divisions[level];
  int64_t parts = int64_t(1) << bits, length = line.length / blocks;
  int64_t stride = length / parts;
  auto emit = [&](Value first, ArrayRef<ComplexLanes> w) {
    SmallVector<ComplexLanes> values;
    for (int64_t i = 0; i < parts; ++i)
      values.push_back(load(b.add(first, i * stride)));
    transform(b, values, w, bits, isForward);
    for (int64_t i = 0; i < parts; ++i)
      store(b.add(first, i * stride), values[i]);
  };
  auto emitBlock = [&](Value block) {
    Value entry = block;
    if (line.index)
      entry = b.add(b.mul(line.index, blocks), block);
    SmallVector<ComplexLanes> w = loadRoots(b.add(entry, firstRoot), bits);
    Value first = b.mul(block, length);
    if (stride == 1)
      return emit(first, w);
    b.loop(b.idx(0), b.idx(stride), 1,
           [&](Value j) { emit(b.add(first, j), w); });
  };
  if (blocks == 1)
    return emitBlock(b.idx(0));
  b.loop(b.idx(0), b.idx(blocks), 1, emitBlock);
}

void Fourier::walk(const Line &line, bool isForward, Load from, Store to,
                   Load again, Store between) {
  unsigned count = line.divisions.size();
  for (unsigned i = 0; i < count; ++i)
    divide(line, isForward ? i : count - 1 - i, isForward, i ? again : from,
           i + 1 < count ? between : to);
}

void Fourier::divideColumn(Load from, Store to, Load again, Store between) {
  walk({columns, getColumn(), 0, {}}, true, from, to, again, between);
}

void Fourier::joinColumn(Load from, Store to, Load again, Store between) {
  walk({columns, getColumn(), 0, {}}, false, from, to, again, between);
}

/// Entries of the columns' divisions.
static int64_t countEntries(ArrayRef<unsigned> divisions) {
  int64_t entries = 0, blocks = 1;
  for (unsigned bits : divisions) {
    entries += blocks;
    blocks <<= bits;
  }
  return entries;
}

void Fourier::divideRow(Value index, Load load, Store store) {
  walk({rows, row, countEntries(columns), index}, true, load, store, load,
       store);
}

void Fourier::joinRow(Value index, Load load, Store store) {
  walk({rows, row, countEntries(columns), index}, false, load, store, load,
       store);
}
