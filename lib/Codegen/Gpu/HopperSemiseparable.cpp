//===- HopperSemiseparable.cpp - ssm-hopper-semiseparable -----------------===//

#include "lib/Codegen/Gpu/HopperSemiseparable.h"
#include "lib/Codegen/Gpu/Choice.h"
#include "lib/Codegen/Gpu/GpuPasses.h"
#include "lib/Codegen/Gpu/HopperLaunch.h"

namespace ssmc {
#define GEN_PASS_DEF_SSMHOPPERSEMISEPARABLE
#include "lib/Codegen/Gpu/GpuPasses.h.inc"
} // namespace ssmc

using namespace mlir;
using namespace ssmc;

// Dimensions of q, k, v, y from the innermost: columns, tokens, heads, batch.
static constexpr int64_t mapOrder[] = {3, 1, 2, 0};
static constexpr int64_t maxKeySize = 128, maxValueSize = 4096, fewTokens = 16;
// Of an H100 or H200; a segment's state costs a second pass over keys and
// values, and what is kept a read.
static constexpr int64_t multiprocessors = 132, shortestSegment = 4;

static MemRefType typeOf(Value buffer) {
  return cast<MemRefType>(buffer.getType());
}

/// The strides of an optional buffer, padded in front to `rank`; fails where
/// the type does not say them.
static LogicalResult strideOf(Value buffer, size_t rank,
                              SmallVectorImpl<int64_t> &strides) {
  strides.assign(rank, 0);
  if (!buffer)
    return success();
  SmallVector<int64_t> known; // appended to
  int64_t offset;
  if (failed(typeOf(buffer).getStridesAndOffset(known, offset)))
    return failure();
  llvm::copy(ArrayRef(known).take_front(rank),
             strides.end() - std::min(rank, known.size()));
  return success();
}

std::optional<HopperSemiseparable>
HopperSemiseparable::get(const HopperMixing &mixing) {
  if (mixing.op->getNumResults() != 0 || (mixing.isStrict && mixing.resets))
    return std::nullopt;
  HopperSemiseparable shape;
  shape.isReverse = mixing.isReverse;
  shape.isStrict = mixing.isStrict;
  shape.addsToOutput = mixing.addsToOutput;
  shape.hasState = mixing.state != nullptr;
  shape.hasResets = mixing.resets != nullptr;
  shape.startsAtZero = mixing.start.isZero();
  shape.element = typeOf(mixing.q).getElementType();
  for (Value buffer : {mixing.q, mixing.k, mixing.v, mixing.y})
    if (!canMap(buffer) || typeOf(buffer).getElementType() != shape.element ||
        typeOf(buffer).isDynamicDim(3))
      return std::nullopt;
  for (auto [buffer, type] : {std::pair(mixing.decay, &shape.decay),
                              std::pair(mixing.scale, &shape.scale),
                              std::pair(mixing.skip, &shape.skip),
                              std::pair(mixing.diagonal, &shape.diagonal)}) {
    *type = buffer ? typeOf(buffer).getElementType() : Type();
    if (*type && !type->isF32() && !type->isF16() && !type->isBF16())
      return std::nullopt;
  }
  if (mixing.decay && typeOf(mixing.decay).getRank() != 1 &&
      typeOf(mixing.decay).getRank() != 3)
    return std::nullopt; // of each key
  SmallVector<int64_t> state;
  if (failed(strideOf(mixing.state, 4, state)) ||
      failed(strideOf(mixing.decay, 3, shape.decayStrides)) ||
      failed(strideOf(mixing.resets, 2, shape.resetStrides)) ||
      failed(strideOf(mixing.scale, 3, shape.scaleStrides)) ||
      failed(strideOf(mixing.skip, 1, shape.skipStrides)) ||
      failed(strideOf(mixing.diagonal, 3, shape.diagonalStrides)))
    return std::nullopt;
  if (mixing.state &&
      (!typeOf(mixing.state).getElementType().isF32() || state.back() != 1))
    return std::nullopt;
  shape.stateStrides.assign(state.begin(), state.begin() + 3);
  shape.keySize = typeOf(mixing.q).getDimSize(3);
  shape.valueSize = typeOf(mixing.v).getDimSize(3);
  shape.queryHeads = typeOf(mixing.q).getDimSize(2);
  shape.keyHeads = typeOf(mixing.k).getDimSize(2);
  shape.heads = typeOf(mixing.v).getDimSize(2);
  // A few tokens fill no tile: they are streamed.
  int64_t length = typeOf(mixing.v).getDimSize(1);
  if (mixing.state && length >= 0 && length < fewTokens)
    return std::nullopt;
  if (shape.queryHeads > shape.heads || shape.keySize < 1 ||
      shape.keySize > maxKeySize || shape.valueSize < 1 ||
      shape.valueSize > maxValueSize)
    return std::nullopt;
  return shape;
}

/// Segments of time: where there are fewer blocks than multiprocessors, as many
/// as keep these busy, of at least `shortestSegment` chunks.
static std::pair<Value, Value> cut(HopperLaunch &launch, Value chunks,
                                   Value blocks) {
  ImplicitLocOpBuilder &b = launch.b;
  Value one = launch.index(1);
  Value wanted =
      arith::DivUIOp::create(b, launch.index(multiprocessors),
                             b.createOrFold<arith::MaxUIOp>(blocks, one));
  int64_t shortest = shortestSegment;
  if (std::optional<int64_t> given = givenChoice(b, "segments"))
    wanted = launch.index(*given), shortest = 1;
  Value most = b.createOrFold<arith::DivUIOp>(chunks, launch.index(shortest));
  wanted =
      arith::MaxUIOp::create(b, arith::MinUIOp::create(b, wanted, most), one);
  Value steps = arith::MaxUIOp::create(
      b, arith::CeilDivUIOp::create(b, chunks, wanted), one);
  Value count = arith::MaxUIOp::create(
      b, arith::CeilDivUIOp::create(b, chunks, steps), one);
  return {count, steps};
}

static void launchMixing(HopperLaunch &launch, const HopperMixing &mixing,
                         const HopperSemiseparable &shape,
                         const HopperKernelOf &ends,
                         const HopperKernelOf &whole) {
  constexpr int64_t threads = 128 * (HopperSemiseparable::units + 2);
  ImplicitLocOpBuilder &b = launch.b;
  // A warp writes 16 columns.
  std::pair<Value, int64_t> mapped[] = {{mixing.q, kBoxColumns},
                                        {mixing.k, kBoxColumns},
                                        {mixing.v, kBoxColumns},
                                        {mixing.y, 16}};
  SmallVector<Value> maps, numbers;
  for (auto [buffer, columns] : mapped)
    maps.push_back(launch.map(buffer, mapOrder,
                              {columns, HopperSemiseparable::chunk, 1, 1}));
  Value blocksOfRow = launch.index(
      llvm::divideCeil(shape.numUnits(), HopperSemiseparable::units));
  Value length = launch.dim(mixing.q, 1);
  Value blocks =
      b.createOrFold<arith::MulIOp>(blocksOfRow, launch.dim(mixing.q, 0));
  Value chunks = launch.ceilDiv(length, HopperSemiseparable::chunk);
  Value segments, steps;
  std::tie(segments, steps) = cut(launch, chunks, blocks);
  for (Value number : {length, blocksOfRow, blocks, segments, steps})
    numbers.push_back(launch.toI32(number));
  for (auto [buffer, rank] :
       {std::pair(mixing.state, 3), std::pair(mixing.decay, 3),
        std::pair(mixing.resets, 2), std::pair(mixing.scale, 3),
        std::pair(mixing.skip, 1), std::pair(mixing.diagonal, 3)}) {
    int64_t has =
        buffer ? std::min<int64_t>(typeOf(buffer).getRank(), rank) : 0;
    for (int64_t d = has - rank; d < has; ++d)
      numbers.push_back(
          launch.toI64(d < 0 ? launch.index(0) : launch.stride(buffer, d)));
  }
  // Where there is no state, its pointer is not used.
  Value written = mixing.state ? mixing.state : mixing.y;
  Value state = launch.pointer(written);
  Value begin = launch.pointer(mixing.start.bufferOr(written));
  auto emit = [&](const HopperKernelOf &kernel, Value count, Value kept) {
    SmallVector<Value> args(maps);
    args.append({begin, state, kept});
    for (Value optional : {mixing.decay, mixing.resets, mixing.scale,
                           mixing.skip, mixing.diagonal})
      if (optional)
        args.push_back(launch.pointer(optional));
    args.append(numbers);
    launch.launch(kernel.first, b.createOrFold<arith::MulIOp>(count, blocks),
                  threads, kernel.second, args);
  };
  Value one = launch.index(1);
  scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, one, segments),
      [&](OpBuilder &, Location) {
        Value units = b.createOrFold<arith::MulIOp>(
            arith::MulIOp::create(b, segments, blocks),
            launch.index(HopperSemiseparable::units));
        Value kept = memref::AllocOp::create(
            b,
            MemRefType::get({ShapedType::kDynamic, shape.keptElements() + 1},
                            b.getF32Type()),
            ValueRange(units));
        kept = launch.pointer(kept);
        emit(ends, arith::SubIOp::create(b, segments, one), kept);
        emit(whole, segments, kept);
        scf::YieldOp::create(b);
      },
      [&](OpBuilder &, Location) {
        emit(whole, one, state);
        scf::YieldOp::create(b);
      });
}

void ssmc::lowerHopperMixings(Operation *op, ArrayRef<HopperMixing> mixings,
                              ArrayRef<HopperSemiseparable> shapes) {
  SmallVector<HopperKernelOf> ends, whole;
  SmallVector<Value> mapped;
  for (auto [mixing, shape] : llvm::zip_equal(mixings, shapes)) {
    ends.push_back(emitHopperSemiseparable(op, shape, /*isEnds=*/true));
    whole.push_back(emitHopperSemiseparable(op, shape, /*isEnds=*/false));
    for (Value buffer : {mixing.q, mixing.k, mixing.v, mixing.y})
      if (!llvm::is_contained(mapped, buffer))
        mapped.push_back(buffer);
  }
  Operation *start = mixings.front().start.op;
  bool isLeft = replaceByLaunch(op, mapped, [&](HopperLaunch &launch) {
    for (size_t i = 0; i < mixings.size(); ++i)
      launchMixing(launch, mixings[i], shapes[i], ends[i], whole[i]);
  });
  if (start && isLeft)
    start->moveBefore(op);
  else if (start)
    start->erase();
}

namespace {
struct HopperSemiseparablePass
    : ssmc::impl::SsmHopperSemiseparableBase<HopperSemiseparablePass> {
  void runOnOperation() override {
    SmallVector<ssm::SemiseparableOp> ops;
    getOperation().walk([&](ssm::SemiseparableOp op) { ops.push_back(op); });
    for (ssm::SemiseparableOp op : ops) {
      HopperMixing mixing{op,
                          op.getQ(),
                          op.getK(),
                          op.getV(),
                          op.getY(),
                          op.getState(),
                          op.getDecay(),
                          op.getResets(),
                          op.getScale(),
                          op.getSkip(),
                          /*diagonal=*/Value(),
                          op.getReverse()};
      mixing.start = findJoinedStart(op, op.getState());
      if (std::optional<HopperSemiseparable> shape =
              HopperSemiseparable::get(mixing))
        lowerHopperMixings(op, mixing, *shape);
    }
  }
};
} // namespace
