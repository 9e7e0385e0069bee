//===- ssm-eval.cpp - runs functions by the evaluator ---------------------===//
//
// ssm-eval FILE.mlir IN.npz OUT.npz
//
// The arrays of IN.npz are named CALL.FUNCTION.ARGUMENT; every call is
// evaluated, its results are written as CALL.FUNCTION.RESULT, in double or
// int64. A call that fails is printed with the reason.
//
//===----------------------------------------------------------------------===//

#include "lib/Eval/Evaluator.h"
#include "lib/Pipelines/Register.h"
#include "lib/Support/Npz.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace mlir;
using namespace ssmc;

namespace {
template <typename T, typename To>
void read(const NpyArray &array, MutableArrayRef<To> to) {
  for (size_t i = 0; i < to.size(); ++i) {
    T value;
    std::memcpy(&value, array.bytes.data() + i * sizeof(T), sizeof(T));
    to[i] = value;
  }
}

bool toTensor(const NpyArray &array, Type type, Tensor &tensor) {
  tensor = Tensor(getElementTypeOrSelf(type), array.shape);
  if (array.dtype == SSMRT_F32 && tensor.isFloat())
    read<float>(array, tensor.mutableFloats());
  else if (array.dtype == SSMRT_F64 && tensor.isFloat())
    read<double>(array, tensor.mutableFloats());
  else if (array.dtype == SSMRT_I32 && !tensor.isFloat())
    read<int32_t>(array, tensor.mutableInts());
  else if (array.dtype == SSMRT_I64 && !tensor.isFloat())
    read<int64_t>(array, tensor.mutableInts());
  else
    return false;
  return true;
}

NpyArray fromTensor(const Tensor &tensor) {
  NpyArray array;
  array.dtype = tensor.isFloat() ? SSMRT_F64 : SSMRT_I64;
  array.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
  array.bytes.resize(tensor.getNumElements() * 8);
  if (!array.bytes.empty())
    std::memcpy(array.bytes.data(),
                tensor.isFloat()
                    ? static_cast<const void *>(tensor.floats().data())
                    : tensor.ints().data(),
                array.bytes.size());
  return array;
}

int fail(const Twine &message) {
  llvm::errs() << message << "\n";
  return 1;
}
} // namespace

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  DialectRegistry registry;
  registerAll(registry);
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  auto inputs = readNpz(argv[2]);
  if (!inputs)
    return fail(toString(inputs.takeError()));
  llvm::MapVector<StringRef, SmallVector<const NpyArray *>> calls;
  for (const NamedArray &input : *inputs)
    calls[StringRef(input.name).rsplit('.').first].push_back(&input.array);

  std::vector<NamedArray> outputs;
  for (auto &[call, arguments] : calls) {
    auto function = module->lookupSymbol<func::FuncOp>(call.split('.').second);
    if (!function || function.getNumArguments() != arguments.size())
      return fail("no function for the call " + call);
    Evaluator evaluator;
    for (auto [argument, array] :
         llvm::zip(function.getArguments(), arguments)) {
      Tensor tensor;
      if (!toTensor(*array, argument.getType(), tensor))
        return fail("an array of another type in the call " + call);
      evaluator.bind(argument, tensor);
    }
    auto results = evaluator.runBlock(function.getBody().front());
    if (failed(results)) {
      llvm::outs() << call << ": " << evaluator.getError() << "\n";
      continue;
    }
    for (auto [i, result] : llvm::enumerate(*results))
      outputs.push_back({(call + "." + Twine(i)).str(), fromTensor(result)});
  }
  if (llvm::Error error = writeNpz(argv[3], outputs))
    return fail(toString(std::move(error)));
  return 0;
}
