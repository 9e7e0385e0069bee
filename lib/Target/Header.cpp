//===- Header.cpp - the C header of a model -------------------------------===//

#include "lib/Support/Npz.h"
#include "lib/Target/Files.h"
#include "ssmrt/ssmrt.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace ssmc;

/// Upper case, with everything that C does not allow in a name replaced.
static std::string macroName(StringRef text) {
  std::string name = text.upper();
  for (char &c : name)
    if (!isAlnum(c))
      c = '_';
  if (name.empty() || isDigit(name.front()))
    name.insert(0, "M_");
  return name;
}

/// Text that cannot end a comment or a line.
static std::string commentText(StringRef text) {
  std::string result;
  for (char c : text)
    result += isPrint(c) && c != '*' ? c : '_';
  return result;
}

static void describeValues(raw_ostream &os, StringRef title,
                           ArrayRef<ValueSignature> values) {
  os << " *   " << title << "\n";
  for (auto [i, value] : enumerate(values)) {
    os << " *     " << i << "  " << commentText(value.name) << "  "
       << getDtypeName(value.dtype) << "  [";
    interleaveComma(value.dims, os, [&](const Dimension &dim) {
      // A product is the only expression with an asterisk.
      std::string text = dim.text;
      llvm::replace(text, '*', 'x');
      os << commentText(text);
    });
    os << "]\n";
  }
}

static void defineValues(raw_ostream &os, const std::string &prefix,
                         ArrayRef<ValueSignature> values, StringRef kind) {
  for (auto [i, value] : enumerate(values)) {
    std::string name = prefix + kind.str() + "_" + macroName(value.name);
    os << "#define " << name << " " << i << "\n";
    os << "#define " << name << "_DTYPE " << value.dtype << "\n";
    os << "#define " << name << "_RANK " << value.dims.size() << "\n";
    if (value.getStaticBytes() >= 0)
      os << "#define " << name << "_BYTES " << value.getStaticBytes() << "\n";
  }
  os << "#define " << prefix << "NUM_" << kind << "S " << values.size() << "\n";
}

static void describeStates(raw_ostream &os, const EntrySignature &entry) {
  os << " *\n * States, kept from token to token by ssmrt_state: the first "
        "dimension counts rows.\n";
  for (auto [i, state] : enumerate(entry.states)) {
    const ValueSignature &value = entry.inputs[state.input];
    os << " *     " << i << "  " << commentText(state.name) << "  "
       << getDtypeName(value.dtype) << "  [";
    interleaveComma(value.dims, os,
                    [&](const Dimension &dim) { os << commentText(dim.text); });
    os << "], at first ";
    state.initialRow.empty() ? os << state.initial : os << "numbers of its own";
    os << "\n";
  }
}

std::string ssmc::makeHeader(StringRef name, ArrayRef<EntrySignature> entries,
                             const WeightPlace &place,
                             const PackageOptions &options) {
  std::string text, prefix = macroName(name) + "_";
  raw_string_ostream os(text);
  os << "/* " << commentText(name) << ".h: the compiled model "
     << commentText(name) << ".so, made by ssmc from "
     << commentText(options.source) << " for " << commentText(options.cpu)
     << ".\n *\n"
     << " * Open it with ssmrt_open, run it with ssmrt_run (ssmrt/ssmrt.h, "
        "libssmrt.a).\n"
     << " * Tensors are dense and row-major: the last dimension is "
        "contiguous.\n"
     << " * The workspace is a function of the extents: see "
        "ssmrt_workspace_bytes.\n"
     << " * Thread safety: any number of threads may run one opened model at "
        "the same time;\n"
     << " * each call has tensors and a workspace of its own.\n";
  if (const EntrySignature *entry = findStates(entries))
    describeStates(os, *entry);
  for (const EntrySignature &entry : entries) {
    os << " *\n * Entry " << commentText(entry.name);
    if (!entry.symbols.empty())
      os << ", sizes "
         << join(map_range(entry.symbols,
                           [](StringRef s) { return commentText(s); }),
                 ", ");
    os << ":\n";
    describeValues(os, "inputs", entry.inputs);
    describeValues(os, "outputs", entry.outputs);
  }
  os << " */\n#ifndef " << prefix << "H\n#define " << prefix << "H\n\n"
     << "#define " << prefix << "ABI_VERSION " << SSMRT_ABI_VERSION << "\n"
     << "#define " << prefix << "WEIGHTS_BYTES " << place.bytes << "\n";
  const EntrySignature *states = findStates(entries);
  os << "#define " << prefix << "NUM_STATES "
     << (states ? states->states.size() : 0) << "\n";
  for (const EntrySignature &entry : entries) {
    std::string entryPrefix = prefix + macroName(entry.name) + "_";
    os << "\n/* Entry " << commentText(entry.name)
       << ": positions, element types (ssmrt_dtype), ranks, bytes where "
          "fixed. */\n"
       << "#define " << entryPrefix << "NAME \"" << commentText(entry.name)
       << "\"\n";
    defineValues(os, entryPrefix, entry.inputs, "INPUT");
    defineValues(os, entryPrefix, entry.outputs, "OUTPUT");
  }
  os << "\n#endif\n";
  return text;
}
