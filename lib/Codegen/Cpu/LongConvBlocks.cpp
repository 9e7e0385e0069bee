//===- LongConvBlocks.cpp - blocks of a convolution by transforms ---------===//

#include "lib/Codegen/Cpu/LongConvBlocks.h"

#include <cmath>

using namespace mlir;
using namespace ssmc;

/// Of a complex number and halving, and of a product of complex numbers, as it
/// waits for memory.
static constexpr double macsOfHalving = 3.5, macsOfProduct = 8;
static constexpr int64_t leastBlock = 128, mostBlock = 4096;
/// What is not known: blocks that sequences of some hundred steps fill, too.
static constexpr int64_t unknownBlock = 1024;

double ssmc::countFourier(double length, double width, double later,
                          int64_t block, double &kernels) {
  double n = block, blocks = std::max(1.0, std::ceil(length / n));
  double before = std::min(std::ceil(later / n), blocks - 1);
  double behind = std::min(std::ceil(width / n), blocks - 1);
  double transform = n * std::log2(n) * macsOfHalving;
  kernels = (before + behind + 1) * transform;
  double products = 0;
  for (double c = 0; c < blocks; ++c)
    products += std::min(c, behind) + 1 + std::min(blocks - 1 - c, before);
  return 2 * blocks * transform + products * n * macsOfProduct;
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
