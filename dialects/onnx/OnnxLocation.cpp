//===- OnnxLocation.cpp - where in a model something came from ------------===//

#include "dialects/onnx/OnnxLocation.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

Location mlir::onnx::getFileLocation(MLIRContext *context, StringRef file) {
  return FileLineColLoc::get(context, file, 0, 0);
}

/// A name of a file on one line, of which no character speaks to the terminal.
static StringAttr getPrintable(MLIRContext *context, StringRef name) {
  std::string text = name.str();
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return !llvm::isPrint(c) && uint8_t(c) < 0x80; }, '?');
  return StringAttr::get(context, text);
}

Location mlir::onnx::getNodeLocation(Location file, StringRef node,
                                     StringRef op) {
  MLIRContext *context = file.getContext();
  Location child = FusedLoc::get(context, {file}, getPrintable(context, op));
  return NameLoc::get(getPrintable(context, node), child);
}

mlir::onnx::NodeLocation mlir::onnx::describeLocation(Location loc) {
  NodeLocation result;
  // The walk is pre-order and the first name it meets is the node's.
  loc->walk([&](Location part) {
    if (auto name = dyn_cast<NameLoc>(part)) {
      if (result.node.empty())
        result.node = name.getName();
    } else if (auto fused = dyn_cast<FusedLoc>(part)) {
      auto op = dyn_cast_or_null<StringAttr>(fused.getMetadata());
      if (op && result.op.empty())
        result.op = op;
    } else if (auto file = dyn_cast<FileLineColLoc>(part)) {
      result.file = file.getFilename();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return result;
}

std::string mlir::onnx::describeNode(Location loc) {
  NodeLocation where = describeLocation(loc);
  StringRef op = where.op.split(',').first;
  if (where.node.empty())
    return op.empty() ? std::string() : ("an unnamed " + op).str();
  std::string text = ("node '" + where.node + "'").str();
  return op.empty() ? text : text + (" (" + op + ")").str();
}

static constexpr StringLiteral kModelError = "onnx.model_error";
static constexpr StringLiteral kRemedy = "onnx.remedy";

static void mark(Diagnostic &diagnostic, StringRef as) {
  MLIRContext *context = diagnostic.getLocation().getContext();
  diagnostic.getMetadata().push_back(
      DiagnosticArgument(StringAttr::get(context, as)));
}

static bool isMarked(Diagnostic &diagnostic, StringRef as) {
  return llvm::any_of(diagnostic.getMetadata(), [&](DiagnosticArgument &entry) {
    if (entry.getKind() !=
        DiagnosticArgument::DiagnosticArgumentKind::Attribute)
      return false;
    auto text = dyn_cast<StringAttr>(entry.getAsAttribute());
    return text && text.getValue() == as;
  });
}

InFlightDiagnostic mlir::onnx::emitModelError(Location loc) {
  InFlightDiagnostic diagnostic = mlir::emitError(loc);
  // Without a handler nobody listens.
  if (Diagnostic *underlying = diagnostic.getUnderlyingDiagnostic())
    mark(*underlying, kModelError);
  return diagnostic;
}

bool mlir::onnx::isModelError(Diagnostic &diagnostic) {
  return isMarked(diagnostic, kModelError);
}

Diagnostic &mlir::onnx::attachRemedy(InFlightDiagnostic &diagnostic) {
  Diagnostic &note = diagnostic.attachNote();
  mark(note, kRemedy);
  return note;
}

bool mlir::onnx::isRemedy(Diagnostic &note) { return isMarked(note, kRemedy); }

static void printLocation(Location loc, llvm::raw_ostream &os) {
  if (auto file = dyn_cast<FileLineColLoc>(loc); file && file.getLine() != 0) {
    os << file.getFilename().getValue() << ':' << file.getLine() << ':'
       << file.getColumn() << ": ";
    return;
  }
  mlir::onnx::NodeLocation where = mlir::onnx::describeLocation(loc);
  if (!where.file.empty())
    os << where.file << ": ";
  if (where.node.empty())
    return;
  os << "node '" << where.node << '\'';
  if (!where.op.empty())
    os << " (" << where.op << ')';
  os << ": ";
}

void mlir::onnx::printDiagnostic(Diagnostic &diagnostic,
                                 llvm::raw_ostream &os) {
  std::string text;
  llvm::raw_string_ostream line(text);
  printLocation(diagnostic.getLocation(), line);
  if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
    line << "warning: ";
  line << diagnostic << '\n';
  for (Diagnostic &note : diagnostic.getNotes())
    line << "  note: " << note << '\n';
  // Names come from files: none may speak to the terminal.
  std::replace_if(
      text.begin(), text.end(),
      [](char c) {
        return !llvm::isPrint(c) && c != '\n' && uint8_t(c) < 0x80;
      },
      '?');
  os << text;
}
