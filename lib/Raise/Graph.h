//===- Graph.h - a read-only view of one graph at fixed sizes ---*- C++ -*-===//
//
// Raising asks the same few questions of every node many times: its place in
// topological order, static extents of its values, whether a value depends on
// the data of an input, the value of one that does not. This view
// answers them in constant time. Symbolic extents are bound to small numbers,
// so that a graph whose batch is free is analysed like a traced one. Extents
// that nodes compute from those of the inputs - the first of so many chunks, as
// far as there is one - follow from a copy of the graph at these numbers.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "lib/Eval/Evaluator.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringSet.h"

#include <mutex>

namespace ssmc {

class Graph {
public:
  /// Lengths that no input fixes are `stretch` longer than by default. Symbols
  /// in `lengths` are lengths wherever they stand.
  explicit Graph(mlir::func::FuncOp func, int64_t stretch = 0,
                 const llvm::StringSet<> &lengths = {});
  /// With some symbols bound to what they are `given`.
  Graph(mlir::func::FuncOp func, const llvm::StringMap<int64_t> &given)
      : Graph(func, 0, {}, given) {}

  /// A `stretch` at which the nodes of a graph are valid, as far as extents
  /// tell: one that is cut into chunks of 64 has no length of 16. The least of
  /// some; 0 where there is none.
  static int64_t findStretch(mlir::func::FuncOp func,
                             const llvm::StringSet<> &lengths = {});
  /// True where no node forbids the extents under the binding.
  bool isValid() const { return valid; }

  mlir::func::FuncOp getFunc() const { return func; }
  /// The ops of the body in order, which is topological, without the return.
  llvm::ArrayRef<mlir::Operation *> getNodes() const { return nodes; }
  /// Position in `getNodes`, or -1 for the terminator and nested ops.
  int64_t indexOf(mlir::Operation *op) const;

  /// The extents under the binding; nothing where they are not known.
  std::optional<llvm::ArrayRef<int64_t>> getShape(mlir::Value value) const;
  /// True where the data of a graph input can reach the value. Extents of an
  /// input are not data.
  bool dependsOnInput(mlir::Value value) const {
    return dependent.contains(value);
  }
  /// The value of something that no input's data reaches. Computed once, for
  /// all threads.
  mlir::FailureOr<Tensor> evaluateConstant(mlir::Value value) const;
  /// The same, and what was computed for it is not kept: of large tables.
  mlir::FailureOr<Tensor> evaluateOnce(mlir::Value value) const;
  /// An expression of the module's symbols under their bindings.
  std::optional<int64_t> getExtent(mlir::AffineExpr extent) const;
  /// What symbol `name` is bound to.
  int64_t getBinding(llvm::StringRef name) const;
  /// Gives an evaluator all symbols.
  void bindSymbols(Evaluator &evaluator) const;

private:
  Graph(mlir::func::FuncOp func, int64_t stretch,
        const llvm::StringSet<> &lengths,
        const llvm::StringMap<int64_t> &given);
  void chooseBindings(int64_t stretch, const llvm::StringSet<> &lengths);
  bool learnInnerSymbols();
  /// The extents of a type under the binding.
  std::optional<llvm::SmallVector<int64_t, 4>> bindType(mlir::Type type) const;
  void bindExtents(mlir::onnx::NodeOp node);

  mlir::func::FuncOp func;
  std::vector<mlir::Operation *> nodes;
  llvm::DenseMap<mlir::Operation *, int64_t> indices;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int64_t, 4>> shapes;
  llvm::DenseSet<mlir::Value> dependent;
  llvm::StringMap<int64_t> bindings;
  bool valid = true;
  /// Regions are checked by several threads.
  mutable std::mutex constantsMutex;
  mutable Evaluator constants;
};

} // namespace ssmc
