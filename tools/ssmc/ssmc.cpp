//===- ssmc.cpp - compiles a model ----------------------------------------===//

#include "lib/Driver/CommandLine.h"
#include "lib/Support/Error.h"

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"

#include <csignal>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static void giveUp(int) { _exit(ssmc::kInternalError); }

/// A crash is told like any other internal error, with a reproducer. To write
/// one allocates memory and reads IR that may be damaged, neither of which a
/// signal handler may do: where that crashes or hangs, the exit code still says
/// what happened.
static void reportCrash(void *compiler) {
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM})
    std::signal(signal, giveUp);
  alarm(60);
  static_cast<ssmc::Compiler *>(compiler)->writeReproducer();
  _exit(ssmc::kInternalError);
}

/// Raising evaluates regions: tensors of megabytes come and go. Memory that is
/// kept need not be cleared page by page each time.
static void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

int main(int argc, char **argv) {
  ssmc::endOnExhaustion("ssmc");
  keepFreedMemory();
  llvm::setBugReportMsg("ssmc has crashed:\n");
  llvm::InitLLVM init(argc, argv);
  ssmc::CompilerOptions options;
  llvm::ArrayRef<const char *> arguments(argv, argc);
  if (auto code = ssmc::parseCommandLine(arguments.drop_front(), options,
                                         llvm::outs(), llvm::errs()))
    return *code;
  options.progress = llvm::sys::Process::StandardErrIsDisplayed();
  ssmc::Compiler compiler(std::move(options), llvm::errs());
  llvm::sys::AddSignalHandler(reportCrash, &compiler);
  // What is left in memory is the system's to take back: a model's IR is large.
  int code = compiler.run();
  llvm::outs().flush();
  _exit(code);
}
