//===- SsmDecomposition.h - helpers of the decompositions -------*- C++ -*-===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace mlir::ssm {

/// Where a piece of time lies, and how long it is.
struct Piece {
  OpFoldResult first, size;
};

/// Builds the decomposition of one op.
class Decomposition {
public:
  Decomposition(OpBuilder &b, Location loc) : b(b), loc(loc) {}

  Value constant(int64_t value);
  Value dim(Value tensor, int64_t axis);

  /// `for t = from .. length-1`, carrying `inits`; from 0 where `from` is null.
  /// `step` gets t and the carried values and returns their new ones.
  SmallVector<Value>
  loop(Value length, ValueRange inits,
       function_ref<SmallVector<Value>(Value, ValueRange)> step,
       Value from = {});
  /// The index of step t along a sequence: t, or length-1-t.
  Value at(Value t, Value length, bool reversed);

  /// The slice of a tensor at an index of one axis, without that axis.
  Value slice(Value tensor, int64_t axis, Value index);
  /// A tensor with that slice replaced.
  Value insert(Value source, Value tensor, int64_t axis, Value index);

  /// Whether time is one piece, as with size 0 and where it is known to be short.
  static bool isOnePiece(Value length, int64_t size);
  /// Time in pieces of `size` steps, then what is left, or that first; with
  /// size 0, as one piece. With `reversed` the first piece is the last in
  /// memory.
  SmallVector<Value>
  chunks(Value length, int64_t size, bool reversed, ValueRange inits,
         function_ref<SmallVector<Value>(const Piece &, ValueRange)> step,
         bool restFirst = false);
  /// The piece of a tensor along one axis.
  Value part(Value tensor, int64_t axis, const Piece &piece);
  /// A tensor with that piece replaced.
  Value insertPart(Value source, Value tensor, int64_t axis,
                   const Piece &piece);

  /// linalg.generic over `iterators` (reduction where a dimension is in
  /// `reductions`). Each operand has the list of its dimensions; the last
  /// `numOuts` operands are the destinations.
  using Operand = std::pair<Value, AffineMap>;
  SmallVector<Value>
  map(ArrayRef<Operand> operands, unsigned numOuts, unsigned numLoops,
      ArrayRef<unsigned> reductions,
      function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange)> body);
  /// The product of two operands, in the third or, without one, in place of the
  /// second; computed in the element type of that.
  Value multiply(ArrayRef<Operand> operands, unsigned numLoops);
  /// The products of all operands but the last, summed up over `reductions` and
  /// added to that; computed in its element type.
  Value addProducts(ArrayRef<Operand> operands, unsigned numLoops,
                    ArrayRef<unsigned> reductions);
  /// The map that picks these dimensions.
  AffineMap dims(unsigned numLoops, ArrayRef<unsigned> picked);

  /// The map that picks these dimensions, the second of them, a head, divided
  /// by the number of heads that share one.
  AffineMap sharedHeads(unsigned numLoops, ArrayRef<unsigned> picked,
                        int64_t sharing);

  /// `value` in the element type of `like`, of the same shape.
  Value convert(Value value, Value like);
  /// A new tensor like `tensor` with another element type.
  Value emptyLike(Value tensor, Type elementType);
  Value fillZero(Value tensor);

private:
  OpBuilder &b;
  Location loc;
};

/// Converts between float types; other types must be equal.
Value convertFloat(OpBuilder &b, Location loc, Value value, Type type);
/// The type in which an op without a state computes: f64 if an operand has it,
/// else f32.
Type widestFloat(Operation *op);
/// Sum and product of floats, integers or complex numbers.
Value addNumbers(OpBuilder &b, Location loc, Value x, Value y);
Value mulNumbers(OpBuilder &b, Location loc, Value x, Value y);
/// x * sigmoid(x).
Value silu(OpBuilder &b, Location loc, Value x);

} // namespace mlir::ssm
