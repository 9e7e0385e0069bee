//===- LongConvBlocks.h - blocks of a convolution by transforms -*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace ssmc {

/// Multiply-adds, for a channel and row of the batch, of a convolution of
/// `length` steps with a kernel of `width` lags and `later` lags ahead, in
/// blocks of `block` steps by transforms; those of the kernel's transforms are
/// `kernels`.
double countFourier(double length, double width, double later, int64_t block,
                    double &kernels);

/// Multiply-adds of one transform.
int64_t macsOfBlock(int64_t block);

/// The block for which that is least; of extents that are not known, an
/// assumption.
int64_t chooseBlock(double length, double width, double later);
int64_t chooseBlock(mlir::ssm::LongConvOp op);

} // namespace ssmc
