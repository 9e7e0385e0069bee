//===- Error.cpp - errors without a place in a file -----------------------===//

#include "lib/Support/Error.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <cstring>
#include <new>
#include <unistd.h>

using namespace llvm;
using namespace ssmc;

namespace {
class UsageError : public ErrorInfo<UsageError, StringError> {
public:
  static char ID;
  using ErrorInfo<UsageError, StringError>::ErrorInfo;
};
} // namespace

char UsageError::ID;

Error ssmc::usageError(const Twine &message) {
  return make_error<UsageError>(message, inconvertibleErrorCode());
}

Error ssmc::runError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

bool ssmc::isUsageError(const Error &error) { return error.isA<UsageError>(); }

int ssmc::exitCodeOf(StringRef tool, Expected<bool> right) {
  if (right)
    return *right ? 0 : 1;
  Error error = right.takeError();
  int code = isUsageError(error) ? 2 : 1;
  std::string text = toString(std::move(error));
  // Names come from files: none may speak to the terminal.
  for (char &c : text)
    if (!isPrint(c) && c != '\n' && uint8_t(c) < 0x80)
      c = '?';
  errs() << tool << ": " << text << "\n";
  return code;
}

static const char *exhausted = "";

[[noreturn]] static void endRun(const char *what) {
  for (const char *part : {exhausted, ": ", what, "\n"})
    if (write(STDERR_FILENO, part, strlen(part)) < 0)
      break;
  _exit(1);
}

[[noreturn]] static void endOutOfMemory() { endRun("out of memory"); }

/// LLVM ends a program that cannot start a thread as one that is at fault.
/// Anything else that it ends a program for is a crash, which follows.
static void onFatalError(void *, const char *message, bool) {
  if (StringRef(message).starts_with("pthread_create failed"))
    endRun("a thread cannot be started: the memory, the address space (ulimit "
           "-v) or the processes (ulimit -u) that are left do not suffice");
  errs() << "LLVM ERROR: " << message << "\n";
}

void ssmc::endOnExhaustion(const char *tool) {
  exhausted = tool;
  std::set_new_handler(endOutOfMemory);
  install_bad_alloc_error_handler(
      [](void *, const char *, bool) { endOutOfMemory(); });
  install_fatal_error_handler(onFatalError);
  // A write then fails, as on a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
}
