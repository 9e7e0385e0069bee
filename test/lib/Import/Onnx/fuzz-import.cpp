//===- fuzz-import.cpp - feeds the importer with damaged models -----------===//
//
// As libfuzzer-import (SSMC_FUZZ) a libFuzzer target. Otherwise a program that
// damages one model in a fixed sequence of ways: `fuzz-import MODEL.onnx COUNT
// [FIRST]`. What it looks for is a crash; a sanitizer build finds more.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxOps.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Import/Onnx/Passes.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Signals.h"

#include <random>

using namespace llvm;

/// Everything that happens to a file before its operators have a meaning.
/// Returns whether it was accepted; what is accepted must be valid.
static bool import(ArrayRef<char> bytes) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler handler(&context, [](mlir::Diagnostic &) {});
  mlir::OwningOpRef<mlir::ModuleOp> module =
      ssmc::importOnnx(bytes, "fuzz/model.onnx", &context);
  if (!module)
    return false;
  if (failed(module->verify())) {
    errs() << "the importer made an invalid module\n";
    std::abort();
  }
  mlir::PassManager manager(&context);
  manager.addPass(ssmc::createOnnxInlineFunctions());
  if (failed(manager.run(*module)))
    return false;
  (void)ssmc::reportUnsupported(*module);
  return true;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  import(ArrayRef(reinterpret_cast<const char *>(data), size));
  return 0;
}

#ifndef SSMC_LIBFUZZER
static void damage(std::vector<char> &bytes, std::mt19937 &random) {
  auto pick = [&](size_t below) { return below ? random() % below : 0; };
  for (unsigned i = 0, count = 1 + pick(3); i < count && !bytes.empty(); ++i) {
    size_t at = pick(bytes.size());
    size_t length = std::min<size_t>(1 + pick(16), bytes.size() - at);
    auto begin = bytes.begin() + at;
    switch (pick(6)) {
    case 0: // flip a bit
      bytes[at] ^= 1 << pick(8);
      break;
    case 1: // another byte
      bytes[at] = random();
      break;
    case 2: // a large number
      std::fill(begin, begin + length, char(0xff));
      break;
    case 3: // lose a part
      bytes.erase(begin, begin + length);
      break;
    case 4: { // repeat a part elsewhere
      std::vector<char> part(begin, begin + length);
      bytes.insert(bytes.begin() + pick(bytes.size()), part.begin(),
                   part.end());
      break;
    }
    case 5: // end early
      if (pick(8) == 0)
        bytes.resize(at);
      break;
    }
  }
}

int main(int argc, char **argv) {
  sys::PrintStackTraceOnErrorSignal(argv[0]);
  ErrorOr<std::unique_ptr<MemoryBuffer>> file =
      MemoryBuffer::getFile(argc > 2 ? argv[1] : "");
  if (!file) {
    errs() << "usage: fuzz-import MODEL.onnx COUNT [FIRST]\n";
    return 2;
  }
  unsigned count = std::stoul(argv[2]);
  unsigned first = argc > 3 ? std::stoul(argv[3]) : 0;
  StringRef whole = (*file)->getBuffer();
  unsigned accepted = 0;
  for (unsigned i = first; i < first + count; ++i) {
    PrettyStackTraceFormat trace("fuzz-import %s 1 %u", argv[1], i);
    std::mt19937 random(i);
    std::vector<char> bytes(whole.begin(), whole.end());
    damage(bytes, random);
    accepted += import(bytes);
  }
  outs() << count << " damaged models, " << accepted << " of them accepted\n";
  return 0;
}
#endif
