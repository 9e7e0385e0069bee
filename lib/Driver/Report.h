//===- Report.h - what the compiler did with a model ------------*- C++ -*-===//

#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace ssmc {

/// Any attribute as JSON; what JSON does not know becomes its text.
llvm::json::Value toJson(mlir::Attribute attr);

/// The raise report (module attribute `ssmc.report`), one line per site and its
/// remarks.
void printReport(mlir::ArrayAttr report, llvm::raw_ostream &os);

/// What other lengths than the traced one rest on (`ssmc.lengths`; may be
/// null).
void printLengths(mlir::ArrayAttr lengths, llvm::raw_ostream &os);

/// The same for the attribute ssmc.plan: how each mixer is computed.
void printPlan(mlir::ArrayAttr plan, llvm::raw_ostream &os);

} // namespace ssmc
