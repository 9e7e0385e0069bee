//===- Weights.h - the constants of a model ---------------------*- C++ -*-===//

#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <vector>

namespace ssmc {

/// How a constant is packed: the attributes of its linalg.pack, which pads
/// with zeros.
struct PackLayout {
  mlir::Type element; // f32 may be stored as bf16 or f16
  llvm::SmallVector<int64_t> shape; // of the result
  llvm::SmallVector<int64_t> innerDimsPos, innerTiles, outerDimsPerm;
};

struct Weight {
  mlir::ElementsAttr value;
  int64_t offset = 0, bytes = 0;
  std::optional<PackLayout> pack;
};

/// The weight section: its weights in the order of their offsets.
struct WeightSection {
  std::vector<Weight> weights;
  int64_t bytes = 0;
};

/// Reads the module attributes ssm.weights and ssm.weights_bytes, and checks
/// that every weight can be written.
mlir::FailureOr<WeightSection> readWeightSection(mlir::ModuleOp module);

/// Writes the section into a file from byte `start` on, on several threads.
/// What lies between weights is left as it is. Returns an errno value, or 0.
int writeWeightSection(const WeightSection &section, int file, uint64_t start);

/// A number that tells sections of different contents apart.
uint64_t hashWeightSection(const WeightSection &section);

} // namespace ssmc
