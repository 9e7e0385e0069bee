//===- Info.cpp - what a model is -----------------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/StringExtras.h"

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

void ssmc::printInfo(const ssmrt_model_desc &model, raw_ostream &os) {
  for (const ssmrt_entry_desc &entry :
       ArrayRef(model.entries, model.num_entries)) {
    os << "entry " << entry.name << "\n";
    printValues("input ", ArrayRef(entry.inputs, entry.num_inputs), os);
    printValues("output", ArrayRef(entry.outputs, entry.num_outputs), os);
  }
  os << "weights: " << model.weights_bytes << " bytes";
  if (model.weights_file)
    os << " in " << model.weights_file;
  os << "\nprocessor: " << model.cpu << "\ninterface: version "
     << model.abi_version << "\n"
     << model.info << "\n";
}
