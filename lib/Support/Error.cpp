//===- Error.cpp - errors without a place in a file -----------------------===//

#include "lib/Support/Error.h"

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
