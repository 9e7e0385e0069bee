//===- Flags.cpp - the text forms of options ------------------------------===//

#include "lib/Driver/Driver.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

bool ssmc::parseDimRequest(StringRef text, DimRequest &request) {
  auto [place, value] = text.rsplit('=');
  auto [input, axis] = place.rsplit(':');
  request.input = input.str();
  request.value = value.str();
  if (input.empty() || value.empty() || axis.getAsInteger(10, request.axis) ||
      request.axis < 0)
    return false;
  // A number, or a name that C and JSON readers can use.
  int64_t number;
  if (!value.getAsInteger(10, number))
    return number > 0;
  return (isAlpha(value.front()) || value.front() == '_') &&
         all_of(value, [](char c) { return isAlnum(c) || c == '_'; });
}
