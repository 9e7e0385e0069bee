//===- LengthRequest.cpp - what --dim asks for ----------------------------===//

#include "lib/Fold/LengthRequest.h"

#include "dialects/onnx/OnnxOps.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ssmc;

/// What every compiled model checks of its inputs.
static constexpr int64_t kMaxExtent = std::numeric_limits<int32_t>::max();

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
    if (number < 1 || number > kMaxExtent)
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

std::string ssmc::whyNotPresent(const LengthRequest &request,
                                func::FuncOp graph) {
  SmallVector<StringRef> names;
  for (BlockArgument argument : graph.getArguments()) {
    auto name = graph.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   onnx::kNameAttr);
    names.push_back(name ? name.getValue() : "");
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (names.back() != request.input)
      continue;
    if (!type || request.axis < type.getRank())
      return {};
    return "the input has rank " + std::to_string(type.getRank());
  }
  return "the model has no input '" + request.input + "': it has " +
         llvm::join(names, ", ");
}
