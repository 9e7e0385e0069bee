//===- Operator.h - the operator table --------------------------*- C++ -*-===//
//
// What the compiler knows of an ONNX operator stands in one place: its domain,
// name and versions, its shape rule, its value, its lowering. There is one
// source file per family of operators; each adds its rows with a
// `void registerXOperators(OperatorTable &)`.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/onnx/OnnxOps.h"
#include "lib/Eval/Tensor.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {

class Evaluator;

/// Element type and extents of a value. An extent is an affine expression over
/// the symbols of the module (`onnx.symbols`); a static one is a constant.
struct ValueShape {
  mlir::Type elementType;
  llvm::SmallVector<mlir::AffineExpr> dims;
};

/// The shape rule's view of a node. Implemented by the inference driver.
class InferContext {
public:
  virtual ~InferContext() = default;
  mlir::onnx::NodeOp node;

  mlir::MLIRContext *getContext() const { return node->getContext(); }
  /// Shape of input `i`; call only where `node.hasInput(i)`.
  virtual const ValueShape &input(unsigned i) const = 0;
  /// The elements of a small integer input (at most 64, rank 0 or 1) where
  /// they are known as expressions over the symbols: shape arithmetic.
  virtual std::optional<llvm::ArrayRef<mlir::AffineExpr>>
  elements(unsigned i) const = 0;
  /// The value of an input that is a constant; null otherwise.
  virtual mlir::ElementsAttr constant(unsigned i) const = 0;
  /// The elements of a constant integer input.
  std::optional<llvm::SmallVector<int64_t>> constantInts(unsigned i) const;

  /// The one element of a constant input of any numeric type.
  std::optional<double> constantNumber(unsigned i) const;

  virtual void setResult(unsigned i, mlir::Type elementType,
                         llvm::ArrayRef<mlir::AffineExpr> dims) = 0;
  /// The elements of a small integer result.
  virtual void setElements(unsigned i,
                           llvm::ArrayRef<mlir::AffineExpr> elements) = 0;
  /// An extent that only the data decides, as a new symbol.
  virtual mlir::AffineExpr freshSymbol(llvm::StringRef hint) = 0;
  /// States that two extents must be equal for the node to be valid, where
  /// they are not both constant. Symbols of the inputs that must be equal
  /// become one symbol, so that it is checked when inputs are bound.
  virtual void requireEqual(mlir::AffineExpr a, mlir::AffineExpr b) = 0;
  /// Infers region `region` of the node with its arguments' shapes given;
  /// returns the shapes of what it yields.
  virtual mlir::FailureOr<llvm::SmallVector<ValueShape>>
  inferRegion(unsigned region, llvm::ArrayRef<ValueShape> arguments) = 0;
  /// What the rule of this node found out when it visited the node before. A
  /// node in the body of a loop is visited again and again: a rule that starts
  /// from scratch each time takes time exponential in the depth of loops.
  virtual llvm::DenseSet<int64_t> &notes() = 0;

  mlir::AffineExpr constantDim(int64_t value) const;
  /// Emits "<op>: message" at the node, and fails.
  mlir::LogicalResult error(const llvm::Twine &message);

  /// The elements of input `i` as expressions, whether it is a constant or
  /// shape arithmetic. Nothing where it is neither, or not of integers.
  std::optional<llvm::SmallVector<mlir::AffineExpr>>
  knownElements(unsigned i) const;
};

/// The evaluator's view of a node.
class EvalContext {
public:
  EvalContext(mlir::onnx::NodeOp node, llvm::ArrayRef<Tensor> inputs,
              Evaluator &evaluator)
      : node(node), inputs(inputs), evaluator(evaluator),
        results(node->getNumResults()) {}

  mlir::onnx::NodeOp node;
  llvm::ArrayRef<Tensor> inputs; // null where left out
  Evaluator &evaluator;
  llvm::SmallVector<Tensor> results;

  bool has(unsigned i) const {
    return i < inputs.size() && !inputs[i].isNull();
  }
  /// Makes result `i` a tensor of zeros. Null, with the error reported, where
  /// the shape is not one the evaluator can hold.
  Tensor *makeResult(unsigned i, mlir::Type elementType,
                     llvm::ArrayRef<int64_t> shape);
  /// The same of elements that are all to be written.
  Tensor *makeUninitialized(unsigned i, mlir::Type elementType,
                            llvm::ArrayRef<int64_t> shape);
  mlir::LogicalResult error(const llvm::Twine &message);
};

/// `axis` of an operand of rank `rank`, counted from the end where negative.
/// Nothing where it is beyond the rank.
std::optional<int64_t> normalizeAxis(int64_t axis, int64_t rank);

/// The lowering's view of a node: operands are tensors without encodings.
class LowerContext {
public:
  virtual ~LowerContext() = default;
  mlir::onnx::NodeOp node;
  mlir::OpBuilder &builder;
  LowerContext(mlir::onnx::NodeOp node, mlir::OpBuilder &builder)
      : node(node), builder(builder) {}

  mlir::Location loc() const { return mlir::onnx::NodeOp(node).getLoc(); }
  /// Converted operand; a null value where the input is left out.
  virtual mlir::Value input(unsigned i) const = 0;
  /// The value of an input that is a constant; null otherwise.
  virtual mlir::ElementsAttr constant(unsigned i) const = 0;
  /// The elements of a small integer input where they are known as
  /// expressions over the symbols.
  virtual std::optional<llvm::SmallVector<mlir::AffineExpr>>
  knownElements(unsigned i) const = 0;
  /// Type of result `i` without its encoding: dynamic where not static.
  virtual mlir::RankedTensorType resultType(unsigned i) const = 0;
  /// The value of an expression over the symbols at run time, as a constant or
  /// index value; null where it is only known when this node has run.
  virtual mlir::OpFoldResult materialize(mlir::AffineExpr expr) = 0;
  /// Extent `d` of result `i` at run time, likewise.
  virtual mlir::OpFoldResult resultDim(unsigned i, unsigned d) = 0;
  /// Lowers the ops of region `region` at the insertion point of `builder`,
  /// its arguments being `arguments`; returns the values it yields.
  virtual mlir::FailureOr<llvm::SmallVector<mlir::Value>>
  lowerRegion(unsigned region, mlir::ValueRange arguments,
              mlir::OpBuilder &builder) = 0;
  /// An empty tensor of the shape of result `i`.
  virtual mlir::Value emptyResult(unsigned i) = 0;
  virtual void setResult(unsigned i, mlir::Value value) = 0;
  mlir::LogicalResult error(const llvm::Twine &message);
};

/// A row of the table. Versions are operator sets: the row holds for nodes of
/// a version from `since` up to the next row of the same name.
struct Operator {
  /// No upper bound on the number of inputs or outputs.
  static constexpr unsigned kAny = ~0u;

  llvm::StringRef domain; // "" is ai.onnx
  llvm::StringRef name;
  int64_t since = 1;
  mlir::LogicalResult (*infer)(InferContext &) = nullptr;
  mlir::LogicalResult (*evaluate)(EvalContext &) = nullptr;
  /// Null: the node must have been folded or rewritten before lowering.
  mlir::LogicalResult (*lower)(LowerContext &) = nullptr;
  /// The first `minInputs` inputs must be there; those after them may be left
  /// out. The rules rely on it.
  unsigned minInputs = 1, maxInputs = 1;
  unsigned minOutputs = 1, maxOutputs = 1;

  /// Checks the numbers of inputs and outputs of a node and that the required
  /// ones are there. On failure `message` says what is wrong.
  mlir::LogicalResult checkArity(mlir::onnx::NodeOp node,
                                 std::string &message) const;
};

class OperatorTable {
public:
  void add(const Operator &op);
  /// The row for a node, or null.
  const Operator *find(llvm::StringRef domain, llvm::StringRef name,
                       int64_t version) const;
  const Operator *find(mlir::onnx::NodeOp node) const {
    return find(node.getDomain(), node.getOpType(), node.getVersion());
  }
  /// All rows, for documentation and tests.
  llvm::SmallVector<const Operator *> all() const;
  /// The table with every family; built once, never changed.
  static const OperatorTable &get();

private:
  llvm::StringMap<llvm::SmallVector<Operator>> rows;
};

} // namespace ssmc
