//===- onnx-eval.cpp - evaluates an ONNX model ----------------------------===//
//
// A developer's tool: imports a model, runs passes on it and computes its
// outputs with the evaluator, in double precision, without compiling anything.
// Outputs that cannot be evaluated, or do not have the type that was inferred,
// are named on stderr and left out.
//
//   onnx-eval MODEL.onnx --input=@FEEDS.npz --input=NAME=@FILE.npz:KEY --output=@OUT.npz
//
// With the `=`: LLVM takes an argument that begins with @ for a list of options.
//
//===----------------------------------------------------------------------===//

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/onnx/OnnxOps.h"
#include "lib/Eval/Evaluator.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Pipelines/Register.h"
#include "lib/Support/Npz.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <cstring>

using namespace llvm;
using ssmc::NpyArray;
using ssmc::Tensor;

static cl::opt<std::string> model(cl::Positional, cl::desc("MODEL.onnx"),
                                  cl::Required);
static cl::list<std::string>
    inputs("input", cl::desc("@FILE.npz (all by name) or NAME=@FILE.npz[:KEY]"));
static cl::opt<std::string> passes("passes", cl::desc("Pass pipeline to run"));
static cl::opt<std::string> output("output", cl::desc("@FILE.npz"));

static int usage(const Twine &message) {
  errs() << "onnx-eval: " << message << '\n';
  return 2;
}

/// The elements of `bytes`, read as T.
template <typename T, typename To>
static void readElements(const NpyArray &array, MutableArrayRef<To> to) {
  for (size_t i = 0; i < to.size(); ++i) {
    T value;
    std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
    to[i] = To(value);
  }
}

static Expected<Tensor> toTensor(const NpyArray &array,
                                 mlir::MLIRContext *context) {
  mlir::Builder b(context);
  StringRef name = ssmc::getDtypeName(array.dtype);
  int64_t width = ssmc::getElementBytes(array.dtype) * 8;
  mlir::Type type = name == "bool"      ? mlir::Type(b.getI1Type())
                    : name == "float16" ? mlir::Type(b.getF16Type())
                    : name == "float32" ? mlir::Type(b.getF32Type())
                    : name == "float64" ? mlir::Type(b.getF64Type())
                    : name.starts_with("uint")
                        ? mlir::Type(b.getIntegerType(width, false))
                    : name.starts_with("int")
                        ? mlir::Type(b.getIntegerType(width))
                        : mlir::Type();
  if (!type || !Tensor::fits(array.shape))
    return createStringError("an array of type " + name);
  if (type.isF16()) {
    Tensor result(type, array.shape);
    std::vector<uint16_t> bits(result.getNumElements());
    readElements<uint16_t, uint16_t>(array, bits);
    for (auto [to, from] : zip(result.mutableFloats(), bits))
      to = APFloat(APFloat::IEEEhalf(), APInt(16, from)).convertToDouble();
    return result;
  }
  Tensor result(type, array.shape);
  if (type.isF32())
    readElements<float>(array, result.mutableFloats());
  else if (type.isF64())
    readElements<double>(array, result.mutableFloats());
  else if (width == 8 && type.isUnsignedInteger())
    readElements<uint8_t>(array, result.mutableInts());
  else if (width == 8)
    readElements<int8_t>(array, result.mutableInts());
  else if (width == 16)
    readElements<int16_t>(array, result.mutableInts());
  else if (width == 32)
    readElements<int32_t>(array, result.mutableInts());
  else
    readElements<int64_t>(array, result.mutableInts());
  for (int64_t &value : result.isFloat() ? MutableArrayRef<int64_t>()
                                         : result.mutableInts())
    value = ssmc::wrapInteger(value, type);
  return result;
}

template <typename T, typename From>
static void writeElements(ArrayRef<From> from, NpyArray &array,
                          ssmrt_dtype dtype) {
  array.dtype = dtype;
  array.bytes.resize(from.size() * sizeof(T));
  for (size_t i = 0; i < from.size(); ++i) {
    T value = T(from[i]);
    std::memcpy(array.bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
}

/// Floats narrower than 32 bits are written as float32: what the evaluator
/// computed, not rounded to the type.
static NpyArray toArray(const Tensor &tensor) {
  NpyArray array;
  array.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  mlir::Type type = tensor.getElementType();
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  bool isUnsigned = type.isUnsignedInteger();
  if (type.isF64())
    writeElements<double>(tensor.floats(), array, SSMRT_F64);
  else if (tensor.isFloat())
    writeElements<float>(tensor.floats(), array, SSMRT_F32);
  else if (width == 1)
    writeElements<uint8_t>(tensor.ints(), array, SSMRT_BOOL);
  else if (width == 8)
    writeElements<int8_t>(tensor.ints(), array, isUnsigned ? SSMRT_U8 : SSMRT_I8);
  else if (width == 16)
    writeElements<int16_t>(tensor.ints(), array,
                           isUnsigned ? SSMRT_U16 : SSMRT_I16);
  else if (width == 32)
    writeElements<int32_t>(tensor.ints(), array,
                           isUnsigned ? SSMRT_U32 : SSMRT_I32);
  else
    writeElements<int64_t>(tensor.ints(), array,
                           isUnsigned ? SSMRT_U64 : SSMRT_I64);
  return array;
}

/// Whether a value is of the type that inference found, if it found one. The
/// signs of integers and the widths of booleans are not compared.
static bool fits(const Tensor &tensor, mlir::Type type) {
  auto ranked = dyn_cast<mlir::RankedTensorType>(type);
  if (!ranked)
    return true;
  if (tensor.getRank() != ranked.getRank() ||
      tensor.isFloat() != isa<mlir::FloatType>(ranked.getElementType()))
    return false;
  for (auto [extent, inferred] : zip(tensor.getShape(), ranked.getShape()))
    if (!mlir::ShapedType::isDynamic(inferred) && extent != inferred)
      return false;
  return true;
}

/// Reads the arguments of --input into `feeds`.
static Error readFeeds(StringMap<NpyArray> &feeds) {
  for (StringRef input : inputs) {
    auto [name, source] =
        input.contains('=') ? input.split('=') : std::pair(StringRef(), input);
    auto [path, key] = source.split(".npz:");
    if (!path.consume_front("@"))
      return createStringError("--input: expects @FILE.npz in '" + input + "'");
    std::string file = key.empty() ? path.str() : (path + ".npz").str();
    auto arrays = ssmc::readNpz(file);
    if (!arrays)
      return arrays.takeError();
    for (ssmc::NamedArray &array : *arrays) {
      if (name.empty())
        feeds[array.name] = std::move(array.array);
      else if (array.name == (key.empty() ? name : key))
        feeds[name] = std::move(array.array);
    }
  }
  return Error::success();
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv, "evaluates an ONNX model\n");
  StringMap<NpyArray> feeds;
  if (Error error = readFeeds(feeds))
    return usage(toString(std::move(error)));

  mlir::DialectRegistry registry;
  ssmc::registerAll(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler handler(
      &context, [](mlir::Diagnostic &diagnostic) {
        mlir::onnx::printDiagnostic(diagnostic, errs());
      });
  mlir::OwningOpRef<mlir::ModuleOp> module = ssmc::importOnnx(model, &context);
  if (!module)
    return 1;
  mlir::PassManager manager(&context);
  if (failed(mlir::parsePassPipeline(passes, manager, errs())))
    return usage("--passes: cannot be read");
  if (failed(manager.run(*module)))
    return 1;
  auto forward = module->lookupSymbol<mlir::func::FuncOp>("forward");
  if (!forward)
    return 1;

  ssmc::Evaluator evaluator;
  for (unsigned i = 0; i < forward.getNumArguments(); ++i) {
    auto name =
        forward.getArgAttrOfType<mlir::StringAttr>(i, mlir::onnx::kNameAttr);
    auto feed = name ? feeds.find(name.getValue()) : feeds.end();
    if (feed == feeds.end())
      continue;
    Expected<Tensor> tensor = toTensor(feed->second, &context);
    if (!tensor)
      return usage(name.getValue() + ": " + toString(tensor.takeError()));
    evaluator.bind(forward.getArgument(i), *tensor);
  }

  int status = 0;
  std::vector<ssmc::NamedArray> results;
  mlir::Operation *terminator = forward.getBody().front().getTerminator();
  for (auto [i, value] : enumerate(terminator->getOperands())) {
    auto name = forward.getResultAttrOfType<mlir::StringAttr>(
        i, mlir::onnx::kNameAttr);
    std::string shown = name ? name.str() : "#" + std::to_string(i);
    mlir::FailureOr<Tensor> tensor = evaluator.get(value);
    if (failed(tensor) || tensor->isNull()) {
      errs() << "onnx-eval: output '" << shown << "': "
             << (failed(tensor) ? evaluator.getError() : "left out") << '\n';
      status = 1;
      continue;
    }
    if (!fits(*tensor, value.getType())) {
      errs() << "onnx-eval: output '" << shown << "': inferred as "
             << value.getType() << ", but has another type or shape\n";
      status = 1;
      continue;
    }
    results.push_back({shown, toArray(*tensor)});
  }
  StringRef path = output;
  if (!path.empty()) {
    if (!path.consume_front("@"))
      return usage("--output: expects @FILE.npz");
    if (Error error = ssmc::writeNpz(path, results))
      return usage(toString(std::move(error)));
  }
  return status;
}
