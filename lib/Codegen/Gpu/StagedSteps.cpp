//===- StagedSteps.cpp - sequences by steps in shared memory --------------===//

#include "lib/Codegen/Gpu/StagedSteps.h"

using namespace mlir;
using namespace ssmc;
using Values = StagedSteps::Values;

StagedSteps::Sequence StagedSteps::add(Value memref, int64_t size,
                                       double neutral, bool isLog) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({2, steps, size}, b.getF32Type(),
                              MemRefLayoutAttrInterface(), space);
  Value shared = launch.addWorkgroupAttribution(type, b.getLoc());
  sequences.push_back(
      {memref, shared, b.idx(0), Value(), neutral, isLog, {}, {}, {}});
  return sequences.size() - 1;
}

/// The thread's of `size` elements; the last one may be several threads'.
void StagedSteps::forEach(int64_t size, function_ref<void(Value)> body) {
  for (int64_t first = 0; first < size; first += threads) {
    Value element = b.add(thread, first);
    if (first + threads > size)
      element = b.min(element, b.idx(size - 1));
    body(element);
  }
}

void StagedSteps::addElements(Sequence sequence, ValueRange index, Value first,
                              int64_t size, int64_t count, int64_t offset) {
  Staged &staged = sequences[sequence];
  if (index.size() > 1) // batch and time
    staged.stride = b.byteStride(staged.memref, 1);
  forEach(size, [&](Value element) {
    Value last = b.add(first, element);
    bool isWhole = count % size == 0;
    staged.exists.push_back(isWhole ? Value() : b.less(last, b.idx(count)));
    if (!isWhole)
      last = b.min(last, b.idx(count - 1));
    Values at(index);
    at.push_back(last);
    staged.addresses.push_back(b.addressOf(staged.memref, at));
    staged.places.push_back(b.add(element, offset));
  });
}

StagedSteps::Sequence StagedSteps::addFlags(Value memref, Value row) {
  Sequence sequence = add(memref, 1, 0.0);
  sequences[sequence].row = row;
  sequences[sequence].places.push_back(b.idx(0));
  return sequence;
}

/// The thread's elements of a step, which need not exist.
Values StagedSteps::fetch(Value step) {
  Value isStep = b.less(step, count);
  Value t = timeOf(b.min(step, b.sub(count, b.idx(1))));
  Values fetched;
  for (const Staged &staged : sequences) {
    Value neutral = b.real(staged.neutral);
    if (staged.row) {
      Value flag =
          memref::LoadOp::create(b, staged.memref, ValueRange{staged.row, t});
      fetched.push_back(b.select(b.both(isStep, flag), b.real(1.0), neutral));
      continue;
    }
    Type type = cast<MemRefType>(staged.memref.getType()).getElementType();
    for (auto [address, exists] : llvm::zip(staged.addresses, staged.exists)) {
      Value from = b.globalAt(b.add(address, b.mul(t, staged.stride)));
      Value value =
          b.widen(b.loadAt(type, from, type.getIntOrFloatBitWidth() / 8));
      if (staged.isLog)
        value = b.exp2(b.fmul(value, b.real(log2e)));
      fetched.push_back(
          b.select(exists ? b.both(isStep, exists) : isStep, value, neutral));
    }
  }
  return fetched;
}

void StagedSteps::put(ValueRange fetched, Value tile, Value inTile) {
  for (const Staged &staged : sequences)
    for (Value place : staged.places) {
      memref::StoreOp::create(b, fetched.front(), staged.shared,
                              ValueRange{tile, inTile, place});
      fetched = fetched.drop_front();
    }
}

Values StagedSteps::walk(std::optional<int64_t> known, Value steppedCount,
                         function_ref<Value(Value)> steppedTime, Values carried,
                         Step step) {
  count = steppedCount, timeOf = steppedTime;
  for (int64_t s = 0; s < steps; ++s)
    put(fetch(b.idx(s)), b.idx(0), b.idx(s));
  b.barrier();
  if (known == steps) {
    for (int64_t s = 0; s < steps; ++s)
      carried = step(b.idx(0), s, b.idx(s), carried);
    return carried;
  }
  Value tiles = b.ceilDiv(count, steps);
  return llvm::to_vector(b.keepRolled(
      b.loop(b.idx(0), tiles, 1, carried, [&](Value t, ValueRange before) {
        return walkTile(t, before, step);
      })));
}

/// What a step fetches is stored two steps later, when it is there.
Values StagedSteps::walkTile(Value number, ValueRange before, Step step) {
  Value tile = b.rem(number, 2), other = b.sub(b.idx(1), tile);
  Value first = b.mul(number, steps);
  Values carried(before);
  SmallVector<Values> coming;
  int64_t stored = 0;
  for (int64_t s = 0; s < steps; ++s) {
    int64_t fetched = std::min(s + 2, steps);
    while (static_cast<int64_t>(coming.size()) < fetched)
      coming.push_back(fetch(b.add(first, steps + coming.size())));
    carried = step(tile, s, b.add(first, s), carried);
    int64_t ready = s + 1 == steps ? steps : s - 1;
    for (; stored < ready; ++stored)
      put(coming[stored], other, b.idx(stored));
  }
  b.barrier();
  return carried;
}

Value StagedSteps::scalar(Sequence sequence, Value tile, int64_t inTile) {
  return memref::LoadOp::create(b, sequences[sequence].shared,
                                ValueRange{tile, b.idx(inTile), b.idx(0)});
}

Value StagedSteps::vector(Sequence sequence, Value tile, int64_t inTile,
                          Value place, VectorType type) {
  int64_t bytes = type.getNumElements() * sizeof(float);
  return vector::LoadOp::create(b, type, sequences[sequence].shared,
                                ValueRange{tile, b.idx(inTile), place},
                                /*nontemporal=*/false, llvm::MaybeAlign(bytes));
}
