//===- Calls.cpp - many calls of a model's entries ------------------------===//
//
// As ssm-eval has it: arrays of an archive are named CALL.ENTRY.INPUT, each
// CALL.ENTRY is run once, and gives arrays CALL.ENTRY.OUTPUT.
//
//===----------------------------------------------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/MapVector.h"

using namespace llvm;
using namespace ssmc;

namespace {
/// The arrays of one call.
using Inputs = StringMap<NpyArray *>;
} // namespace

ssmrt_tensor ssmc::tensorOf(NpyArray &array) {
  ssmrt_tensor tensor = {};
  tensor.data = array.bytes.data();
  tensor.dtype = array.dtype;
  tensor.rank = array.shape.size();
  copy(ArrayRef(array.shape).take_front(SSMRT_MAX_RANK), tensor.shape);
  return tensor;
}

/// Runs `entry`, and adds its outputs to `results`.
static Error runCall(const ssmrt_model *model, const ssmrt_entry_desc &entry,
                     StringRef call, const Inputs &inputs,
                     const ssmrt_run_options &options,
                     std::vector<NamedArray> &results) {
  auto fail = [&](const Twine &what) {
    return runError("call '" + call + "': " + what);
  };
  std::vector<ssmrt_tensor> given, made(entry.num_outputs);
  int64_t total = 0;
  for (const ssmrt_value_desc &value :
       ArrayRef(entry.inputs, entry.num_inputs)) {
    NpyArray *array = inputs.lookup(value.name);
    if (!array)
      return fail(Twine("no '") + value.name + "' is given");
    if (array->shape.size() > SSMRT_MAX_RANK)
      return fail(Twine("'") + value.name + "' has " +
                  Twine(array->shape.size()) + " dimensions");
    given.push_back(tensorOf(*array));
  }
  if (inputs.size() != given.size())
    return fail("it has " + Twine(inputs.size()) + " arrays, the entry takes " +
                Twine(given.size()));
  ssmrt_status status = ssmrt_infer_outputs(&entry, given.data(), made.data());
  if (status.code != SSMRT_OK)
    return fail(status.message);
  size_t first = results.size();
  for (auto [value, tensor] :
       zip(ArrayRef(entry.outputs, entry.num_outputs), made)) {
    NpyArray array;
    array.dtype = ssmrt_dtype(tensor.dtype);
    array.shape.assign(tensor.shape, tensor.shape + tensor.rank);
    if (Error error = addBytes(array, value.name, total))
      return error;
    allocate(array);
    results.push_back({(call + "." + value.name).str(), std::move(array)});
  }
  for (auto [i, tensor] : enumerate(made))
    tensor.data = results[first + i].array.bytes.data();
  status = ssmrt_run(model, &entry, given.data(), made.data(), &options);
  return status.code == SSMRT_OK ? Error::success() : fail(status.message);
}

Error ssmc::runCalls(const ssmrt_model *model, StringRef path,
                     const ssmrt_run_options &options,
                     std::vector<NamedArray> &results) {
  Expected<std::vector<NamedArray>> arrays = readNpz(path);
  if (!arrays)
    return arrays.takeError();
  MapVector<StringRef, Inputs> calls;
  for (NamedArray &array : *arrays) {
    auto [call, input] = StringRef(array.name).rsplit('.');
    calls[call][input] = &array.array;
  }
  for (auto &[call, inputs] : calls) {
    std::string name = call.split('.').second.str();
    const ssmrt_entry_desc *entry = ssmrt_find_entry(model, name.c_str());
    if (!entry)
      return usageError(
          "'" + call + "' is not CALL.ENTRY: there is no entry '" + name + "'");
    if (Error error = runCall(model, *entry, call, inputs, options, results))
      return error;
  }
  return Error::success();
}
