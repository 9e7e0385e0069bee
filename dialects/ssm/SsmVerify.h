//===- SsmVerify.h - what the verifiers of all ssm ops share ----*- C++ -*-===//
//
// A label like scan_c2 in a verifier names the constraint of the op's
// description that the line below it enforces; test/dialects/ssm/invalid has a
// case for each.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "dialects/ssm/SsmOps.h"

namespace mlir::ssm {

inline ShapedType shaped(Value value) {
  return cast<ShapedType>(value.getType());
}
inline Type element(Value value) { return shaped(value).getElementType(); }

/// Names one of a list of operands that the assembly does not name: xs[2].
std::string numbered(StringRef name, size_t i);

/// All operands are tensors or all are buffers.
LogicalResult verifyOneKind(MixerOpInterface op);
/// Operands have the ranks of the op's shape, and equal extents agree.
LogicalResult verifyExtents(MixerOpInterface op);
/// Flags are i1, indices i32 or i64, all other operands floats; no wider than
/// `widest`, if there is an operand in whose element type arithmetic is done.
LogicalResult verifyFloats(MixerOpInterface op,
                           std::optional<unsigned> widest = std::nullopt);

} // namespace mlir::ssm
