//===- ssm-evaluate.cpp - evaluates a model in double precision ------------===//
//
// A developer's tool: what a model computes by the evaluator alone, after any
// passes. It shows whether operators, shape rules and rewrites are right with
// no code generation in between.
//
//   ssm-evaluate MODEL.onnx|FILE.mlir --passes=PIPELINE
//            --input NAME=@FILE.npz:KEY | --feed FILE.npz
//            --expect NAME=@FILE.npz:KEY --rtol R
//
// A feed file holds inputs as `in:NAME` and expected outputs as `out:NAME`.
// Expected values are met within R * max(1, max |expected|).
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "lib/Eval/Evaluator.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Operators/Extents.h"
#include "lib/Pipelines/Register.h"
#include "lib/Support/Npz.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <cmath>
#include <cstring>

using namespace llvm;
using namespace mlir;
using namespace ssmc;

static cl::opt<std::string> model(cl::Positional, cl::desc("MODEL"), cl::Required);
static cl::list<std::string> inputs("input", cl::desc("NAME=@FILE.npz:KEY"));
static cl::list<std::string> expects("expect", cl::desc("NAME=@FILE.npz:KEY"));
static cl::opt<std::string> feed("feed", cl::desc("FILE.npz with in: and out:"));
static cl::opt<std::string> passes("passes", cl::init("onnx-infer-shapes"),
                                   cl::desc("Pass pipeline to run first"));
static cl::opt<double> rtol("rtol", cl::init(1e-4), cl::desc("Tolerance"));

using Arrays = std::vector<std::pair<std::string, NpyArray>>;

static bool fail(const Twine &message) {
  errs() << "error: " << message << "\n";
  return false;
}

// NAME=@FILE.npz:KEY; KEY may hold colons.
static bool readArrays(ArrayRef<std::string> specs, Arrays &arrays) {
  for (StringRef spec : specs) {
    auto [name, source] = spec.split("=@");
    size_t end = source.find(".npz:");
    if (end == StringRef::npos)
      return fail("expected NAME=@FILE.npz:KEY, got " + spec);
    auto file = readNpz(source.take_front(end + 4));
    if (!file)
      return fail(toString(file.takeError()));
    StringRef key = source.drop_front(end + 5);
    auto found = llvm::find_if(
        *file, [&](const NamedArray &array) { return array.name == key; });
    if (found == file->end())
      return fail("no array '" + key + "' in " + source);
    arrays.emplace_back(name.str(), std::move(found->array));
  }
  return true;
}

template <typename T> static T load(const NpyArray &array, int64_t i) {
  T value;
  std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

static double element(const NpyArray &array, int64_t i) {
  switch (array.dtype) {
  case SSMRT_F32:
    return load<float>(array, i);
  case SSMRT_F64:
    return load<double>(array, i);
  case SSMRT_I32:
    return load<int32_t>(array, i);
  case SSMRT_I64:
    return static_cast<double>(load<int64_t>(array, i));
  case SSMRT_BOOL:
  case SSMRT_U8:
    return load<uint8_t>(array, i);
  default:
    return std::nan("");
  }
}

static bool run(ModuleOp module, const Arrays &given, const Arrays &wanted) {
  auto graph = module.lookupSymbol<func::FuncOp>("forward");
  if (!graph || !graph.getBody().hasOneBlock())
    return fail("no function 'forward'");
  Evaluator evaluator;
  ModuleSymbols symbols(module);
  for (BlockArgument argument : graph.getArguments()) {
    auto name = graph.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   onnx::kNameAttr);
    auto found = llvm::find_if(given, [&](const auto &entry) {
      return name && entry.first == name.getValue();
    });
    if (found == given.end()) {
      if (argument.use_empty())
        continue;
      return fail("no value for input '" + (name ? name.getValue() : "") + "'");
    }
    const NpyArray &array = found->second;
    Tensor tensor(getElementTypeOrSelf(argument.getType()), array.shape);
    for (int64_t i = 0, e = tensor.getNumElements(); i < e; ++i) {
      if (tensor.isFloat())
        tensor.mutableFloats()[i] = element(array, i);
      else
        tensor.mutableInts()[i] = static_cast<int64_t>(element(array, i));
    }
    auto shape = symbols.shapeOf(argument.getType(), "");
    if (!shape || shape->dims.size() != array.shape.size())
      return fail("input '" + name.getValue() + "' has another rank");
    for (auto [dim, extent] : llvm::zip(shape->dims, array.shape)) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(dim))
        evaluator.bindSymbol(symbols.name(symbol.getPosition()), extent);
      else if (constantExtent(dim) && *constantExtent(dim) != extent)
        return fail("input '" + name.getValue() + "' has an extent of " +
                    Twine(extent) + " where the model says " +
                    Twine(*constantExtent(dim)));
    }
    evaluator.bind(argument, std::move(tensor));
  }

  bool right = true;
  Operation *terminator = graph.getBody().front().getTerminator();
  for (const auto &[name, expected] : wanted) {
    Value value;
    for (unsigned i = 0; i < graph.getNumResults(); ++i) {
      auto attr = graph.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr);
      if (attr && attr.getValue() == name)
        value = terminator->getOperand(i);
    }
    if (!value)
      return fail("the model has no output '" + name + "'");
    FailureOr<Tensor> got = evaluator.get(value);
    if (failed(got))
      return fail(evaluator.getError());
    if (got->getShape() != ArrayRef<int64_t>(expected.shape))
      return fail("output '" + name + "' has another shape");
    double scale = 1, worst = 0;
    for (int64_t i = 0, e = got->getNumElements(); i < e; ++i) {
      double want = element(expected, i), have = got->at(i);
      if (want == have)
        continue;
      double difference = std::abs(want - have);
      worst = std::isnan(difference) ? HUGE_VAL : std::max(worst, difference);
      scale = std::max(scale, std::abs(want));
    }
    bool within = worst <= rtol * scale;
    outs() << name << ": max |difference| " << format("%.3g", worst)
           << (within ? "\n" : " is too large\n");
    right &= within;
  }
  return right;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "evaluates a model in fp64\n");
  DialectRegistry registry;
  registerAll(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    onnx::printDiagnostic(diagnostic, errs());
  });
  OwningOpRef<ModuleOp> module =
      StringRef(model).ends_with(".mlir")
          ? parseSourceFile<ModuleOp>(model, &context)
          : importOnnx(model, &context);
  if (!module)
    return 1;
  PassManager pm(&context);
  if (failed(parsePassPipeline(passes, pm, errs())) || failed(pm.run(*module)))
    return 1;
  Arrays given, wanted;
  if (!readArrays(inputs, given) || !readArrays(expects, wanted))
    return 1;
  if (!feed.empty()) {
    auto file = readNpz(feed);
    if (!file)
      return !fail(toString(file.takeError()));
    for (NamedArray &array : *file) {
      StringRef name = array.name;
      if (name.consume_front("in:"))
        given.emplace_back(name.str(), std::move(array.array));
      else if (name.consume_front("out:"))
        wanted.emplace_back(name.str(), std::move(array.array));
    }
  }
  return run(*module, given, wanted) ? 0 : 1;
}
