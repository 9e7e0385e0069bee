//===- LinalgKernel.h - runs a structured op on tensors ---------*- C++ -*-===//
//
// A structured op is compiled once to a list of lane ops over registers, and
// run as often as the loop around it turns. One parallel loop is the lanes; the
// others are counted through around it.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Eval/LaneOps.h"
#include "lib/Eval/Tensor.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace ssmc {

class LinalgKernel {
public:
  /// Compiles the op. On failure `error` says why.
  mlir::LogicalResult compile(mlir::linalg::LinalgOp op, std::string &error);

  /// Values from outside that the body uses, in the order in which `run` wants
  /// them: scalars, and tensors that elements are extracted from.
  llvm::ArrayRef<mlir::Value> getCaptures() const { return captures; }

  /// Runs on the operands of the op. The destinations, its last operands, are
  /// overwritten.
  mlir::LogicalResult run(llvm::MutableArrayRef<Tensor> operands,
                          llvm::ArrayRef<Tensor> captured, std::string &error);

private:
  struct Instruction {
    LaneOp op;
    unsigned out;
    llvm::SmallVector<unsigned, 3> in;
    /// The capture that `tensor.extract` reads at the indices `in`.
    std::optional<unsigned> table;
  };
  static mlir::LogicalResult extract(const Tensor &table, Lane *out,
                                     llvm::ArrayRef<const Lane *> in,
                                     int64_t count, std::string &error);
  /// How an operand is addressed: its offset is the sum over the loops of
  /// stride * index, and of table[index] where that is not linear.
  struct Access {
    llvm::SmallVector<int64_t, 4> strides;
    llvm::SmallVector<std::vector<int64_t>, 4> tables;
    int64_t base = 0;
    bool hasTables() const {
      return llvm::any_of(tables, [](const auto &t) { return !t.empty(); });
    }
  };

  mlir::LogicalResult getExtents(llvm::ArrayRef<Tensor> operands,
                                 llvm::SmallVectorImpl<int64_t> &extents,
                                 std::string &error) const;
  mlir::LogicalResult getAccess(const Tensor &operand, mlir::AffineMap map,
                                llvm::ArrayRef<int64_t> extents, Access &access,
                                std::string &error) const;
  unsigned chooseLanes(llvm::ArrayRef<int64_t> extents) const;
  /// Whether a register may be an operand's own memory, where its lanes follow
  /// each other there.
  bool readsInPlace(unsigned operand) const;
  bool writesInPlace(unsigned result) const;

  llvm::SmallVector<mlir::AffineMap> maps;
  llvm::SmallVector<mlir::utils::IteratorType> iterators;
  unsigned numInputs = 0;
  std::vector<Instruction> program;
  unsigned numRegisters = 0;
  /// Registers of the block's arguments, and whether they are used.
  llvm::SmallVector<bool> argumentUsed;
  llvm::SmallVector<unsigned> yielded;
  llvm::SmallVector<std::pair<unsigned, unsigned>> indices; // register, loop
  llvm::SmallVector<mlir::Value> captures;
  llvm::SmallVector<unsigned> captureRegisters;
};

} // namespace ssmc
