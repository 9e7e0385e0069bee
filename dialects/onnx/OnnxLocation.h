//===- OnnxLocation.h - where in a model something came from ----*- C++ -*-===//
//
// An op that stems from an ONNX node has the location
//
//   NameLoc(node name, FusedLoc<"Scan, opset 21">[FileLineColLoc(file)])
//
// so that a diagnostic of any later phase can say which node it is about, of
// which operator, in which file, in the one format of this project:
//
//   model.onnx: node 'layers.3/Scan_12' (Scan, opset 21): message
//
//===----------------------------------------------------------------------===//

#pragma once

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"

namespace mlir::onnx {

/// The location of a whole file.
Location getFileLocation(MLIRContext *context, StringRef file);

/// The location of a node. `op` is "Scan, opset 21".
Location getNodeLocation(Location file, StringRef node, StringRef op);

/// What a location says, empty where it does not say it. A fused location is
/// about the first node in it.
struct NodeLocation {
  StringRef file, node, op;
};
NodeLocation describeLocation(Location loc);

/// "node 'x' (Gather)"; "an unnamed Gather" where an exporter has left out the
/// name, and nothing for what belongs to no node.
std::string describeNode(Location loc);

/// An error that the model is the cause of: whoever made it can do something
/// about it. All other errors in the passes of the compiler are its own faults.
InFlightDiagnostic emitModelError(Location loc);
bool isModelError(Diagnostic &diagnostic);

/// A note that says what to do.
Diagnostic &attachRemedy(InFlightDiagnostic &diagnostic);
bool isRemedy(Diagnostic &note);

/// Prints a diagnostic and its notes, a line each, in the format above; with
/// line and column where the location is one of an .mlir file.
void printDiagnostic(Diagnostic &diagnostic, llvm::raw_ostream &os);

} // namespace mlir::onnx
