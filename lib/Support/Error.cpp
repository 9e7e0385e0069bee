//===- Error.cpp - errors without a place in a file -----------------------===//

#include "lib/Support/Error.h"

#include "llvm/Support/raw_ostream.h"

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
  errs() << tool << ": " << toString(std::move(error)) << "\n";
  return code;
}
