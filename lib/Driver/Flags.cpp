//===- Flags.cpp - the text forms of options ------------------------------===//

#include "dialects/ssm/SsmStrategy.h"
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

std::string ssmc::checkStrategy(StringRef text) {
  using namespace mlir;
  auto [mixer, name] = text.split(':');
  std::string op = ("ssm." + mixer).str();
  SmallVector<ssm::Strategy> known = ssm::getStrategies(op);
  if (known.empty())
    return "the mixers are " +
           join(map_range(ssm::getMixersWithStrategies(),
                          [](StringRef op) { return op.drop_front(4).str(); }),
                ", ");
  std::optional<ssm::Strategy> strategy = ssm::symbolizeStrategy(name);
  if (!strategy || !is_contained(known, *strategy))
    return (mixer + " has: " + ssm::listStrategies(known)).str();
  return {};
}
