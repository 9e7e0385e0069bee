//===- MatrixChunk.cpp - matrix states by chunks of 16 tokens -------------===//
//
// Shared memory, copies, and operands of products. A product's 16 x 8 sums lie
// so in a warp: a lane has those of rows lane / 4 and lane / 4 + 8, of columns
// 2 (lane % 4) and the next one. A product of columns of v by tokens thereby is
// a left operand of the next one, as it lies.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/Gpu/MatrixChunk.h"

#include "lib/Codegen/Gpu/Choice.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace ssmc;

using Values = SmallVector<Value>;
static constexpr int64_t tokens = MatrixShape::tokens;
static constexpr int64_t piece = 8; // elements of 16 bytes
static constexpr int64_t mostWarps = 4, mostWarpsOfKeys = 8;

MatrixMixer::MatrixMixer(ssm::SemiseparableOp op)
    : op(op), q(op.getQ()), k(op.getK()), v(op.getV()), decay(op.getDecay()),
      resets(op.getResets()), y(op.getY()), state(op.getState()),
      reverse(op.getReverse()) {}

MatrixMixer::MatrixMixer(ssm::DeltaRuleOp op)
    : op(op), q(op.getQ()), k(op.getK()), v(op.getV()), beta(op.getBeta()),
      decay(op.getDecay()), resets(op.getResets()), y(op.getY()),
      state(op.getState()), reverse(op.getReverse()) {}

static MemRefType typeOf(Value memref) {
  return cast<MemRefType>(memref.getType());
}

std::optional<MatrixShape> MatrixShape::get(const MatrixMixer &mixer) {
  MemRefType state = typeOf(mixer.state), v = typeOf(mixer.v);
  MatrixShape shape{typeOf(mixer.q).getElementType(),
                    state.getDimSize(2),
                    state.getDimSize(3),
                    v.getDimSize(2),
                    typeOf(mixer.k).getDimSize(2),
                    typeOf(mixer.q).getDimSize(2),
                    mixer.decay && typeOf(mixer.decay).getRank() % 2 == 0,
                    0,
                    0,
                    2};
  if (!state.getElementType().isF32() ||
      (!shape.element.isF16() && !shape.element.isBF16()))
    return std::nullopt;
  for (Value memref : {mixer.q, mixer.k, mixer.v, mixer.y})
    if (typeOf(memref).getElementType() != shape.element ||
        !typeOf(memref).isLastDimUnitStride())
      return std::nullopt;
  for (Value memref : {mixer.beta, mixer.decay})
    if (memref && !isDeviceFloat(memref))
      return std::nullopt;
  if (shape.ofKey &&
      (mixer.resets || !typeOf(mixer.decay).isLastDimUnitStride()))
    return std::nullopt;
  int64_t length = v.getDimSize(1);
  if ((shape.keys != 64 && shape.keys != 128) || shape.columns <= 0 ||
      shape.columns % 16 != 0 || shape.queryHeads > shape.heads ||
      (length >= 0 && length < tokens))
    return std::nullopt;
  // A power of two, as threads share rows of 16 bytes for each half of a warp.
  int64_t warps = shape.columns / 16;
  int64_t most = shape.ofKey ? mostWarpsOfKeys : mostWarps;
  most = givenChoice(mixer.op, "warps").value_or(most);
  shape.warps = std::min(warps & -warps, most);
  shape.blocks = warps / shape.warps;
  if (shape.ofKey) // a lane for two keys of half of a chunk
    shape.makers = shape.keys / warpLanes;
  return shape;
}

MatrixChunk::MatrixChunk(LaunchBuilder &b, const MatrixMixer &mixer,
                         const MatrixShape &shape, gpu::LaunchOp launch,
                         Value length)
    : b(b), mixer(mixer), shape(shape), length(length),
      thread(launch.getThreadIds().x) {
  lane = b.rem(thread, warpLanes);
  warp = b.div(thread, warpLanes);
  auto [rest, part] =
      b.divideSmall(launch.getBlockIds().x, b.idx(shape.blocks));
  std::tie(batch, head) = b.divideSmall(rest, b.idx(shape.heads));
  firstColumn = b.mul(part, shape.blockColumns());
  memory = b.dynamicShared(launch, layOut());
  planCopies();
}

/// Places the parts; the size of all.
int64_t MatrixChunk::layOut() {
  int64_t end = 0;
  auto place = [&](bool exists, int64_t bytes, int64_t copies) {
    ChunkPart part{end, bytes, copies};
    end += exists ? bytes * copies : 0;
    return part;
  };
  bool isDelta = bool(mixer.beta), ofKey = shape.ofKey;
  int64_t row = 2 * shape.keys, tile = tokens * row,
          matrix = 2 * tokens * tokens;
  int64_t ahead = shape.ahead();
  // What is consumed is one chunk behind what is made.
  keys = place(true, tile, ofKey ? ahead : ahead + 1);
  queries = place(true, tile, keys.copies);
  values = place(true, tokens * shape.blockColumns() * 2, ahead + 1);
  if (ofKey)
    logs = place(true,
                 tokens * shape.keys *
                     typeOf(mixer.decay).getElementTypeBitWidth() / 8,
                 ahead);
  readQueries = place(ofKey, tile, 2);
  writtenKeys = place(ofKey, tile, 2);
  readKeys = place(ofKey && isDelta, tile, 2);
  keyColumns = place(ofKey, tile, 1);
  queryRows = place(ofKey, tile + 8 * row, 1);
  keyRows = place(ofKey && isDelta, tile + 8 * row, 1);
  decays = place(true, 4 * (ofKey ? shape.keys : tokens), 2);
  rest = place(!ofKey, 4 * tokens, 2);
  mixing = place(true, matrix, 2);
  transition = place(isDelta, matrix, 2);
  substitution = place(isDelta, 2 * matrix, 1);
  return end;
}

/// Which pieces of a chunk a thread copies that is no maker's. Where threads
/// are left, some copy the same.
void MatrixChunk::planCopies() {
  Value zero = b.idx(0);
  auto plan = [&](const ChunkPart &part, Value memref, int64_t heads,
                  Value column, int64_t columns) {
    Value of = b.div(b.mul(head, heads), shape.heads);
    planTile(part, b.addressOf(memref, {batch, zero, of, column}),
             b.byteStride(memref, 1), columns * 2, /*isMixed=*/true);
  };
  plan(keys, mixer.k, shape.keyHeads, zero, shape.keys);
  plan(queries, mixer.q, shape.queryHeads, zero, shape.keys);
  plan(values, mixer.v, shape.heads, firstColumn, shape.blockColumns());
  if (!shape.ofKey)
    return;
  bool ofToken = typeOf(mixer.decay).getRank() == 4;
  Values index{head, zero};
  if (ofToken)
    index = {batch, zero, head, zero};
  planTile(logs, b.addressOf(mixer.decay, index),
           ofToken ? b.byteStride(mixer.decay, 1) : zero, logs.bytes / tokens,
           /*isMixed=*/false);
}

void MatrixChunk::planTile(const ChunkPart &part, Value start, Value stride,
                           int64_t rowBytes, bool isMixed) {
  int64_t pieces = rowBytes / copyBytes;
  Value number = b.sub(thread, b.idx(shape.makerThreads()));
  Value row = b.rem(b.div(number, pieces), tokens);
  Value inRow = b.rem(number, pieces);
  copies.push_back({&part, b.add(start, b.mul(inRow, copyBytes)), stride, row,
                    inRow, pieces, isMixed});
}

void MatrixChunk::copy(Value chunk) {
  Value first = b.mul(chunk, tokens);
  Value all = arith::ConstantIntOp::create(b, b.getI32Type(), copyBytes);
  Value none = arith::ConstantIntOp::create(b, b.getI32Type(), 0);
  for (const Copy &copy : copies) {
    Value base = addressOf(*copy.part, chunk);
    int64_t rows = shape.copyThreads() / copy.pieces; // at once
    for (int64_t begin = 0; begin < tokens; begin += rows) {
      Value row = b.add(copy.row, begin), token = b.add(first, row);
      // Of what does not exist nothing is read, and zeros are stored.
      Value count = b.select(b.less(token, length), all, none);
      Value from = b.add(copy.start, b.mul(at(token), copy.stride));
      Value to =
          copy.isMixed
              ? b.piecePlace(row, copy.piece, copy.pieces)
              : b.mul(b.add(b.mul(row, copy.pieces), copy.piece), copyBytes);
      NVVM::CpAsyncOp::create(b, b.sharedAt(b.add(base, to)), b.globalAt(from),
                              copyBytes, NVVM::LoadCacheModifierKind::CG,
                              count);
    }
  }
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void MatrixChunk::wait() {
  NVVM::CpAsyncWaitGroupOp::create(b, shape.ahead() - 2);
}

/// Of 16 x 16 elements of 16 bits in shared memory what the lane has as an
/// operand of a product: from column 16 `number` on of rows of `columns`, which
/// lie along the sum, or across it where `transposed`. The second eight rows
/// are `halfRows` behind the first.
Values MatrixChunk::loadTile(Value base, Value number, int64_t columns,
                             bool isLeft, bool transposed, int64_t halfRows) {
  // The four matrices of 8 x 8: of a left operand, second rows come before
  // second columns.
  Value matrix = b.div(lane, 8), inside = b.rem(lane, 8);
  Value low = b.rem(matrix, 2), high = b.div(matrix, 2);
  bool rowsFirst = isLeft != transposed;
  Value row = b.add(inside, b.mul(rowsFirst ? low : high, halfRows));
  Value at = b.add(b.mul(number, 2), rowsFirst ? high : low);
  return b.loadMatrices(b.add(base, b.piecePlace(row, at, columns / piece)),
                        transposed);
}

/// sums + left x columns 8 n to 8 n + 7 of right.
Values MatrixChunk::multiply(ArrayRef<Value> left, ArrayRef<Value> right,
                             int64_t n, ArrayRef<Value> sums) {
  return b.multiplyTile(shape.element, left, right.slice(2 * n, 2), sums);
}

/// Two numbers of f32 that lie side by side in shared memory.
Values MatrixChunk::loadPair(Value address) {
  Value both =
      b.loadAt(VectorType::get({2}, b.getF32Type()), b.sharedAt(address), 8);
  return {vector::ExtractOp::create(b, both, 0),
          vector::ExtractOp::create(b, both, 1)};
}

/// Sums of two tiles, or elements of the state, as a left operand.
Values MatrixChunk::pack(ValueRange sums) {
  Values words;
  for (size_t i = 0; i < sums.size(); i += 2)
    words.push_back(b.packWord(shape.element, sums[i], sums[i + 1]));
  return words;
}
