//===- LengthRequest.h - what --dim asks for --------------------*- C++ -*-===//

#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>
#include <string>

namespace ssmc {

/// INPUT:AXIS=NAME or INPUT:AXIS=NUMBER. The last colon splits: names of inputs
/// may hold colons.
struct LengthRequest {
  std::string text, input;
  int64_t axis = 0;
  std::optional<int64_t> number; // the symbol's name where it is none
  std::string symbol;
  /// A static extent that meets it already, where a symbol stands for a number.
  std::optional<int64_t> meets;
};

/// Nothing where `text` is not of that form, or the number no extent that a
/// model can be called with.
std::optional<LengthRequest> parseLengthRequest(llvm::StringRef text);

/// Why a request names nothing that `graph` has; empty where it does. Arguments
/// without a known rank have any axis.
std::string whyNotPresent(const LengthRequest &request,
                          mlir::func::FuncOp graph);

} // namespace ssmc
