//===- Ssmc.cpp - the C interface of the compiler -------------------------===//
//
// A result owns the texts of its diagnostics; the structures that a caller sees
// point into them.
//
//===----------------------------------------------------------------------===//

#include "ssmc/ssmc.h"

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Driver/CommandLine.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Signals.h"

#include <deque>
#include <mutex>

using namespace llvm;
using namespace ssmc;

struct ssmc_result {
  ssmc_code code = SSMC_OK;
  std::string log;
  std::deque<std::string> texts; // their places stay
  std::vector<ssmc_diagnostic> diagnostics;

  /// Names come from files: what is no UTF-8, and what speaks to terminals, is
  /// replaced.
  const char *keep(StringRef text) {
    std::string kept = json::fixUTF8(text);
    for (char &c : kept)
      if (!isPrint(c) && c != '\n' && uint8_t(c) < 0x80)
        c = '?';
    return texts.emplace_back(std::move(kept)).c_str();
  }

  ssmc_diagnostic &add(ssmc_severity severity, StringRef message) {
    ssmc_diagnostic &added = diagnostics.emplace_back();
    added = {severity, 0, 0, keep(message), "", "", "", ""};
    return added;
  }

  ssmc_diagnostic &add(ssmc_severity severity, mlir::Diagnostic &diagnostic) {
    ssmc_diagnostic &added = add(severity, diagnostic.str());
    if (auto place = dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation());
        place && place.getLine()) {
      added.file = keep(place.getFilename());
      added.line = place.getLine();
      added.column = place.getColumn();
      return added;
    }
    mlir::onnx::NodeLocation where =
        mlir::onnx::describeLocation(diagnostic.getLocation());
    added.file = keep(where.file);
    added.node = keep(where.node);
    added.op = keep(where.op);
    return added;
  }

  void addWithNotes(mlir::Diagnostic &diagnostic, StringRef suggestion) {
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    add(isError ? SSMC_ERROR : SSMC_WARNING, diagnostic);
    size_t about = diagnostics.size() - 1;
    std::string remedy;
    for (mlir::Diagnostic &note : diagnostic.getNotes()) {
      if (mlir::onnx::isRemedy(note))
        remedy += (remedy.empty() ? "" : "\n") + note.str();
      else
        add(SSMC_NOTE, note);
    }
    diagnostics[about].remedy = keep(remedy.empty() ? suggestion : remedy);
  }

  void compile(ArrayRef<const char *> arguments,
               std::optional<ArrayRef<char>> model);
};

namespace {
/// Temporary files are removed when a signal ends the process; when the last
/// compilation of the process has ended, signals are the caller's again. LLVM
/// does not lock what it counts there.
struct RunningCompilation {
  RunningCompilation() { change(1); }
  ~RunningCompilation() { change(-1); }

private:
  static void change(int by) {
    static std::mutex lock;
    static int running = 0;
    std::lock_guard<std::mutex> guard(lock);
    running += by;
    if (running == 0)
      sys::unregisterHandlers();
  }
};
} // namespace

void ssmc_result::compile(ArrayRef<const char *> arguments,
                          std::optional<ArrayRef<char>> model) {
  CompilerOptions options;
  if (model) {
    options.model = model;
    options.input = "model.onnx";
  }
  std::string usage;
  raw_string_ostream os(log), usageOs(usage);
  std::optional<ExitCode> given =
      parseCommandLine(arguments, options, os, usageOs);
  if (!given && options.output == "-") {
    given = kUsage;
    usageOs << "ssmc: say where to write: -o OUT";
  }
  if (given) {
    code = ssmc_code(*given);
    StringRef message = StringRef(usage).trim();
    message.consume_front("ssmc: ");
    bool hint = message.consume_back(" (see ssmc --help)");
    if (code != SSMC_OK) {
      ssmc_diagnostic &said = add(SSMC_ERROR, message);
      if (hint)
        said.remedy = "ssmc --help lists the options";
    }
    return;
  }
  {
    RunningCompilation running;
    Compiler compiler(std::move(options), os,
                      [this](mlir::Diagnostic &said, StringRef suggestion) {
                        addWithNotes(said, suggestion);
                      });
    code = ssmc_code(compiler.run());
  }
  if (code == SSMC_INTERNAL)
    add(SSMC_ERROR, "internal error: this is a fault of the compiler, not of "
                    "the model")
        .remedy = "report it, with the file that the log names";
  else if (code != SSMC_OK && none_of(diagnostics, [](auto &said) {
             return said.severity == SSMC_ERROR;
           }))
    add(SSMC_ERROR, "the compilation failed");
}

static ssmc_result *compile(std::optional<ArrayRef<char>> model, int32_t argc,
                            const char *const *argv) {
  auto *result = new ssmc_result;
  ArrayRef<const char *> arguments(argv, argv && argc > 0 ? argc : 0);
  if (is_contained(arguments, nullptr)) {
    result->code = SSMC_USAGE;
    result->add(SSMC_ERROR, "an argument is null");
  } else {
    result->compile(arguments, model);
  }
  return result;
}

ssmc_result *ssmc_compile(int32_t argc, const char *const *argv) {
  return compile(std::nullopt, argc, argv);
}

ssmc_result *ssmc_compile_memory(const void *model, size_t bytes, int32_t argc,
                                 const char *const *argv) {
  return compile(ArrayRef(static_cast<const char *>(model), model ? bytes : 0),
                 argc, argv);
}

ssmc_code ssmc_result_code(const ssmc_result *result) {
  return result ? result->code : SSMC_USAGE;
}

size_t ssmc_num_diagnostics(const ssmc_result *result) {
  return result ? result->diagnostics.size() : 0;
}

const ssmc_diagnostic *ssmc_get_diagnostic(const ssmc_result *result,
                                           size_t index) {
  return index < ssmc_num_diagnostics(result) ? &result->diagnostics[index]
                                              : nullptr;
}

const char *ssmc_result_log(const ssmc_result *result) {
  return result ? result->log.c_str() : "";
}

void ssmc_free_result(ssmc_result *result) { delete result; }

const char *ssmc_version(void) { return SSMC_VERSION; }

int32_t ssmc_api_version(void) { return SSMC_API_VERSION; }
