//===- LengthRequest.cpp - what --dim asks for ----------------------------===//

#include "lib/Fold/LengthRequest.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace ssmc;

std::optional<LengthRequest> ssmc::parseLengthRequest(llvm::StringRef text) {
  auto [place, value] = text.rsplit('=');
  auto [input, axis] = place.rsplit(':');
  LengthRequest request;
  request.text = text.str();
  request.input = input.str();
  if (input.empty() || value.empty() || axis.getAsInteger(10, request.axis) ||
      request.axis < 0)
    return std::nullopt;
  int64_t number;
  if (!value.getAsInteger(10, number)) {
    if (number < 1)
      return std::nullopt;
    request.number = number;
    return request;
  }
  bool named = llvm::isAlpha(value[0]) || value[0] == '_';
  if (!named ||
      !llvm::all_of(value, [](char c) { return llvm::isAlnum(c) || c == '_'; }))
    return std::nullopt;
  request.symbol = value.str();
  return request;
}
