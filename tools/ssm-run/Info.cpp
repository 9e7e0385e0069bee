//===- Info.cpp - what a model is -----------------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace llvm;
using namespace ssmc;

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

/// What one call takes beside the weights, a function of the symbols.
static void printMemory(const ssmrt_entry_desc &entry,
                        const StringMap<int64_t> &given, raw_ostream &os) {
  std::vector<int64_t> symbols,
      extents(SSMRT_MAX_RANK * (entry.num_inputs + entry.num_outputs));
  os << "  memory";
  for (StringRef name : ArrayRef(entry.symbols, entry.num_symbols)) {
    auto known = given.find(name);
    symbols.push_back(known == given.end() ? 1 : known->second);
    os << (symbols.size() == 1 ? " at " : ", ") << name << " = "
       << symbols.back();
  }
  entry.dims(symbols.data(), extents.data());
  const int64_t *extent = extents.data();
  auto bytesOf = [&](ArrayRef<ssmrt_value_desc> values) {
    double total = 0;
    for (const ssmrt_value_desc &value : values) {
      double bytes = ssmrt_dtype_bytes(value.dtype);
      for (int32_t d = 0; d < value.rank; ++d)
        bytes *= *extent++;
      total += bytes;
    }
    return total;
  };
  double inputs = bytesOf(ArrayRef(entry.inputs, entry.num_inputs));
  double outputs = bytesOf(ArrayRef(entry.outputs, entry.num_outputs));
  int64_t workspace = entry.workspace(symbols.data());
  if (workspace < 0) {
    os << ": such a call is refused\n";
    return;
  }
  os << format(": %.0f bytes of inputs, %.0f of outputs, ", inputs, outputs)
     << workspace << " of workspace\n";
}

void ssmc::printInfo(const ssmrt_model_desc &model,
                     const StringMap<int64_t> &symbols, raw_ostream &os) {
  for (const ssmrt_entry_desc &entry :
       ArrayRef(model.entries, model.num_entries)) {
    os << "entry " << entry.name << "\n";
    printValues("input ", ArrayRef(entry.inputs, entry.num_inputs), os);
    printValues("output", ArrayRef(entry.outputs, entry.num_outputs), os);
    printMemory(entry, symbols, os);
  }
  os << "weights: " << model.weights_bytes << " bytes";
  if (model.weights_file)
    os << " in " << model.weights_file;
  os << "\nprocessor: " << model.cpu << "\ninterface: version "
     << model.abi_version << "\n"
     << model.info << "\n";
}
