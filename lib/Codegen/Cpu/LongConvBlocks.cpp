//===- LongConvBlocks.cpp - blocks of a convolution by transforms ---------===//

#include "lib/Codegen/Cpu/LongConvBlocks.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

/// What takes as long as these multiply-adds of the op lag by lag, as measured
/// by benchmarks/cpu/long_conv.py: halving the ring of one complex number, a
/// product of two, and one more walk through memory where a column takes two
/// divisions.
static constexpr double macsOfHalving = 3.8, macsOfProduct = 7.2,
                        macsOfWalk = 17;
static constexpr int64_t leastBlock = 128, mostBlock = 4096,
                         mostInOneWalk = 512;
/// Where extents are not known: sequences of some hundred steps fill it, too.
static constexpr int64_t unknownBlock = 512;

static double macsOfTransform(double n) {
  double walk = n > mostInOneWalk ? macsOfWalk : 0;
  return n * (std::log2(n) * macsOfHalving + walk);
}

double ssmc::countFourier(double length, double width, double later,
                          int64_t block, double &kernels) {
  double n = block, blocks = std::max(1.0, std::ceil(length / n));
  double before = std::min(std::ceil(later / n), blocks - 1);
  double behind = std::min(std::ceil(width / n), blocks - 1);
  kernels = (before + behind + 1) * macsOfTransform(n);
  // Blocks of y by those of x, without the corners that no lag reaches.
  double out = blocks - 1 - behind, ahead = blocks - 1 - before;
  double products =
      blocks * blocks - out * (out + 1) / 2 - ahead * (ahead + 1) / 2;
  return 2 * blocks * macsOfTransform(n) + products * n * macsOfProduct;
}

int64_t ssmc::chooseBlock(ssm::LongConvOp op) {
  auto timeOf = [](Value value) {
    return cast<ShapedType>(value.getType()).getShape().take_back(2)[0];
  };
  int64_t length = timeOf(op.getX()), width = timeOf(op.getK());
  int64_t later = op.getAhead() ? timeOf(op.getAhead()) : 0;
  if (ShapedType::isDynamic(length) || ShapedType::isDynamic(width) ||
      ShapedType::isDynamic(later))
    return unknownBlock;
  return chooseBlock(length, width, later);
}

int64_t ssmc::chooseBlock(double length, double width, double later) {
  int64_t best = leastBlock;
  double least = HUGE_VAL;
  for (int64_t block = leastBlock; block <= mostBlock; block *= 2) {
    double kernels, macs = countFourier(length, width, later, block, kernels);
    if (macs + kernels < least) {
      best = block;
      least = macs + kernels;
    }
  }
  return best;
}

int64_t ssmc::macsOfBlock(int64_t block) {
  return std::llround(macsOfTransform(block));
}
