//===- SsmBufferize.h - bufferisation of the ssm ops ------------*- C++ -*-===//

#pragma once

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::ssm {
/// Lets one-shot-bufferize turn ssm ops on tensors into ssm ops on buffers.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);
} // namespace mlir::ssm
