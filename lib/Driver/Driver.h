//===- Driver.h - the compiler as a library ---------------------*- C++ -*-===//
//
// From a model file to a file that is asked for, through the phases of the
// compiler. Nothing here is global: a process may compile many models.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "lib/Fold/LengthRequest.h"

#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class Diagnostic;
} // namespace mlir

namespace ssmc {

/// What to stop at and write.
enum class Emit { Onnx, Ssm, Linalg, Tiled, Ptx, Llvm, Asm, Obj, Lib };

struct CompilerOptions {
  std::string input; // MODEL.onnx or FILE.mlir
  /// The bytes of an ONNX model, which outlive the compilation; `input` then
  /// names it only.
  std::optional<llvm::ArrayRef<char>> model;
  std::string output; // "-" is standard output, for text
  Emit emit = Emit::Lib;
  std::string target = "cpu"; // or cuda:sm_..
  std::string cpu = "host";
  std::vector<LengthRequest> dims;
  /// Entries of the model: forward, prefill, step.
  std::vector<std::string> entries = {"forward"};
  int64_t maxLength = 0; // capacity of caches that grow; 0: not given
  std::vector<std::string> strategies; // MIXER:NAME, checked
  unsigned threads = 1;                // that strategies are chosen for
  std::string externalDataDir;         // the model's folder where empty
  unsigned optLevel = 2;
  std::string weights = "f32";  // of products: f32, bf16, f16
  std::string products = "f32"; // what is multiplied by them: f32, bf16
  bool raise = true;
  /// Larger weights lie in a file beside the library.
  int64_t maxInlineWeights = int64_t(1) << 30;
  bool report = false;
  std::string reportFile; // JSON; the report is printed as text where empty
  bool time = false;
  std::string dumpDir; // one file of IR per phase
  bool progress = false;
  std::string failIn; // for tests: the phase that is to fail
  /// Text of the command, kept in the model.
  std::string command;
};

enum ExitCode : int {
  kDone = 0,
  kBadInput = 1,
  kUsage = 2,
  kInternalError = 70
};

/// One compilation.
class Compiler {
public:
  /// Is given a diagnostic and what to do about it, as far as it has no notes
  /// that say so (onnx::isRemedy).
  using Handler = std::function<void(mlir::Diagnostic &, llvm::StringRef)>;

  /// Diagnostics, progress and reports go to `log`; diagnostics to `handler` if
  /// there is one.
  Compiler(CompilerOptions options, llvm::raw_ostream &log,
           Handler handler = {});
  ~Compiler();

  ExitCode run();

  /// Leaves the IR that the phase in progress was given, and that phase's
  /// pipeline, as a file for `ssm-opt --run-reproducer`, and says where. For
  /// use when the process is about to die, too.
  void writeReproducer();

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// What is wrong with a list of entries; empty if nothing is.
std::string checkEntries(llvm::ArrayRef<std::string> entries);

/// What is wrong with "MIXER:NAME" as a strategy; empty if nothing is.
std::string checkStrategy(llvm::StringRef text);

} // namespace ssmc
