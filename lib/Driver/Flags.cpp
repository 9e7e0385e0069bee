//===- Flags.cpp - the text forms of options ------------------------------===//

#include "dialects/ssm/SsmStrategy.h"
#include "lib/Driver/Driver.h"

#include "llvm/ADT/StringExtras.h"

using namespace llvm;

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

std::string ssmc::checkEntries(ArrayRef<std::string> entries) {
  static constexpr StringLiteral known[] = {
      "forward", "prefill", "prefill_lengths", "step", "verify"};
  for (auto [i, entry] : enumerate(entries)) {
    if (!is_contained(known, entry))
      return "the entries are forward, prefill, prefill_lengths, step, verify";
    if (is_contained(entries.take_front(i), entry))
      return entry + " is there twice";
  }
  return entries.empty() ? "name at least one" : "";
}
