//===- Report.cpp - what the compiler did with a model --------------------===//

#include "lib/Driver/Report.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace ssmc;

llvm::json::Value ssmc::toJson(Attribute attr) {
  if (auto text = dyn_cast<StringAttr>(attr))
    return llvm::json::fixUTF8(text.getValue());
  if (auto flag = dyn_cast<BoolAttr>(attr))
    return flag.getValue();
  if (auto integer = dyn_cast<IntegerAttr>(attr))
    return integer.getValue().getSExtValue();
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  if (auto array = dyn_cast<ArrayAttr>(attr)) {
    llvm::json::Array values;
    for (Attribute element : array)
      values.push_back(toJson(element));
    return values;
  }
  if (auto dict = dyn_cast<DictionaryAttr>(attr)) {
    llvm::json::Object object;
    for (NamedAttribute named : dict)
      object[named.getName().strref()] = toJson(named.getValue());
    return object;
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  attr.print(os);
  return llvm::json::fixUTF8(text);
}

static StringRef textOf(DictionaryAttr dict, StringRef key) {
  auto attr = dict.getAs<StringAttr>(key);
  return attr ? attr.getValue() : StringRef();
}

void ssmc::printReport(ArrayAttr report, raw_ostream &os) {
  if (!report || report.empty()) {
    os << "nothing in this graph looked like a recurrence\n";
    return;
  }
  int64_t raised = 0, before = 0, after = 0;
  for (Attribute attr : report) {
    auto site = dyn_cast<DictionaryAttr>(attr);
    if (!site)
      continue;
    os << textOf(site, "site") << ": ";
    auto nodes = site.getAs<IntegerAttr>("nodes_before");
    if (nodes)
      os << nodes.getInt() << " nodes ";
    StringRef op = textOf(site, "op");
    if (op.empty()) {
      os << "kept: " << textOf(site, "reason") << "\n";
      continue;
    }
    os << "-> " << op;
    ++raised;
    before += nodes ? nodes.getInt() : 0;
    if (auto left = site.getAs<IntegerAttr>("nodes_after")) {
      os << " (" << left.getInt() << (left.getInt() == 1 ? " op)" : " ops)");
      after += left.getInt();
    }
    if (auto deviation = site.getAs<FloatAttr>("deviation")) {
      os << ", deviation "
         << llvm::format("%.1e", deviation.getValueAsDouble());
      if (auto lengths = site.getAs<ArrayAttr>("lengths")) {
        os << " at length ";
        llvm::interleaveComma(lengths, os, [&](Attribute length) {
          os << cast<IntegerAttr>(length).getInt();
        });
      }
    }
    os << "\n";
    if (auto assumptions = site.getAs<ArrayAttr>("assumptions"))
      for (Attribute assumption : assumptions)
        if (auto text = dyn_cast<StringAttr>(assumption))
          os << "  assumes: " << text.getValue() << "\n";
  }
  os << raised << " of " << report.size() << " sites raised";
  if (raised)
    os << ": " << before << " nodes became " << after << " ops";
  os << "\n";
}

void ssmc::printLengths(ArrayAttr lengths, raw_ostream &os) {
  if (!lengths)
    return;
  for (Attribute attr : lengths)
    if (auto site = dyn_cast<DictionaryAttr>(attr))
      os << textOf(site, "site")
         << ": assumes at other lengths: " << textOf(site, "assumption")
         << "\n";
}

void ssmc::printPlan(ArrayAttr plan, raw_ostream &os) {
  if (!plan)
    return;
  for (Attribute attr : plan) {
    auto decision = dyn_cast<DictionaryAttr>(attr);
    auto chosen =
        decision ? decision.getAs<DictionaryAttr>("chosen") : DictionaryAttr();
    auto count =
        decision ? decision.getAs<IntegerAttr>("count") : IntegerAttr();
    auto estimates =
        decision ? decision.getAs<ArrayAttr>("estimates") : ArrayAttr();
    if (!chosen || !count || !estimates)
      continue;
    os << "plan: " << count.getInt() << " x " << textOf(decision, "op") << ": "
       << textOf(chosen, "strategy");
    if (auto chunk = chosen.getAs<IntegerAttr>("chunk"))
      os << ", chunk " << chunk.getInt();
    if (auto given = decision.getAs<BoolAttr>("given"); given.getValue())
      os << ", as given";
    os << "; cycles:";
    for (Attribute attr : estimates) {
      auto estimate = cast<DictionaryAttr>(attr);
      os << " " << textOf(estimate, "strategy")
         << (estimate.getAs<BoolAttr>("kernel").getValue() ? " (kernel) " : " ")
         << llvm::format(
                "%.1e", double(estimate.getAs<IntegerAttr>("cycles").getInt()));
    }
    auto assumptions = decision.getAs<ArrayAttr>("assumptions");
    if (assumptions && !assumptions.empty()) {
      os << "; assumes ";
      llvm::interleaveComma(assumptions, os, [&](Attribute text) {
        os << cast<StringAttr>(text).getValue();
      });
    }
    os << "\n";
  }
}
