//===- ssm-eval.cpp - evaluates a model in double precision ---------------===//
//
// A developer's tool: what functions compute by the evaluator alone, after any
// passes. It shows whether operators, shape rules and rewrites are right with
// no code generation in between.
//
//   ssm-eval MODEL.onnx|FILE.mlir --passes=PIPELINE
//            --input VALUE --expect VALUE --output @FILE.npz
//
// where VALUE is as in ssm-run. Arguments and results without a name have
// their number as name. Outputs that cannot be evaluated, or are not of the
// type that was inferred, are named and left out.
//
// With --calls=@FILE.npz many functions are evaluated in one process: arrays
// are named CALL.FUNCTION.ARGUMENT, and each CALL.FUNCTION is evaluated once;
// its results are written as CALL.FUNCTION.RESULT.
//
// Exit codes: 0 done, 1 a file is at fault, something could not be evaluated or
// is beyond its tolerance, 2 the command line is (docs/tutorial.md).
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/onnx/OnnxOps.h"
#include "lib/Eval/Evaluator.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Operators/Extents.h"
#include "lib/Pipelines/Register.h"
#include "lib/Support/Arrays.h"
#include "lib/Support/Compare.h"
#include "lib/Support/Writable.h"
#include "tools/ssm-eval/Tensors.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

using namespace llvm;
using namespace mlir;
using namespace ssmc;

namespace {
struct Flags {
  cl::OptionCategory category{"Options"};
  cl::opt<std::string> model{cl::Positional, cl::desc("MODEL.onnx|FILE.mlir"),
                             cl::Required, cl::cat(category)};
  cl::opt<std::string> passes{"passes", cl::value_desc("PIPELINE"),
                              cl::desc("Passes to run first"),
                              cl::cat(category)};
  cl::opt<std::string> function{"function", cl::init("forward"),
                                cl::desc("What to evaluate (default: forward)"),
                                cl::cat(category)};
  cl::list<std::string> inputs{"input", cl::value_desc("VALUE"),
                               cl::desc("As in ssm-run; nothing random"),
                               cl::cat(category)};
  cl::list<std::string> expects{"expect", cl::value_desc("VALUE"),
                                cl::desc("Compare outputs with these arrays"),
                                cl::cat(category)};
  cl::opt<double> atol{"atol", cl::cat(category),
                       cl::desc("Tolerance (default: 1e-4 max |expected|)")};
  cl::opt<double> rtol{"rtol", cl::cat(category),
                       cl::desc("Tolerance relative to |expected|")};
  cl::opt<std::string> calls{"calls", cl::value_desc("@FILE.npz"),
                             cl::desc("Evaluate all CALL.FUNCTION in a file"),
                             cl::cat(category)};
  cl::opt<std::string> output{"output", cl::value_desc("@FILE.npz"),
                              cl::desc("Where to write the outputs"),
                              cl::cat(category)};
};

/// The name of an argument or result, or its number.
std::string nameOf(DictionaryAttr attributes, unsigned number) {
  auto name =
      attributes ? attributes.getAs<StringAttr>(onnx::kNameAttr) : StringAttr();
  return name ? name.str() : std::to_string(number);
}

/// One evaluation of a function of a module.
class Call {
public:
  explicit Call(func::FuncOp function)
      : function(function), symbols(function->getParentOfType<ModuleOp>()) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      inputNames.push_back(nameOf(function.getArgAttrDict(i), i));
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      outputNames.push_back(nameOf(function.getResultAttrDict(i), i));
  }

  ArrayRef<std::string> getInputNames() const { return inputNames; }
  ArrayRef<std::string> getOutputNames() const { return outputNames; }

  /// Gives input `i` a value, and the symbols of its extents theirs.
  Error bind(unsigned i, const NpyArray &array);
  /// Output `i`.
  Expected<NpyArray> get(unsigned i);

private:
  func::FuncOp function;
  ModuleSymbols symbols;
  std::vector<std::string> inputNames, outputNames;
  Evaluator evaluator;
};
} // namespace

Error Call::bind(unsigned i, const NpyArray &array) {
  BlockArgument argument = function.getArgument(i);
  auto fail = [&](const Twine &message) {
    return runError("input '" + inputNames[i] + "' " + message);
  };
  Expected<Tensor> tensor = toTensor(array, argument.getType());
  if (!tensor)
    return fail(toString(tensor.takeError()));
  // Functions that are not graphs say what they expect when they are run.
  std::optional<ValueShape> shape;
  if (function.getArgAttr(i, onnx::kNameAttr))
    shape = symbols.shapeOf(argument.getType(), "");
  if (shape && shape->dims.size() != array.shape.size())
    return fail("has rank " + Twine(array.shape.size()) + ", expected " +
                Twine(shape->dims.size()));
  if (shape) {
    for (auto [d, dim] : enumerate(shape->dims)) {
      std::optional<int64_t> extent = constantExtent(dim);
      if (extent && *extent != array.shape[d])
        return fail("has extent " + Twine(array.shape[d]) + " in dimension " +
                    Twine(d) + ", expected " + Twine(*extent));
      if (auto symbol = dyn_cast<AffineSymbolExpr>(dim))
        evaluator.bindSymbol(symbols.name(symbol.getPosition()),
                             array.shape[d]);
    }
  }
  evaluator.bind(argument, std::move(*tensor));
  return Error::success();
}

/// Whether a value is of the type that inference found, if it found one. The
/// signs of integers and the widths of booleans are not compared.
static bool fits(const Tensor &tensor, Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  if (!ranked)
    return true;
  if (tensor.getRank() != ranked.getRank() ||
      tensor.isFloat() != isa<FloatType>(ranked.getElementType()))
    return false;
  return all_of(zip(tensor.getShape(), ranked.getShape()), [](auto pair) {
    auto [extent, inferred] = pair;
    return ShapedType::isDynamic(inferred) || extent == inferred;
  });
}

Expected<NpyArray> Call::get(unsigned i) {
  Value value = function.getBody().front().getTerminator()->getOperand(i);
  FailureOr<Tensor> tensor = evaluator.get(value);
  if (failed(tensor))
    return runError(evaluator.getError());
  if (tensor->isNull())
    return runError("left out");
  if (!function.getResultAttr(i, onnx::kNameAttr) ||
      fits(*tensor, value.getType()))
    return toArray(*tensor);
  std::string type;
  raw_string_ostream(type) << value.getType();
  return runError("inferred as " + type + ", but has another type or shape");
}

static Expected<func::FuncOp> findFunction(ModuleOp module, StringRef name) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (function && function.getBody().hasOneBlock())
    return function;
  return usageError("the module has no function '" + name + "' of one block");
}

static Expected<StringRef> archiveName(const cl::opt<std::string> &flag) {
  StringRef path = flag;
  if (path.consume_front("@") && path.ends_with(".npz"))
    return path;
  return usageError("--" + flag.ArgStr + " " + flag + " is not @FILE.npz");
}

/// Says that an output is left out.
static bool complain(const Twine &what, Error error) {
  errs() << "ssm-eval: " << what << ": " << toString(std::move(error)) << "\n";
  return false;
}

/// Evaluates every call of an archive. False where one failed.
static Expected<bool> runCalls(ModuleOp module, StringRef path,
                               std::vector<NamedArray> &results) {
  Expected<std::vector<NamedArray>> arrays = readNpz(path);
  if (!arrays)
    return arrays.takeError();
  MapVector<StringRef, SmallVector<const NamedArray *>> calls;
  for (const NamedArray &array : *arrays)
    calls[StringRef(array.name).rsplit('.').first].push_back(&array);
  bool all = true;
  for (auto &[name, inputs] : calls) {
    auto function = findFunction(module, name.split('.').second);
    if (!function)
      return function.takeError();
    Call call(*function);
    for (const NamedArray *input : inputs) {
      StringRef argument = StringRef(input->name).rsplit('.').second;
      const std::string *found = find(call.getInputNames(), argument);
      if (found == call.getInputNames().end())
        return usageError("'" + input->name + "' is no argument");
      if (Error error =
              call.bind(found - call.getInputNames().begin(), input->array))
        return error;
    }
    for (auto [i, output] : enumerate(call.getOutputNames())) {
      Expected<NpyArray> result = call.get(i);
      if (result)
        results.push_back({(name + "." + output).str(), std::move(*result)});
      else
        all = complain(name, result.takeError());
    }
  }
  return all;
}

static Error addAll(ArraySource &source, ArrayRef<std::string> arguments) {
  for (StringRef argument : arguments)
    if (Error error = source.add(argument))
      return error;
  return Error::success();
}

/// Evaluates one function and compares its outputs.
static Expected<bool> runOnce(ModuleOp module, Flags &flags,
                              std::vector<NamedArray> &results) {
  auto function = findFunction(module, flags.function);
  if (!function)
    return function.takeError();
  Call call(*function);
  ArraySource inputs(call.getInputNames(), "in:");
  ArraySource expected(call.getOutputNames(), "out:");
  if (Error error = addAll(inputs, flags.inputs))
    return error;
  if (Error error = addAll(expected, flags.expects))
    return error;
  for (auto [i, name] : enumerate(call.getInputNames())) {
    if (inputs.findSeed(name))
      return usageError("'" + name + "': nothing is random here");
    if (const NpyArray *array = inputs.find(name))
      if (Error error = call.bind(i, *array))
        return error;
  }
  Tolerance tolerance;
  tolerance.anyWidth = true; // results are of double precision
  if (flags.atol.getNumOccurrences())
    tolerance.atol = flags.atol;
  if (flags.rtol.getNumOccurrences())
    tolerance.rtol = flags.rtol;
  bool right = true, any = flags.expects.empty();
  for (auto [i, name] : enumerate(call.getOutputNames())) {
    const NpyArray *array = expected.find(name);
    any |= array != nullptr;
    Expected<NpyArray> result = call.get(i);
    if (!result) {
      right = complain("output '" + name + "'", result.takeError());
      continue;
    }
    if (array) {
      Expected<bool> equal =
          compareArrays(name, *result, *array, tolerance, outs());
      if (!equal)
        return equal.takeError();
      right &= *equal;
    }
    results.push_back({name, std::move(*result)});
  }
  if (!any)
    return usageError("--expect names no output of the model: it has " +
                      join(call.getOutputNames(), ", "));
  return right;
}

static Expected<bool> run(Flags &flags) {
  DialectRegistry registry;
  registerAll(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  // The evaluator makes ops that the module need not have.
  context.loadAllAvailableDialects();
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    onnx::printDiagnostic(diagnostic, errs());
  });
  std::string output, calls;
  for (auto [flag, path] :
       {std::pair{&flags.output, &output}, std::pair{&flags.calls, &calls}}) {
    if (flag->getNumOccurrences() == 0)
      continue;
    Expected<StringRef> name = archiveName(*flag);
    if (!name)
      return name.takeError();
    *path = name->str();
  }
  if (!output.empty())
    if (std::string fault = whyNotWritable(output); !fault.empty())
      return usageError(fault);
  OwningOpRef<ModuleOp> module =
      StringRef(flags.model).ends_with(".mlir")
          ? parseSourceFile<ModuleOp>(flags.model, &context)
          : importOnnx(flags.model, &context);
  if (!module)
    return false;
  PassManager manager(&context);
  if (failed(parsePassPipeline(flags.passes, manager, errs())))
    return usageError("--passes cannot be read");
  if (failed(manager.run(*module)))
    return false;
  std::vector<NamedArray> results;
  Expected<bool> right = calls.empty() ? runOnce(*module, flags, results)
                                       : runCalls(*module, calls, results);
  if (right && !output.empty())
    if (Error error = writeNpz(output, results))
      return error;
  return right;
}

int main(int argc, char **argv) {
  endOnExhaustion("ssm-eval");
  InitLLVM init(argc, argv);
  Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "ssm-eval " << SSMC_VERSION << "\n"; });
  if (!parseArrayCommandLine(
          argc, argv, "ssm-eval: evaluates a model in double precision\n"))
    return 2;
  Expected<bool> right = run(flags);
  return exitCodeOf("ssm-eval", std::move(right));
}
