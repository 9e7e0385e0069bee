//===- Info.cpp - what a model is -----------------------------------------===//
//
// For people a few lines; --json has the same and the whole record of what the
// compiler did: what was raised and why the rest was not, what is assumed, and
// what each way to compute a mixer was estimated to cost.
//
//===----------------------------------------------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>
#include <map>

using namespace llvm;
using namespace ssmc;

namespace {
/// What one call takes beside the weights, a function of the symbols.
struct Memory {
  std::vector<std::pair<StringRef, int64_t>> symbols;
  double inputs = 0, outputs = 0; // bytes
  int64_t workspace = 0;          // negative: such a call is refused
};
} // namespace

static Memory memoryOf(const ssmrt_entry_desc &entry,
                       const StringMap<int64_t> &given) {
  Memory memory;
  std::vector<int64_t> values,
      extents(SSMRT_MAX_RANK * (entry.num_inputs + entry.num_outputs));
  for (StringRef name : ArrayRef(entry.symbols, entry.num_symbols)) {
    auto known = given.find(name);
    values.push_back(known == given.end() ? 1 : known->second);
    memory.symbols.push_back({name, values.back()});
  }
  entry.dims(values.data(), extents.data());
  const int64_t *extent = extents.data();
  auto bytesOf = [&](ArrayRef<ssmrt_value_desc> list) {
    double total = 0;
    for (const ssmrt_value_desc &value : list) {
      double bytes = ssmrt_dtype_bytes(value.dtype);
      for (int32_t d = 0; d < value.rank; ++d)
        bytes *= *extent++;
      total += bytes;
    }
    return total;
  };
  memory.inputs = bytesOf(ArrayRef(entry.inputs, entry.num_inputs));
  memory.outputs = bytesOf(ArrayRef(entry.outputs, entry.num_outputs));
  memory.workspace = entry.workspace(values.data());
  return memory;
}

//===----------------------------------------------------------------------===//
// For people
//===----------------------------------------------------------------------===//

static void printValues(StringRef title, ArrayRef<ssmrt_value_desc> values,
                        raw_ostream &os) {
  for (const ssmrt_value_desc &value : values) {
    os << "  " << title << " " << value.name << ": "
       << getDtypeName(value.dtype) << " [";
    ListSeparator comma;
    for (int32_t d = 0; d < value.rank; ++d)
      os << comma << value.dim_name[d];
    os << "]\n";
  }
}

/// What a row of a batch takes between calls.
static void printStates(ArrayRef<ssmrt_state_desc> states, raw_ostream &os) {
  if (states.empty())
    return;
  double total = 0;
  for (const ssmrt_state_desc &state : states) {
    double bytes = ssmrt_dtype_bytes(state.dtype);
    for (int64_t extent : ArrayRef(state.shape, state.rank).drop_front())
      bytes *= extent;
    total += bytes;
  }
  os << formatv("states: {0}, {1:F0} bytes for each row\n", states.size(),
                total);
}

static void printMemory(const Memory &memory, raw_ostream &os) {
  os << "  memory";
  ListSeparator comma(", ", " at ");
  for (auto [name, value] : memory.symbols)
    os << comma << name << " = " << value;
  if (memory.workspace < 0)
    os << ": such a call is refused\n";
  else
    os << formatv(": {0:F0} bytes of inputs, {1:F0} of outputs, {2} of "
                  "workspace\n",
                  memory.inputs, memory.outputs, memory.workspace);
}

/// How often each text was seen: "2 x ssm.scan, 3 x ssm.short_conv".
static void printCounts(StringRef title,
                        const std::map<std::string, int64_t> &counts,
                        raw_ostream &os) {
  if (counts.empty())
    return;
  os << title;
  ListSeparator comma;
  for (const auto &[text, count] : counts)
    os << comma << count << " x " << text;
  os << "\n";
}

/// What the compiler has recorded, in short.
static void printRecord(const json::Object &record, raw_ostream &os) {
  auto text = [](const json::Object &object, StringRef key) {
    return object.getString(key).value_or("").str();
  };
  os << "made from: " << text(record, "source") << ", by ssmc "
     << text(record, "compiler") << " (LLVM " << text(record, "llvm") << "), -O"
     << record.getInteger("opt_level").value_or(0) << "\ncommand: ssmc "
     << text(record, "command") << "\n";
  auto each = [&](StringRef key, function_ref<void(const json::Object &)> use) {
    if (const json::Array *list = record.getArray(key))
      for (const json::Value &value : *list)
        if (const json::Object *object = value.getAsObject())
          use(*object);
  };
  std::map<std::string, int64_t> raised, planned;
  int64_t kept = 0, assumed = 0;
  each("raise", [&](const json::Object &site) {
    std::string op = text(site, "op");
    op.empty() ? ++kept : ++raised[op];
  });
  each("plan", [&](const json::Object &decision) {
    if (const json::Object *chosen = decision.getObject("chosen"))
      planned[text(decision, "op") + " " + text(*chosen, "strategy")] +=
          decision.getInteger("count").value_or(1);
  });
  each("lengths", [&](const json::Object &) { ++assumed; });
  printCounts("raised: ", raised, os);
  if (kept)
    os << "kept as they were: " << kept << " sites\n";
  printCounts("strategies: ", planned, os);
  if (assumed)
    os << "assumed at other lengths than the traced one: " << assumed
       << " things\n";
  os << "(--json has the whole record)\n";
}

//===----------------------------------------------------------------------===//
// For programs
//===----------------------------------------------------------------------===//

static json::Array toJson(ArrayRef<ssmrt_value_desc> values) {
  json::Array list;
  for (const ssmrt_value_desc &value : values) {
    json::Array dims;
    for (int32_t d = 0; d < value.rank; ++d)
      dims.push_back(json::fixUTF8(value.dim_name[d]));
    list.push_back(json::Object{{"name", json::fixUTF8(value.name)},
                                {"type", getDtypeName(value.dtype)},
                                {"dims", std::move(dims)}});
  }
  return list;
}

/// The elements of a row before the first token, in order.
static json::Array initialRow(const ssmrt_state_desc &state) {
  size_t size = ssmrt_dtype_bytes(state.dtype), count = 1;
  for (int64_t extent : ArrayRef(state.shape, state.rank).drop_front())
    count *= extent;
  const fltSemantics &semantics =
      state.dtype == SSMRT_F64    ? APFloat::IEEEdouble()
      : state.dtype == SSMRT_F32  ? APFloat::IEEEsingle()
      : state.dtype == SSMRT_BF16 ? APFloat::BFloat()
                                  : APFloat::IEEEhalf();
  json::Array row;
  for (size_t i = 0; i < count; ++i) {
    uint64_t bits = 0; // little endian, as models are
    memcpy(&bits, static_cast<const char *>(state.initial_row) + i * size,
           size);
    double element =
        APFloat(semantics, APInt(8 * size, bits)).convertToDouble();
    if (std::isfinite(element))
      row.push_back(element);
    else
      row.push_back(element < 0 ? "-inf" : "inf");
  }
  return row;
}

static json::Array toJson(ArrayRef<ssmrt_state_desc> states) {
  json::Array list;
  for (const ssmrt_state_desc &state : states) {
    json::Array dims;
    for (int64_t extent : ArrayRef(state.shape, state.rank))
      dims.push_back(extent);
    // No number of JSON is infinite.
    json::Value initial = state.initial;
    if (!std::isfinite(state.initial))
      initial = state.initial < 0 ? "-inf" : "inf";
    if (state.initial_row)
      initial = initialRow(state);
    list.push_back(json::Object{{"name", json::fixUTF8(state.name)},
                                {"type", getDtypeName(state.dtype)},
                                {"dims", std::move(dims)},
                                {"initial", std::move(initial)},
                                {"in_place", state.in_place != 0}});
  }
  return list;
}

static json::Object toJson(const Memory &memory) {
  json::Object at;
  for (auto [name, value] : memory.symbols)
    at[json::fixUTF8(name)] = value;
  return json::Object{{"at", std::move(at)},
                      {"inputs", memory.inputs},
                      {"outputs", memory.outputs},
                      {"workspace", memory.workspace}};
}

void ssmc::printInfo(const ssmrt_model_desc &model,
                     const StringMap<int64_t> &symbols, bool json,
                     raw_ostream &os) {
  Expected<json::Value> record = json::parse(model.info);
  if (!record) {
    consumeError(record.takeError());
    record = json::Value(json::fixUTF8(model.info));
  }
  ArrayRef<ssmrt_entry_desc> entries(model.entries, model.num_entries);
  if (json) {
    json::Array list;
    for (const ssmrt_entry_desc &entry : entries)
      list.push_back(json::Object{
          {"name", entry.name},
          {"inputs", toJson(ArrayRef(entry.inputs, entry.num_inputs))},
          {"outputs", toJson(ArrayRef(entry.outputs, entry.num_outputs))},
          {"memory", toJson(memoryOf(entry, symbols))}});
    json::Object info{
        {"entries", std::move(list)},
        {"states", toJson(ArrayRef(model.states, model.num_states))},
        {"weights_bytes", model.weights_bytes},
        {"cpu", model.cpu},
        {"target", model.device ? model.device->target : "cpu"},
        {"abi_version", model.abi_version},
        {"compilation", std::move(*record)}};
    if (model.weights_file)
      info["weights_file"] = model.weights_file;
    os << formatv("{0:2}\n", json::Value(std::move(info)));
    return;
  }
  for (const ssmrt_entry_desc &entry : entries) {
    os << "entry " << entry.name << "\n";
    printValues("input ", ArrayRef(entry.inputs, entry.num_inputs), os);
    printValues("output", ArrayRef(entry.outputs, entry.num_outputs), os);
    printMemory(memoryOf(entry, symbols), os);
  }
  printStates(ArrayRef(model.states, model.num_states), os);
  os << "weights: " << model.weights_bytes << " bytes";
  if (model.weights_file)
    os << " in " << model.weights_file;
  os << "\nprocessor: " << model.cpu;
  if (model.device)
    os << "\nGPU: " << model.device->target << ", " << model.device->num_kernels
       << " kernels"
       << (model.device->cubin ? "" : ", to be compiled by the driver");
  os << "\ninterface: version " << model.abi_version << "\n";
  if (const json::Object *object = record->getAsObject())
    printRecord(*object, os);
}
