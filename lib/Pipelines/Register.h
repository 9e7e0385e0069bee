//===- Register.h - all dialects, passes and pipelines ----------*- C++ -*-===//

#pragma once

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace ssmc {
/// Registers every dialect, interface implementation, pass and pipeline that
/// the compiler uses, upstream's and its own.
void registerAll(mlir::DialectRegistry &registry);
} // namespace ssmc
