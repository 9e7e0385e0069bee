//===- Attention.h - the parts of ssm-lower-attention -----------*- C++ -*-===//

#pragma once

#include "lib/Codegen/Cpu/AttentionScores.h"

namespace ssmc {

/// Query heads of a key head.
inline int64_t getSharing(mlir::ssm::AttentionOp op) {
  return extentOf(op.getQ(), 2) / extentOf(op.getK(), 2);
}

/// Runs `body` on 0, lanes, 2 lanes, ... below `total`, with the lanes and the
/// number of elements there; code for whole vectors is a loop.
void forEachVector(
    KernelBuilder &b, int64_t total,
    llvm::function_ref<void(mlir::Value at, Lanes some, int64_t count)> body);
/// The same with a value that is carried along.
mlir::Value sumVectors(
    KernelBuilder &b, int64_t total, mlir::Value sum,
    llvm::function_ref<mlir::Value(mlir::Value at, Lanes some, mlir::Value sum)>
        body);

/// Queries of a block, at most.
int64_t attentionBlockQueries(mlir::ssm::AttentionOp op);
/// Floats of scratch that a block takes, about.
int64_t attentionBlockScratch(mlir::ssm::AttentionOp op);
/// Attention of the block of queries from `firstQuery` on, for all heads that
/// share the key head `group`.
void emitAttentionBlock(KernelBuilder &b, mlir::ssm::AttentionOp op,
                        AttentionScores &scores, mlir::Value batch,
                        mlir::Value group, mlir::Value firstQuery);

/// The same for the only query of each batch row, of all heads, where few share
/// a key head.
bool hasAttentionOfOne(mlir::ssm::AttentionOp op);
void emitAttentionOfOne(KernelBuilder &b, mlir::ssm::AttentionOp op,
                        AttentionScores &scores);

} // namespace ssmc
