//===- AxisRules.h - how operators carry axis labels ------------*- C++ -*-===//
//
// A rule reads the axes of a node's operands and sets those of its results; it
// says when the node mixes tokens, and which steps of time a slice covers.
// Rules are called only for nodes with an operand that depends on an input,
// and only where all shapes are known.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Raise/AxisAnalysis.h"
#include "llvm/ADT/StringMap.h"

namespace ssmc {

class AxisTransfer {
public:
  AxisTransfer(AxisAnalysis &analysis, mlir::onnx::NodeOp node);

  mlir::onnx::NodeOp node;

  bool has(unsigned i) const { return mlir::onnx::NodeOp(node).hasInput(i); }
  unsigned numInputs() const {
    return mlir::onnx::NodeOp(node).getInputs().size();
  }
  mlir::Value input(unsigned i) const {
    return mlir::onnx::NodeOp(node).getInputs()[i];
  }
  llvm::ArrayRef<int64_t> shape(unsigned i) const;
  const ValueAxes &axes(unsigned i) const;
  TokenClass tokenClass(unsigned i) const {
    return analysis.getClass(input(i));
  }
  bool isConstant(unsigned i) const {
    return tokenClass(i) == TokenClass::Constant;
  }
  const KindSteps &steps(unsigned i) const {
    return analysis.stepsOf(input(i));
  }
  /// The elements of an input of integers that no input of the graph reaches.
  std::optional<llvm::SmallVector<int64_t>> ints(unsigned i,
                                                 int64_t limit = 4096) const;
  /// Elements of input `i`, or where the node has none, of attribute `name`:
  /// operators moved their axes from attributes to inputs over time.
  std::optional<llvm::SmallVector<int64_t>> intsOrAttr(unsigned i,
                                                       llvm::StringRef name);
  /// Whether input `i` is a constant whose elements say how far positions
  /// along two of its axes, equally long ones, are apart: they are equal along
  /// its diagonals, and not all equal.
  bool showsDistance(unsigned i, size_t rows, size_t columns) const;
  /// ... or which of them come first: a position along one has nothing of those
  /// behind it along the other, or nothing of those before it.
  bool showsOrder(unsigned i, size_t rows, size_t columns) const;
  /// Whether input `i` is a constant matrix that gives a sequence again where
  /// it is multiplied along one: a square one the same; any other its spectrum,
  /// or what a spectrum is of. Of a sequence that is not known to be one it is
  /// seen that it transforms.
  bool isAlong(unsigned i, size_t rows, size_t columns, const Digits &sequence);
  /// ... whether it consists of waves, or of exponentials, along either axis.
  bool showsWaves(unsigned i, size_t rows, size_t columns) const;
  llvm::ArrayRef<int64_t> resultShape(unsigned i) const;
  /// Of all of `kind`, whose digits may be pieces of it.
  int64_t extentOf(AxisKind kind) const { return analysis.extentOf(kind); }
  int64_t rank(unsigned i) const { return shape(i).size(); }
  /// Normalises a possibly negative axis; -1 where it is out of range.
  static int64_t axisOf(int64_t axis, int64_t rank);

  void set(unsigned result, ValueAxes axes) {
    results[result] = std::move(axes);
  }
  /// Takes the labels of input `i` for the axes whose extents agree, position
  /// by position.
  void setLike(unsigned result, unsigned i);
  void mix() { mixed = true; }
  /// What operators do to sequences alone is done along the axis.
  void treatAsSequence(const Digits &axis);
  /// The positions along the axis are compared with each other.
  void compare(const Digits &axis);
  /// Position i of one axis is computed with position i of the other. False
  /// where they are known to be of different kinds.
  bool meet(const Digits &a, const Digits &b);
  /// The digit of an axis of `count` pieces, of which piece i is what step i of
  /// every kind in `kinds` has made.
  Digit gather(llvm::ArrayRef<AxisKind> kinds, int64_t count, int64_t width,
               bool chained) {
    return analysis.gather(kinds, count, width, chained);
  }
  /// An axis gets another extent. True where it is plainly one of time; any
  /// other has no label then, and mixes if it had one.
  bool resizesTime(Digits &axis, int64_t extent);
  /// Result `result` holds the tokens `first` to `last` of operand `i`, cut
  /// along digit `digit` of it; noted if that is the outermost time digit.
  void covers(unsigned result, unsigned i, const Digit &digit, int64_t begin,
              int64_t end);
  /// One axis of a result from those of several operands aligned with it.
  Digits join(llvm::ArrayRef<const Digits *> candidates, int64_t extent);
  /// The axes of operands broadcast together to `shape`.
  ValueAxes broadcast(llvm::ArrayRef<unsigned> operands,
                      llvm::ArrayRef<int64_t> shape);

  /// A write of slab `index` along `axis` into a buffer (operand 0).
  void fill(int64_t axis, int64_t index, unsigned updates);

private:
  friend class AxisAnalysis;
  AxisAnalysis &analysis;
  bool mixed = false;
  llvm::SmallVector<ValueAxes> results;
  llvm::SmallVector<KindSteps> spans;
  AxisAnalysis::Filling filling;
};

using AxisRule = void (*)(AxisTransfer &);
using AxisRuleTable = llvm::StringMap<AxisRule>;
void registerElementwiseAxisRules(AxisRuleTable &table);
/// The operands that meet element by element in the result of a node, aligned
/// from the right; none where it does not work so.
mlir::MutableArrayRef<mlir::OpOperand> getAlignedOperands(mlir::onnx::NodeOp);
void registerShapeAxisRules(AxisRuleTable &table);
void registerIndexAxisRules(AxisRuleTable &table);
void registerGatherNDAxisRules(AxisRuleTable &table);
void registerReductionAxisRules(AxisRuleTable &table);
void registerContractionAxisRules(AxisRuleTable &table);

} // namespace ssmc
