//===- Descriptor.cpp - the description inside a model --------------------===//
//
// `ssm_model` and what it points to are data with relocations, which assembly
// says most plainly; LLVM's assembler makes an object file of it. Names come
// from model files: they are written byte by byte, never as text.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Files.h"

#include "lib/Support/Error.h"
#include "ssmrt/ssmrt.h"

#include "llvm/ADT/bit.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace llvm;
using namespace ssmc;

namespace {
/// Assembly of constant data. Strings are collected and written at the end.
class DataWriter {
public:
  explicit DataWriter(raw_ostream &os) : os(os) {}

  void align() { os << "\t.p2align 3\n"; }
  void label(const Twine &name) { os << name << ":\n"; }
  void i32(int64_t value) { os << "\t.long " << int32_t(value) << "\n"; }
  void i64(uint64_t value) { os << "\t.quad " << value << "\n"; }
  void pointer(const Twine &symbol) { os << "\t.quad " << symbol << "\n"; }
  void string(StringRef text) {
    pointer(".Lstring" + Twine(strings.size()));
    strings.push_back(text.str());
  }
  /// Bytes, and a zero behind them.
  void bytes(StringRef text) {
    for (size_t at = 0; at < text.size(); at += 16) {
      os << "\t.byte ";
      interleaveComma(text.substr(at, 16), os,
                      [&](char c) { os << unsigned(uint8_t(c)); });
      os << "\n";
    }
    os << "\t.byte 0\n";
  }
  void finish() {
    os << "\t.section .rodata\n";
    for (auto [i, text] : enumerate(strings)) {
      label(".Lstring" + Twine(i));
      bytes(text);
    }
  }

private:
  raw_ostream &os;
  std::vector<std::string> strings;
};
} // namespace

/// ssmrt_value_desc[]
static void writeValues(DataWriter &out, const Twine &label,
                        ArrayRef<ValueSignature> values) {
  out.label(label);
  for (const ValueSignature &value : values) {
    out.string(value.name);
    out.i32(value.dtype);
    out.i32(value.dims.size());
    for (size_t d = 0; d != SSMRT_MAX_RANK; ++d)
      d < value.dims.size() ? out.string(value.dims[d].text) : out.i64(0);
    for (size_t d = 0; d != SSMRT_MAX_RANK; ++d)
      out.i32(d < value.dims.size() ? value.dims[d].symbol : -1);
  }
}

/// ssmrt_entry_desc
static void writeEntry(DataWriter &out, size_t i, const EntrySignature &entry) {
  out.string(entry.name);
  for (size_t count : {entry.symbols.size(), entry.inputs.size(),
                       entry.outputs.size(), entry.states.size()})
    out.i32(count);
  for (StringRef table : {"symbols", "inputs", "outputs"})
    out.pointer(".L" + table + Twine(i));
  for (StringRef function : {"dims", "workspace", "run"})
    out.pointer("ssm_" + entry.name + "_" + function);
  for (StringRef table : {"state_inputs", "state_outputs"})
    out.pointer(".L" + table + Twine(i));
}

/// ssmrt_state_desc[] and what it points to
static void writeStates(DataWriter &out, const EntrySignature *entry) {
  ArrayRef<StateSignature> states;
  if (entry)
    states = entry->states;
  for (auto [i, state] : enumerate(states))
    if (!state.initialRow.empty()) {
      out.align();
      out.label(".Lrow" + Twine(i));
      out.bytes(state.initialRow);
    }
  out.align();
  out.label(".Lstates");
  for (auto [i, state] : enumerate(states)) {
    const ValueSignature &value = entry->inputs[state.input];
    out.string(state.name);
    out.i32(value.dtype);
    out.i32(value.dims.size());
    for (size_t d = 0; d != SSMRT_MAX_RANK; ++d)
      out.i64(d < value.dims.size() ? value.dims[d].extent : 0);
    out.i64(bit_cast<uint64_t>(state.initial));
    out.i32(state.inPlace);
    out.i32(0);
    state.initialRow.empty() ? out.i64(0) : out.pointer(".Lrow" + Twine(i));
  }
}

/// ssmrt_device_desc and what it points to. The driver wants code aligned.
static void writeDevice(DataWriter &out, raw_ostream &os,
                        const PackageOptions &options) {
  if (options.deviceTarget.empty())
    return;
  out.label(".Lkernels");
  for (StringRef kernel : options.deviceKernels)
    out.string(kernel);
  out.label(".Ldevice");
  out.string(options.deviceTarget);
  options.cubin.empty() ? out.i64(0) : out.pointer(".Lcubin");
  out.pointer(".Lptx");
  out.i64(options.deviceKernels.size());
  out.pointer(".Lkernels");
  os << "\t.section .rodata\n\t.p2align 6\n";
  if (!options.cubin.empty()) {
    out.label(".Lcubin");
    out.bytes(options.cubin);
    os << "\t.p2align 6\n";
  }
  out.label(".Lptx");
  out.bytes(options.ptx);
}

static std::string writeAssembly(ArrayRef<EntrySignature> entries,
                                 const WeightPlace &place,
                                 const PackageOptions &options) {
  std::string text;
  raw_string_ostream os(text);
  DataWriter out(os);
  bool inside = place.bytes > 0 && place.file.empty();
  // The linker script places the weights after .bss, so there must be one.
  os << "\t.bss\n\t.zero 1\n";
  if (inside)
    os << "\t.section .ssm.weights,\"a\",@nobits\n\t.p2align 12\n"
          "ssm_weights:\n\t.zero "
       << place.bytes << "\n";
  os << "\t.section .data.rel.ro,\"aw\"\n\t.p2align 4\n";
  for (auto [i, entry] : enumerate(entries)) {
    out.label(".Lsymbols" + Twine(i));
    for (StringRef symbol : entry.symbols)
      out.string(symbol);
    writeValues(out, ".Linputs" + Twine(i), entry.inputs);
    writeValues(out, ".Loutputs" + Twine(i), entry.outputs);
    out.label(".Lstate_inputs" + Twine(i));
    for (const StateSignature &state : entry.states)
      out.i32(state.input);
    out.label(".Lstate_outputs" + Twine(i));
    for (const StateSignature &state : entry.states)
      out.i32(state.output);
    // What follows holds pointers.
    out.align();
  }
  const EntrySignature *states = findStates(entries);
  writeStates(out, states);
  out.label(".Lentries");
  for (auto [i, entry] : enumerate(entries))
    writeEntry(out, i, entry);
  os << "\t.globl ssm_model\n\t.type ssm_model, @object\n";
  out.label("ssm_model");
  out.i32(SSMRT_ABI_VERSION);
  out.i32(entries.size());
  out.pointer(".Lentries");
  out.i32(states ? states->states.size() : 0);
  out.i32(0);
  out.pointer(".Lstates");
  inside ? out.pointer("ssm_weights") : out.i64(0);
  out.i64(place.bytes);
  place.file.empty() ? out.i64(0) : out.string(place.file);
  out.i64(place.id);
  out.string(options.cpu);
  out.i64(cpuFeatureBits(options));
  out.string(options.info);
  options.deviceTarget.empty() ? out.i64(0) : out.pointer(".Ldevice");
  os << "\t.size ssm_model, .-ssm_model\n";
  writeDevice(out, os, options);
  out.finish();
  os << "\t.section .note.GNU-stack,\"\",@progbits\n";
  return text;
}

Expected<SmallString<0>> ssmc::makeDescriptor(ArrayRef<EntrySignature> entries,
                                              const WeightPlace &place,
                                              const PackageOptions &options) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  InitializeNativeTargetAsmParser();
  Triple triple(options.triple);
  std::string message;
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  if (!target)
    return runError(message);
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(
      triple, "", "", TargetOptions(), Reloc::PIC_));
  LLVMContext context;
  Module module("ssm_model", context);
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());
  module.setModuleInlineAsm(writeAssembly(entries, place, options));
  SmallString<0> object;
  raw_svector_ostream os(object);
  legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr,
                                   CodeGenFileType::ObjectFile))
    return runError("LLVM cannot write object files for " + triple.str());
  passes.run(module);
  return object;
}

uint64_t ssmc::cpuFeatureBits(const PackageOptions &options) {
  static constexpr std::pair<StringLiteral, uint64_t> table[] = {
#define SSMRT_ROW(name, bit, text) {text, SSMRT_CPU_##name},
      SSMRT_CPU_FEATURES(SSMRT_ROW)
#undef SSMRT_ROW
  };
  InitializeNativeTarget();
  std::string message;
  Triple triple(options.triple);
  const Target *target = TargetRegistry::lookupTarget(triple, message);
  std::unique_ptr<MCSubtargetInfo> machine(
      target ? target->createMCSubtargetInfo(triple, options.baseline,
                                             options.features)
             : nullptr);
  uint64_t bits = 0;
  for (auto [name, bit] : table)
    if (machine && machine->checkFeatures(("+" + name).str()))
      bits |= bit;
  return bits;
}
