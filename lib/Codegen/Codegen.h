//===- Codegen.h - from tensors to machine code -----------------*- C++ -*-===//
//
// The back end for the CPU. In: a module whose public functions are the
// entries of the model, on tensors (linalg, tensor, scf, arith, math and ssm
// ops). Out: LLVM dialect with, per entry E, the functions of ssmrt.h
//
//     void    ssm_E_dims(const int64_t *symbols, int64_t *extents)
//     int64_t ssm_E_workspace(const int64_t *symbols)
//     int32_t ssm_E_run(const int64_t *symbols, void *const *inputs,
//                       void *const *outputs, void *workspace,
//                       const void *weights, void *context)
//
// An entry carries its signature as function attribute
//
//     ssm.signature = {symbols = ["B", "L"],
//                      inputs  = [{name = "ids", dtype = 7 : i64,
//                                  dims = affine_map<()[s0, s1] -> (s0, s1)>}],
//                      outputs = [...]}
//
// where dtype is ONNX's number and symbol i of each map is symbols[i]. Without
// it all types must be static; names are then taken from `onnx.name`.
//
// The module keeps for packaging
//
//     ssm.entries       = {E = signature, ...}
//     ssm.weights       = [{value, offset, bytes, pack = {type,
//                           inner_dims_pos, inner_tiles, outer_dims_perm}},
//                           ...]
//     ssm.weights_bytes = size of the section
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Codegen/CpuTarget.h"

#include "mlir/Pass/PassManager.h"
#include <string>

namespace llvm {
class raw_pwrite_stream;
} // namespace llvm

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace ssmc {

struct CodegenOptions {
  /// 0: reference loops, nothing fused. 2: fused kernels, threads.
  unsigned optLevel = 2;
  /// Name of the processor as LLVM spells it; "host" is the one we run on.
  std::string cpu = "host";
  /// Type that weights of products are stored in: f32, bf16 or f16.
  std::string weights = "f32";
  /// Type that a product's rows are rounded to where its weight is of that
  /// type: f32 (not at all) or bf16.
  std::string products = "f32";
  /// cpu, or the GPU that `GpuTarget` knows by this name.
  std::string target = "cpu";
};

/// The processor `cpu`; fails, with a message at `loc`, for a name that LLVM
/// does not know.
mlir::FailureOr<CpuTarget> resolveCpu(llvm::StringRef cpu, mlir::Location loc);

/// Tensors to kernels: loops on buffers, memory planned, on a module.
void buildTilingPipeline(mlir::OpPassManager &pm,
                         const CodegenOptions &options);

/// Loops on buffers to LLVM dialect.
void buildLoweringPipeline(mlir::OpPassManager &pm,
                           const CodegenOptions &options);

/// Both: tensors to LLVM dialect.
void buildCodegenPipeline(mlir::OpPassManager &pm,
                          const CodegenOptions &options);

/// What `emitCode` writes.
enum class CodeKind { LLVM, Assembly, Object };

/// Translates a module in LLVM dialect, optimises it for the processor, and
/// writes it.
mlir::LogicalResult emitCode(mlir::ModuleOp module,
                             const CodegenOptions &options, CodeKind kind,
                             llvm::raw_pwrite_stream &os);

/// Object code: `emitCode` with CodeKind::Object.
mlir::LogicalResult emitObject(mlir::ModuleOp module,
                               const CodegenOptions &options,
                               llvm::raw_pwrite_stream &os);

/// `ssm-codegen`: the pipeline for tools, options opt-level and cpu.
void registerCodegenPipelines();

} // namespace ssmc
