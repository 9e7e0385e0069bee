//===- SsmStrategy.h - the strategies of the mixers -------------*- C++ -*-===//
//
// An op says what it computes, a strategy how. SsmStrategies.def declares which
// op has which; a lowering of each is a function on tensors, from which targets
// go on.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace mlir::ssm {

/// The discardable attribute that says how an op is to be computed.
inline constexpr llvm::StringLiteral kStrategyAttr = "ssm.strategy";

/// The strategies of a kind of op ("ssm.scan"), in order of preference.
llvm::SmallVector<Strategy> getStrategies(llvm::StringRef opName);
/// Those that this op can be computed by.
llvm::SmallVector<Strategy> getStrategies(Operation *op);
/// Why this op cannot be computed so; empty if it can.
std::string whyNotApplicable(Operation *op, Strategy strategy);
/// "recurrent, chunked"
std::string listStrategies(llvm::ArrayRef<Strategy> strategies);
/// Names of all kinds of ops that have strategies: "ssm.scan", ...
llvm::SmallVector<llvm::StringRef> getMixersWithStrategies();

/// What the op carries; null if nothing.
StrategyAttr getStrategy(Operation *op);

/// Steps of a piece where an attribute names none: enough that products of
/// matrices are worth it. A decay of its own for each key is applied element by
/// element within a piece, so that it is smaller.
int64_t getDefaultChunk(Operation *op, Strategy strategy);

/// The op's results, computed by a strategy that applies. The op is not erased.
/// Fails for an op on buffers.
FailureOr<llvm::SmallVector<Value>> lowerByStrategy(OpBuilder &b, Operation *op,
                                                    StrategyAttr strategy);

// What lowerByStrategy uses; `chunk` is 0 where all of time is one piece.
llvm::SmallVector<Value> lowerInChunks(OpBuilder &b, SemiseparableOp op,
                                       int64_t chunk);
llvm::SmallVector<Value> lowerInChunks(OpBuilder &b, DeltaRuleOp op,
                                       int64_t chunk);
llvm::SmallVector<Value> lowerInChunks(OpBuilder &b, QuasiseparableOp op,
                                       int64_t chunk);
llvm::SmallVector<Value> lowerByAssociativity(OpBuilder &b, ScanOp op,
                                              int64_t chunk);
llvm::SmallVector<Value> lowerByAssociativity(OpBuilder &b, SelectiveScanOp op,
                                              int64_t chunk);
llvm::SmallVector<Value> lowerByAssociativity(OpBuilder &b,
                                              AssociativeScanOp op,
                                              int64_t chunk);
/// With the scores of all queries in memory.
llvm::SmallVector<Value> lowerAtOnce(OpBuilder &b, AttentionOp op);
/// By transforms; an op with a past and one that is a ring by one that is neither
/// and carries the strategy.
llvm::SmallVector<Value> lowerByFft(OpBuilder &b, LongConvOp op);
/// The first result by the matrix, the others, where they are used, by the op.
llvm::SmallVector<Value> lowerByMatrix(OpBuilder &b, Operation *op);

} // namespace mlir::ssm
