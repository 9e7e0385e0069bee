//===- CommandLine.cpp - reads the options of the compiler ----------------===//

#include "lib/Driver/CommandLine.h"
#include "lib/Codegen/Gpu/GpuTarget.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Option/OptTable.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace llvm::opt;
using namespace ssmc;

namespace {
enum OptionId {
  OPT_INVALID = 0,
#define OPTION(...) LLVM_MAKE_OPT_ID(__VA_ARGS__),
#include "lib/Driver/Options.inc"
#undef OPTION
};

#define OPTTABLE_STR_TABLE_CODE
#include "lib/Driver/Options.inc"
#undef OPTTABLE_STR_TABLE_CODE

#define OPTTABLE_PREFIXES_TABLE_CODE
#include "lib/Driver/Options.inc"
#undef OPTTABLE_PREFIXES_TABLE_CODE

constexpr OptTable::Info kOptions[] = {
#define OPTION(...) LLVM_CONSTRUCT_OPT_INFO(__VA_ARGS__),
#include "lib/Driver/Options.inc"
#undef OPTION
};

struct OptionTable : GenericOptTable {
  OptionTable()
      : GenericOptTable(OptionStrTable, OptionPrefixesTable, kOptions) {}
};

struct EmitKind {
  StringLiteral name;
  Emit emit;
  StringLiteral help;
};
constexpr EmitKind kEmitKinds[] = {
    {"onnx", Emit::Onnx, "the simplified graph, as MLIR"},
    {"ssm", Emit::Ssm, "the raised graph, as MLIR"},
    {"linalg", Emit::Linalg, "tensors and mixers"},
    {"tiled", Emit::Tiled, "kernels as loops on buffers"},
    {"ptx", Emit::Ptx, "code for the GPU"},
    {"llvm", Emit::Llvm, "LLVM IR, optimised"},
    {"asm", Emit::Asm, "assembly"},
    {"obj", Emit::Obj, "object file"},
    {"lib", Emit::Lib, "shared library and C header"}};

/// The arguments, as text, and where to say what is wrong with them.
class Flags {
public:
  Flags(const InputArgList &args, raw_ostream &log) : args(args), log(log) {}

  bool has(OptSpecifier id) const { return args.hasArg(id); }
  std::string get(OptSpecifier id, StringRef absent = "") const {
    return args.getLastArgValue(id, absent).str();
  }
  std::vector<std::string> getAll(OptSpecifier id) const {
    return args.getAllArgValues(id);
  }
  bool usage(const Twine &message) const {
    log << "ssmc: " << message << " (see ssmc --help)\n";
    return false;
  }

  const InputArgList &args;

private:
  raw_ostream &log;
};
} // namespace

/// Options that are none, and options given twice of which one would have no
/// effect.
static bool checkSpelling(const OptionTable &table, const Flags &flags) {
  if (const Arg *unknown = flags.args.getLastArg(OPT_UNKNOWN)) {
    std::string text = unknown->getAsString(flags.args), nearest;
    bool near = table.findNearest(text, nearest) <= 2;
    return flags.usage("unknown option '" + text + "'" +
                       (near ? ": is '" + nearest + "' meant?" : ""));
  }
  if (flags.getAll(OPT_INPUT).size() > 1)
    return flags.usage("one model at a time, not " +
                       join(flags.getAll(OPT_INPUT), " and "));
  DenseSet<unsigned> given;
  for (const Arg *arg : flags.args) {
    unsigned id = arg->getOption().getUnaliasedOption().getID();
    if (id != OPT_dim_EQ && id != OPT_strategy_EQ && !given.insert(id).second)
      return flags.usage(arg->getSpelling().rtrim('=') + " is given twice");
  }
  return true;
}

static bool readEmit(const Flags &flags, CompilerOptions &options) {
  std::string text = flags.get(OPT_emit_EQ, "lib");
  for (const EmitKind &kind : kEmitKinds)
    if (kind.name == text) {
      options.emit = kind.emit;
      return true;
    }
  return flags.usage(
      "--emit=" + text + ": '" + text + "' is none of " +
      join(
          map_range(kEmitKinds, [](const EmitKind &kind) { return kind.name; }),
          ", "));
}

/// A number without a sign.
static bool readNumber(const Flags &flags, OptSpecifier id, uint64_t &number) {
  const Arg *arg = flags.args.getLastArg(id);
  if (!arg || !StringRef(arg->getValue()).getAsInteger(10, number))
    return true;
  return flags.usage(arg->getAsString(flags.args) + " is not a number");
}

/// As many as a run takes.
static constexpr unsigned kMostThreads = 1024;

/// What the flags promise that this release does not keep is refused.
static bool checkLimits(const Flags &flags, const CompilerOptions &options) {
  const std::string &target = options.target;
  bool isGpu = GpuTarget::isGpu(target);
  if (target != "cpu" && mlir::failed(GpuTarget::get(target)))
    return flags.usage("unknown target '" + target + "': there are cpu, " +
                       GpuTarget::list());
  if (options.emit == Emit::Ptx && !isGpu)
    return flags.usage("--emit=ptx needs a GPU, such as --target=cuda:sm_90a");
  std::string precision = flags.get(OPT_precision_EQ, "f32");
  if (precision != "f32")
    return flags.usage("--precision=" + precision +
                       " is not in this release: f32 is");
  std::string weights = flags.get(OPT_weights_EQ, "f32");
  if (!is_contained({"f32", "bf16", "f16"}, StringRef(weights)))
    return flags.usage("--weights=" + weights + " is none of f32, bf16, f16");
  if (isGpu && (weights != "f32" || options.products != "f32"))
    return flags.usage("--weights and --products other than f32 are not there "
                       "for GPUs: weights keep their type");
  std::string level = flags.get(OPT_O, "2");
  if (level != "0" && level != "2")
    return flags.usage("-O" + level + " is none of -O0 and -O2");
  if (weights != "f32" && level == "0")
    return flags.usage(
        "--weights=" + weights +
        " needs -O2: the reference code of -O0 reads them as they are");
  if (!is_contained({"f32", "bf16"}, StringRef(options.products)))
    return flags.usage("--products=" + options.products +
                       " is none of f32, bf16");
  if (options.products == "bf16" && level == "0")
    return flags.usage("--products=bf16 needs -O2: the reference code of -O0 "
                       "multiplies numbers as they are");
  if (options.products == "bf16" && flags.has(OPT_weights_EQ) &&
      weights != "bf16")
    return flags.usage(
        "--products=bf16 multiplies weights in bf16, not --weights=" + weights);
  if (std::string fault = checkEntries(options.entries); !fault.empty())
    return flags.usage("--entry=" + flags.get(OPT_entry_EQ, "") + ": " + fault);
  if (options.threads < 1 || options.threads > kMostThreads)
    return flags.usage(
        flags.args.getLastArg(OPT_plan_threads_EQ)->getAsString(flags.args) +
        ": write a number from 1 to " + Twine(kMostThreads));
  for (auto [i, text] : enumerate(options.strategies)) {
    if (std::string fault = checkStrategy(text); !fault.empty())
      return flags.usage("--strategy=" + text + ": " + fault);
    StringRef mixer = StringRef(text).split(':').first;
    for (StringRef other : ArrayRef(options.strategies).take_front(i))
      if (other != text && other.split(':').first == mixer)
        return flags.usage("--strategy=" + text +
                           ": contradicts --strategy=" + other);
  }
  if (flags.has(OPT_max_length_EQ) &&
      (options.maxLength < 1 || options.maxLength > INT32_MAX))
    return flags.usage("--max-length must be 1 to 2^31 - 1");
  if (flags.has(OPT_max_length_EQ) && options.entries.size() == 1 &&
      options.entries.front() == "forward")
    return flags.usage("--max-length is the capacity of caches of prefill and "
                       "step, and has no effect without --entry=prefill,step");
  return true;
}

static bool readDims(const Flags &flags, CompilerOptions &options) {
  for (const std::string &text : flags.getAll(OPT_dim_EQ)) {
    std::optional<LengthRequest> request = parseLengthRequest(text);
    if (!request)
      return flags.usage("--dim " + text +
                         ": write INPUT:AXIS=NAME or INPUT:AXIS=NUMBER, as in "
                         "input_ids:1=L; a number is 1 to 2^31 - 1");
    for (const LengthRequest &other : options.dims)
      if (other.input == request->input && other.axis == request->axis &&
          (other.number != request->number || other.symbol != request->symbol))
        return flags.usage("--dim " + text + ": contradicts --dim " +
                           other.text);
    options.dims.push_back(std::move(*request));
  }
  return true;
}

/// A flag that the rest of the command line leaves without effect is a
/// mistake, and is told before the work.
static bool checkEffects(const Flags &flags, const CompilerOptions &options) {
  const char *late = options.report                ? "--report"
                     : !options.dims.empty()       ? "--dim"
                     : !options.strategies.empty() ? "--strategy"
                     : options.entries.size() > 1  ? "--entry"
                                                   : nullptr;
  if (options.emit == Emit::Onnx && late)
    return flags.usage(
        Twine(late) +
        " has no effect with --emit=onnx, which stops before raising");
  if (options.report && !options.raise)
    return flags.usage("--report has nothing to say with --no-raise");
  if (flags.has(OPT_external_data_dir_EQ)) {
    if (StringRef(options.input).ends_with(".mlir"))
      return flags.usage("--external-data-dir has no effect on a .mlir file");
    if (!sys::fs::is_directory(options.externalDataDir))
      return flags.usage("--external-data-dir=" + options.externalDataDir +
                         ": there is no such folder");
  }
  return true;
}

/// Whether two paths name one file, or will once both are written.
static bool isSame(StringRef a, StringRef b) {
  bool same = false;
  return a == b || (!sys::fs::equivalent(a, b, same) && same);
}

static bool readOutput(const Flags &flags, CompilerOptions &options) {
  bool isText = options.emit != Emit::Obj && options.emit != Emit::Lib;
  options.output = flags.get(OPT_o);
  if (options.output.empty() && isText)
    options.output = "-";
  if (options.output.empty() || (options.output == "-" && !isText))
    return flags.usage("say where to write: -o OUT");
  if (isSame(options.input, options.output))
    return flags.usage("the output would replace the input");
  StringRef extension = sys::path::extension(options.output);
  if (isText && extension == ".onnx")
    return flags.usage(
        "-o " + options.output +
        ": what is written is text, not an ONNX file; name it .mlir");
  if (options.emit == Emit::Lib &&
      (extension == ".h" || extension == ".weights"))
    return flags.usage(
        "-o " + options.output +
        ": this is the name of a file beside the library; end it in "
        ".so");
  SmallString<128> header(options.output);
  sys::path::replace_extension(header, ".h");
  if (options.emit == Emit::Lib && isSame(options.input, header))
    return flags.usage("the header " + header + " would replace the input");
  if (!options.reportFile.empty() &&
      (isSame(options.reportFile, options.input) ||
       isSame(options.reportFile, options.output)))
    return flags.usage("--report=" + options.reportFile +
                       " would replace the model: give it a name of its own");
  return true;
}

/// What an option takes, where --help has one line for it.
static void printHelp(const OptionTable &table, raw_ostream &os) {
  table.printHelp(os, "ssmc [options] MODEL.onnx|FILE.mlir",
                  "ssmc: compiles sequence models to shared libraries\n\n"
                  "  ssmc MODEL.onnx -o MODEL.so --dim input_ids:1=L --report");
  os << "\nKINDS:\n";
  for (const EmitKind &kind : kEmitKinds)
    os << "  " << left_justify(kind.name, 24) << kind.help << "\n";
}

std::optional<ExitCode> ssmc::parseCommandLine(ArrayRef<const char *> arguments,
                                               CompilerOptions &options,
                                               raw_ostream &out,
                                               raw_ostream &log) {
  OptionTable table;
  unsigned missingAt = 0, missing = 0;
  InputArgList args = table.ParseArgs(arguments, missingAt, missing);
  Flags flags(args, log);
  if (flags.has(OPT_help)) {
    printHelp(table, out);
    return kDone;
  }
  if (flags.has(OPT_version)) {
    out << "ssmc " << SSMC_VERSION << "\n";
    return kDone;
  }
  uint64_t threads = options.threads, inlined = options.maxInlineWeights,
           maxLength = 0;
  if (missing) {
    flags.usage(Twine(args.getArgString(missingAt)) + " requires a value");
    return kUsage;
  }
  if (!checkSpelling(table, flags) || !readEmit(flags, options) ||
      !readNumber(flags, OPT_plan_threads_EQ, threads) ||
      !readNumber(flags, OPT_max_inline_weights_EQ, inlined) ||
      !readNumber(flags, OPT_max_length_EQ, maxLength))
    return kUsage;
  options.input = flags.get(OPT_INPUT, options.input);
  if (options.input.empty()) {
    flags.usage("which model? give MODEL.onnx");
    return kUsage;
  }
  options.cpu = flags.get(OPT_cpu_EQ, "host");
  options.target = flags.get(OPT_target_EQ, "cpu");
  options.products = flags.get(OPT_products_EQ, "f32");
  options.weights = options.products == "bf16"
                        ? options.products
                        : flags.get(OPT_weights_EQ, "f32");
  options.externalDataDir = flags.get(OPT_external_data_dir_EQ);
  options.maxLength = std::min<uint64_t>(maxLength, INT64_MAX);
  options.entries.clear();
  std::string entries = flags.get(OPT_entry_EQ, "forward");
  for (StringRef entry : split(entries, ','))
    options.entries.push_back(entry.str());
  options.strategies = flags.getAll(OPT_strategy_EQ);
  options.threads = std::min<uint64_t>(threads, UINT32_MAX);
  options.optLevel = flags.get(OPT_O, "2") == "0" ? 0 : 2;
  options.raise = !flags.has(OPT_no_raise);
  options.failIn = flags.get(OPT_fail_in_EQ);
  options.maxInlineWeights = inlined;
  options.reportFile = flags.get(OPT_report_EQ);
  options.report = flags.has(OPT_report) || flags.has(OPT_report_EQ);
  options.time = flags.has(OPT_time);
  options.dumpDir = flags.get(OPT_dump_ir_EQ);
  options.command = join(arguments, " ");
  if (checkLimits(flags, options) && readDims(flags, options) &&
      checkEffects(flags, options) && readOutput(flags, options))
    return std::nullopt;
  return kUsage;
}
