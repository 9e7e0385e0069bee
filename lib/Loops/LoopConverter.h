//===- LoopConverter.h - a Loop as a Scan -----------------------*- C++ -*-===//
//
// What becomes of each value that a Loop carries, and of each token that its
// body cuts out of a sequence, is decided first; then the Scan is written.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Loops/Induction.h"
#include "lib/Loops/NodeWriter.h"
#include "lib/Operators/LoopNode.h"

namespace ssmc {

class LoopConverter {
public:
  LoopConverter(const ShapeInference &inference, mlir::onnx::NodeOp loop)
      : inference(inference), loop(loop), parts(*readLoop(loop)),
        body(*parts.body), induction(inference, loop),
        builder(loop->getContext()), writer(builder, loop) {}

  /// True where the loop was replaced, or changed so that shapes are to be
  /// inferred again first.
  bool run();

private:
  /// A tensor to which every iteration adds a piece of a constant extent, or
  /// all of which they write, each another row.
  struct Growing {
    mlir::Value piece;
    int64_t axis, width;
    bool inFront;
    bool replaces = false;
  };
  /// What becomes of something that is carried.
  struct Carried {
    enum { State, Counter, Fixed, Grows } kind = State;
    ssmc::Counter counter{};
    Growing growing{};
  };
  /// A sequence that the body cuts tokens or chunks out of.
  struct Sequence {
    mlir::Value value;
    int64_t axis, first, width;
    bool reverse;
    bool whole;
    bool operator==(const Sequence &other) const {
      return value == other.value && axis == other.axis &&
             first == other.first && width == other.width &&
             reverse == other.reverse;
    }
  };
  struct Read {
    mlir::onnx::NodeOp node;
    unsigned sequence;
    bool keepsAxis;
  };

  bool gatherSlices();
  bool classify();
  std::optional<Growing> readGrowing(unsigned number) const;
  std::optional<Growing> readWritten(unsigned number);
  void findReads();
  std::optional<Sequence> readCut(mlir::onnx::NodeOp node, bool &keepsAxis);
  std::optional<Sequence> makeSequence(mlir::Value value, int64_t axis,
                                       Counter position, int64_t width);
  bool isOutside(mlir::Value value) const {
    return !loop->isAncestor(value.getParentBlock()->getParentOp());
  }
  const ValueShape *shapeOf(mlir::Value value) const {
    return inference.shapeOf(value);
  }
  bool canFinish() const;
  void findLive();
  bool write();
  mlir::Value countOfTrips();
  mlir::Value prepare(const Sequence &sequence);
  void fillBody(mlir::onnx::NodeOp scan, bool counts);
  void replaceResults(mlir::onnx::NodeOp scan);

  const ShapeInference &inference;
  mlir::onnx::NodeOp loop;
  LoopParts parts;
  mlir::Block &body;
  Induction induction;
  mlir::OpBuilder builder;
  NodeWriter writer;
  mlir::AffineExpr trips;
  llvm::SmallVector<Carried> carried;
  llvm::SmallVector<Sequence> sequences;
  llvm::SmallVector<Read> reads;
  /// Nodes of the body that the Scan needs: neither what computes positions of
  /// tokens nor what tensors grow by.
  llvm::DenseSet<mlir::Operation *> live;
};

} // namespace ssmc
