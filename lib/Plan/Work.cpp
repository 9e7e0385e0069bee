//===- Work.cpp - what a strategy of a mixer has to do --------------------===//

#include "lib/Plan/Work.h"

#include "lib/Codegen/Cpu/Kernels.h"
#include "lib/Codegen/Cpu/LongConvBlocks.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ssmc;
using ssm::Strategy;

/// The share of the multiply-adds' rate that code reaches: kernels as measured
/// in benchmarks/cpu, products of matrices as loops over linalg ops with
/// ssm-bench.
static constexpr double kernelShare = 0.6;
static constexpr double loopShare = 0.25;
/// Columns of products from which on loops reach that.
static constexpr double fullColumns = 64;

/// Ops of attention as loops, and bytes that its scores may take.
static constexpr double attentionOps = 12;
static constexpr double mostScores = 1 << 26;

/// Columns that the kernel of a scan takes at once.
static constexpr double scanColumns = 2048;

static double widthOf(Value value) {
  Type type = cast<ShapedType>(value.getType()).getElementType();
  double parts = 1;
  if (auto complexType = dyn_cast<ComplexType>(type)) {
    type = complexType.getElementType();
    parts = 2;
  }
  return type.isIntOrFloat() ? parts * type.getIntOrFloatBitWidth() / 8 : 8;
}

/// Of elements that no kernel is for, and of which half as many fill a vector.
static bool isDouble(Operation *op) {
  return llvm::any_of(op->getOperands(), [](Value value) {
    return widthOf(value) > 4 &&
           !cast<ShapedType>(value.getType()).getElementType().isInteger();
  });
}

/// The extents of an operand multiplied.
static double elementsOf(ssm::MixerOpInterface op, unsigned operand,
                         const Extents &extents) {
  ssm::MixerShape shape = op.getMixerShape();
  double elements = 1;
  for (int64_t extent : shape.operands[operand].dims)
    if (extent >= 0)
      elements *= extents[shape.extents[extent]];
  return elements;
}

/// Operands that are read once and destinations that are written once.
static double bytesOf(ssm::MixerOpInterface op, const Extents &extents) {
  auto dps = cast<DestinationStyleOpInterface>(op.getOperation());
  ssm::MixerShape shape = op.getMixerShape();
  double bytes = 0;
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned i = operand.getOperandNumber();
    double times = shape.operands[i].read + dps.isDpsInit(&operand);
    bytes += times * widthOf(operand.get()) * elementsOf(op, i, extents);
  }
  return bytes;
}

/// Whether a strategy leaves the work to a kernel, its own or that of the op
/// that pieces of time are.
static bool runsKernel(Operation *op, Strategy strategy) {
  return hasKernel(op, strategy) || (strategy == Strategy::AssociativeScan &&
                                     hasKernel(op, Strategy::Recurrent));
}

/// How many threads have something to do at once, on average.
static double parallelism(double parts, const Machine &machine) {
  parts = std::max(1.0, std::floor(parts));
  return parts / std::ceil(parts / machine.threads);
}

namespace {
/// Counts for one op; all methods count what comes on top of its bytes.
struct Counter {
  const Extents &e;
  const Machine &machine;
  Strategy strategy;
  bool isKernel;
  double chunk;
  /// Bytes of what is kept between steps.
  double width;
  Work work;

  /// Steps as loops over linalg ops: `each` ops for a step of time and `piece`
  /// for each chunk of it; threads divide what is large enough, of which the
  /// largest makes `most` multiply-adds.
  void runAsLoops(double each, double piece, double most) {
    work.ops += e["L"] * each + std::ceil(e["L"] / chunk) * piece;
    work.parts = std::max(1.0, std::floor(most / machine.opsOfPart));
    work.loops = work.ops;
  }

  /// Heads: outputs, states; without sharing all are H.
  double heads(StringRef name, Operation *op, unsigned operand) {
    int64_t heads =
        cast<ShapedType>(op->getOperand(operand).getType()).getDimSize(2);
    return ShapedType::isDynamic(heads) ? e["H"] : heads;
  }

  static bool isPerKey(Value decay) {
    return decay && cast<ShapedType>(decay.getType()).getRank() % 2 == 0;
  }

  /// A mixer with a state of N x P: `changes` multiply-adds for an element and
  /// token change it, one for each output reads it.
  void matrixState(Operation *op, double tokens, double states, double outputs,
                   double products, double changes, bool hasDecay,
                   bool perKey) {
    double n = e["N"], p = e["P"];
    double state = states * n * p;
    // Where nobody wants the state behind the last chunk, it is not made.
    bool isOne = chunk >= e["L"] && op->getResult(1).use_empty();
    work.exps += hasDecay ? tokens * states * (perKey ? n : 1) : 0;
    if (isKernel) {
      work.macs += tokens * (changes * state + outputs * n * p);
      work.parts = e["B"] * states;
      return;
    }
    if (strategy == Strategy::Recurrent) {
      runAsLoops(/*each=*/3 + changes, /*piece=*/0, e["B"] * state);
      work.macs += tokens * ((changes + hasDecay) * state + outputs * n * p);
      work.cachedBytes +=
          tokens * width * (2 * changes + outputs / states) * state;
      return;
    }
    // A matrix of chunk x chunk for each product of readers and writers, mixed
    // with values; then the state is read and changed once for each token.
    double matrices = changes;
    double weigh = perKey ? 3 * outputs * n : products * n + 2 * outputs;
    runAsLoops(/*each=*/(perKey ? 10 : 8) + (changes > 1), /*piece=*/12,
               e["B"] * outputs * chunk * chunk * p);
    work.columns = p;
    if (isOne)
      work.bytes -= e["B"] * width * state;
    work.macs += tokens * (matrices * chunk * (weigh + outputs * p + states) +
                           (isOne ? 0 : state) + outputs * n * p);
    work.cachedBytes += tokens * width * (3 * matrices * chunk * outputs) +
                        tokens / chunk * (isOne ? 1 : 2) * width * state;
    if (perKey)
      work.cachedBytes += tokens * width * 3 * chunk * states * n;
  }

  void count(ssm::SemiseparableOp op) {
    double outputs = heads("Y", op, 0), states = heads("H", op, 2);
    outputs = std::max(outputs, states);
    matrixState(op, e["B"] * e["L"], states, outputs,
                std::max(heads("J", op, 0), heads("G", op, 1)), 1,
                bool(op.getDecay()), isPerKey(op.getDecay()));
  }
  void count(ssm::DeltaRuleOp op) {
    double outputs = heads("Y", op, 0), states = heads("H", op, 2);
    outputs = std::max(outputs, states);
    matrixState(op, e["B"] * e["L"], states, outputs,
                std::max(heads("J", op, 0), heads("G", op, 1)),
                op.getBeta() ? 2 : 3, bool(op.getDecay()),
                isPerKey(op.getDecay()));
  }
  void count(ssm::QuasiseparableOp op) {
    double tokens = e["B"] * e["L"];
    double outputs = heads("Y", op, 0), states = heads("H", op, 4);
    double n = e["N"], p = e["P"], state = states * n * p;
    bool perKey = isPerKey(op.getGf());
    double exps = tokens * states * (op.getGf() ? perKey ? n : 1 : 0);
    if (strategy == Strategy::Recurrent) {
      work.exps += 2 * exps;
      work.macs += 2 * tokens * (2 * state + outputs * n * p);
      work.parts = e["B"] * states;
      if (isKernel)
        return;
      work.cachedBytes += 2 * tokens * 4 * width * state;
      runAsLoops(/*each=*/12, /*piece=*/0, e["B"] * state);
      return;
    }
    // Two matrices of chunk x chunk, their sum mixed with values; factors of
    // the second direction are made once more where there are pieces, and so
    // are states.
    bool isOne = chunk >= e["L"];
    double rows = isOne ? 2 : 3;
    double products = std::max(heads("J", op, 0), heads("G", op, 1));
    double weigh = perKey ? 3 * outputs * n : products * n + 2 * outputs;
    work.exps += rows * exps;
    work.macs +=
        tokens * chunk * (2 * weigh + rows * states + outputs * (p + 1));
    work.cachedBytes += tokens * width * 7 * chunk * outputs;
    runAsLoops(/*each=*/rows * (perKey ? 10 : 8), /*piece=*/isOne ? 8 : 20,
               e["B"] * outputs * chunk * chunk * p);
    work.columns = p;
    if (perKey)
      work.cachedBytes += tokens * width * rows * 3 * chunk * states * n;
    if (isOne)
      return;
    work.macs += 2 * tokens * (state + outputs * n * p);
    work.cachedBytes += tokens / chunk * 4 * width * state;
  }

  void count(ssm::AttentionOp op) {
    double keys = e["Lk"], queries = e["B"] * e["Lq"] * e["J"];
    // A part is a block of queries of a group of heads, or a part of a loop.
    double groups = cast<ShapedType>(op.getK().getType()).getDimSize(2);
    if (isKernel) {
      work.parts = e["B"] * groups * std::ceil(e["Lq"] / 16);
    } else {
      // Loops over the scores of one query after the other, or over all; where
      // these are too many to be stored nothing is won by it.
      bool atOnce =
          strategy == Strategy::Dense && width * queries * keys <= mostScores;
      double times = atOnce ? 1 : e["Lq"];
      work.parts = queries * keys * e["N"] / times / machine.opsOfPart;
      work.ops += times * attentionOps;
      work.loops = work.ops;
    }
    // A kernel passes over what no query sees; by index, where that is known.
    if (isKernel && op.getRight() && !op.getQueryPositions())
      keys = std::max(1.0, keys - (e["Lq"] - 1) / 2);
    if (isKernel && op.getLeft())
      keys = std::min<double>(keys, *op.getLeft() + 1);
    work.macs += queries * keys * (e["N"] + e["P"]);
    work.exps += queries * keys;
    if (!isKernel)
      work.cachedBytes += 4 * width * queries * keys;
  }

  void count(ssm::LongConvOp op) {
    // What is not known is as long as the sequence.
    auto timeOf = [&](Value value) -> double {
      if (!value)
        return 0;
      int64_t steps =
          cast<ShapedType>(value.getType()).getShape().take_back(2)[0];
      return ShapedType::isDynamic(steps) ? e["L"] : steps;
    };
    double length = e["L"] + timeOf(op.getState());
    double width = timeOf(op.getK()), later = timeOf(op.getAhead());
    double rows = e["B"], channels = e["D"];
    if (strategy == Strategy::Recurrent) {
      bool isRing = op.getCircular();
      double lags = isRing ? width + later
                           : std::min(width, length) + std::min(later, length);
      // Of a kernel as long as the sequence half is beyond its ends.
      if (!isRing && lags > length)
        lags /= 2;
      work.macs += rows * e["L"] * lags * channels;
      work.parts = rows * std::ceil(channels / machine.lanes);
      // Element by element: eight times as long with a kernel's share.
      if (isRing)
        work.macs *= 8;
      if (!isKernel)
        work.columns = 1;
      return;
    }
    if (op.getCircular())
      width = later = e["L"];
    bool isShared = cast<ShapedType>(op.getK().getType()).getRank() == 2;
    double kernels = 0;
    bool isKnown = !op.getState() && !op.getCircular();
    int64_t block =
        isKnown ? chooseBlock(op) : chooseBlock(length, width, later);
    double macs = countFourier(length, width, later, block, kernels);
    work.macs += channels * (rows * macs + (isShared ? 1 : rows) * kernels);
    work.parts = std::ceil(channels / machine.lanes);
    if (!isKernel) {
      // A loop over all numbers for each halving.
      work.ops = 4 * std::log2(std::max(2.0, length));
      work.loops = work.ops;
      work.macs *= 4;
      work.columns = fullColumns / 4;
    }
  }

  void count(ssm::SelectiveScanOp op) {
    double states = e["B"] * e["L"] * e["D"] * e["N"];
    double columns = 1;
    if (strategy == Strategy::Dense) {
      columns = e["L"];
      work.macs += e["B"] * e["L"] * e["L"] * e["D"];
      work.cachedBytes += e["B"] * e["L"] * e["L"] * e["D"] * 2 * width;
    }
    work.macs += columns * 4 * states;
    work.exps += columns * states;
    // Kernels take a vector of channels at a time.
    double blocks = e["B"] * std::ceil(e["D"] / machine.lanes);
    work.parts =
        isKernel ? blocks
                 : 4 * columns * e["B"] * e["D"] * e["N"] / machine.opsOfPart;
    if (strategy == Strategy::AssociativeScan) {
      // The op twice, in pieces, and the products of their decays.
      double pieces = std::max(1.0, std::floor(e["L"] / chunk));
      work.macs *= 2;
      work.exps *= 2;
      work.exps += states / chunk;
      work.macs += e["B"] * e["L"] * e["D"];
      work.bytes *= 2;
      work.parts = blocks * pieces;
      work.loops = 6;
      work.ops = 8 + 2 * pieces;
    }
    if (!runsKernel(op, strategy))
      work.cachedBytes += columns * 3 * width * states;
  }

  /// Chains of a scan over `steps` of `before` x `behind` rows: a vector of
  /// rows is one, and a row where they do not fill a vector.
  double chains(double before, double behind, bool isLast) {
    double rows = isLast ? before : behind;
    double of = isLast ? 1 : before;
    double full = std::floor(rows / machine.lanes);
    double left = rows - full * machine.lanes;
    return of * (full + (isLast ? left : left > 0));
  }

  void count(ssm::ScanOp op) {
    int64_t axis = op.getDimension();
    auto type = cast<ShapedType>(op.getH().getType());
    double before = 1, behind = 1, length = e["L"];
    for (int64_t i = 0; i < type.getRank(); ++i)
      if (i != axis)
        (i < axis ? before : behind) *= e["D" + std::to_string(i)];
    bool isLast = axis == type.getRank() - 1;
    double elements = before * behind * length, width = widthOf(op.getH());
    if (strategy == Strategy::Dense) {
      work.macs += elements * 2 * length;
      work.cachedBytes += 3 * width * elements * length;
      return;
    }
    auto partsOf = [&](double rows) {
      return isLast ? std::ceil(rows / machine.lanes)
                    : rows * std::ceil(behind / scanColumns);
    };
    if (strategy == Strategy::Recurrent) {
      work.macs += elements;
      work.chain += length * chains(before, behind, isLast);
      work.parts =
          isKernel ? partsOf(before) : elements / length / machine.opsOfPart;
      return;
    }
    // Two scans of the pieces, their products, and a scan of what they give.
    double pieces = std::max(1.0, std::floor(length / chunk));
    work.parts = partsOf(before * pieces);
    work.loops = 4;
    work.ops = 8 + 2 * pieces;
    work.macs += 3 * elements;
    work.cachedBytes += 5 * width * elements;
    work.bytes += 2 * width * elements;
    work.chain +=
        2 * std::min(chunk, length) * chains(before * pieces, behind, isLast) +
        elements / machine.lanes / 4 + pieces * chains(before, behind, isLast) +
        std::fmod(length, chunk) * chains(before, behind, isLast);
  }

  /// Multiply-adds, ops and bytes of one application of the combiner.
  void countStep(ssm::AssociativeScanOp op, double &macs, double &ops) {
    auto elements = [](ArrayRef<int64_t> extents) {
      double product = 1;
      for (int64_t extent : extents)
        product *= ShapedType::isDynamic(extent) ? 64 : extent;
      return product;
    };
    auto weight = [&](Operation *nested) {
      return isa<math::MathDialect>(nested->getDialect()) ? machine.macsPerExp
                                                          : 1;
    };
    for (Operation &nested : op.getStep().front().without_terminator()) {
      if (auto linalgOp = dyn_cast<linalg::LinalgOp>(nested)) {
        double body = 0;
        for (Operation &part : linalgOp.getBlock()->without_terminator())
          body += weight(&part);
        macs += body * elements(linalgOp.getStaticLoopRanges());
      } else if (nested.getNumResults() == 1) {
        if (auto type = dyn_cast<RankedTensorType>(nested.getResultTypes()[0]))
          macs += weight(&nested) * elements(type.getShape());
      }
      ++ops;
    }
  }

  void count(ssm::AssociativeScanOp op) {
    double length = e["L"], macs = 0, ops = 0, states = 0;
    countStep(op, macs, ops);
    bool areKnown = true;
    for (auto [i, value] : llvm::enumerate(op.getStates())) {
      unsigned operand = 2 * op.getXs().size() + i;
      states += width * elementsOf(op, operand, e);
      areKnown &= cast<ShapedType>(value.getType()).hasStaticShape();
    }
    double pieces = std::ceil(length / chunk);
    double steps = length;
    if (strategy == Strategy::Recurrent || pieces < 2) {
      work.parts = macs / machine.opsOfPart;
      work.loops = length * ops;
    } else {
      // All but the last piece, then all but the first, of full length.
      steps = 2 * chunk * (pieces - 1) + pieces;
      work.parts = areKnown ? pieces - 1 : 1;
      work.loops = 2;
    }
    work.macs += steps * macs;
    work.cachedBytes += steps * 4 * states;
    work.ops += steps * (ops + 2) / parallelism(work.parts, machine);
  }
};
} // namespace

bool ssmc::hasKernel(Operation *op, Strategy strategy) {
  return isCpuKernel(op->getName().getStringRef(), strategy) && !isDouble(op);
}

Work ssmc::countWork(Operation *op, Strategy strategy, int64_t chunk,
                     const Extents &extents, const Machine &machine) {
  Counter counter{extents,  machine,
                  strategy, hasKernel(op, strategy),
                  0,        isDouble(op) ? 8.0 : 4.0,
                  {}};
  counter.chunk = std::max<double>(1, extents["L"]);
  if (chunk > 0)
    counter.chunk = std::min<double>(counter.chunk, chunk);
  counter.work.bytes = bytesOf(cast<ssm::MixerOpInterface>(op), extents);
  llvm::TypeSwitch<Operation *>(op)
      .Case<ssm::SemiseparableOp, ssm::DeltaRuleOp, ssm::QuasiseparableOp,
            ssm::SelectiveScanOp, ssm::ScanOp, ssm::AssociativeScanOp,
            ssm::AttentionOp, ssm::LongConvOp>(
          [&](auto op) { counter.count(op); });
  return counter.work;
}

double ssmc::estimateCycles(const Work &work, Operation *op, Strategy strategy,
                            const Machine &machine) {
  double share = runsKernel(op, strategy)
                     ? kernelShare
                     : loopShare * std::min(1.0, work.columns / fullColumns);
  if (isDouble(op))
    share /= 2;
  double arithmetic = (work.macs + work.exps * machine.macsPerExp) /
                      (machine.macsPerCycle * share);
  double memory = work.bytes / machine.bytesPerCycle +
                  work.cachedBytes / machine.cachedBytesPerCycle;
  double busy = parallelism(work.parts, machine);
  double start = busy > 1 ? work.loops * machine.cyclesToStart : 0;
  return std::max({arithmetic, memory, work.chain * machine.latency}) / busy +
         work.ops * machine.cyclesOfOp + start;
}
