//===- CommandLine.cpp - the flags of ssmc --------------------------------===//

#include "tools/ssmc/CommandLine.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

using namespace llvm;
using namespace ssmc;

namespace {
/// Kinds that other releases write are not the same as misspelt ones.
class EmitParser : public cl::parser<Emit> {
public:
  using cl::parser<Emit>::parser;
  bool parse(cl::Option &option, StringRef flag, StringRef text, Emit &emit) {
    if (text == "ptx")
      return option.error("ptx is not in this release: there is no GPU target");
    for (const OptionInfo &known : Values)
      if (known.Name == text)
        return cl::parser<Emit>::parse(option, flag, text, emit);
    return option.error("'" + text + "' is none of " +
                        join(map_range(Values,
                                       [](const OptionInfo &known) {
                                         return known.Name.str();
                                       }),
                             ", "));
  }
};

/// The flags live as long as they are parsed.
struct Flags {
  cl::OptionCategory category{"Options"};
  cl::opt<std::string> input{
      cl::Positional, cl::value_desc("MODEL.onnx|FILE.mlir"),
      cl::desc("MODEL.onnx|FILE.mlir"), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::value_desc("OUT"),
                              cl::desc("File to write; a C header OUT.h lies "
                                       "beside a library (text: - if absent)"),
                              cl::cat(category)};
  cl::opt<Emit, false, EmitParser> emit{
      "emit", cl::desc("What to write (default: lib)"), cl::init(Emit::Lib),
      cl::values(
          clEnumValN(Emit::Onnx, "onnx", "the simplified graph, as MLIR"),
          clEnumValN(Emit::Ssm, "ssm", "the raised graph, as MLIR"),
          clEnumValN(Emit::Linalg, "linalg", "tensors and mixers"),
          clEnumValN(Emit::Tiled, "tiled", "kernels as loops on buffers"),
          clEnumValN(Emit::Llvm, "llvm", "LLVM IR, optimised"),
          clEnumValN(Emit::Asm, "asm", "assembly"),
          clEnumValN(Emit::Obj, "obj", "object file"),
          clEnumValN(Emit::Lib, "lib", "shared library and C header")),
      cl::cat(category)};
  cl::opt<std::string> target{"target", cl::value_desc("cpu"), cl::init("cpu"),
                              cl::desc("Kind of machine (default: cpu)"),
                              cl::cat(category)};
  cl::opt<std::string> cpu{
      "cpu", cl::value_desc("NAME"), cl::init("host"),
      cl::desc("Processor, as LLVM names it (default: this one)"),
      cl::cat(category)};
  cl::list<std::string> dims{
      "dim", cl::value_desc("INPUT:AXIS=NAME|NUMBER"),
      cl::desc("Free or fix an extent of an input; may be repeated"),
      cl::cat(category)};
  cl::opt<std::string> weights{
      "weights", cl::value_desc("f32|bf16|f16"), cl::init("f32"),
      cl::desc("Type the weights of products are stored in"),
      cl::cat(category)};
  cl::opt<std::string> products{
      "products", cl::value_desc("f32|bf16"), cl::init("f32"),
      cl::desc("Type that products with weights multiply in; bf16 rounds "
               "weights and activations, and sums in f32"),
      cl::cat(category)};
  cl::opt<std::string> precision{
      "precision", cl::value_desc("f32"), cl::init("f32"),
      cl::desc("Type of activations"), cl::cat(category)};
  cl::list<std::string> strategies{
      "strategy", cl::value_desc("MIXER:NAME"),
      cl::desc("How a mixer is computed, instead of what is estimated to be "
               "fastest; may be repeated"),
      cl::cat(category)};
  cl::opt<unsigned> threads{
      "plan-threads", cl::value_desc("N"), cl::init(1),
      cl::desc("Threads of a run for which mixers' strategies are chosen "
               "(default: 1)"),
      cl::cat(category)};
  cl::opt<std::string> maxLength{"max-length", cl::Hidden, cl::value_desc("N"),
                                 cl::desc("Capacity of caches that grow"),
                                 cl::cat(category)};
  cl::opt<std::string> entry{
      "entry", cl::value_desc("forward"), cl::init("forward"),
      cl::desc("Entries of the model"), cl::cat(category)};
  cl::opt<std::string> externalDataDir{
      "external-data-dir", cl::value_desc("DIR"),
      cl::desc("Where external data lies (default: beside the model)"),
      cl::cat(category)};
  cl::opt<std::string> level{"O",
                             cl::Prefix,
                             cl::value_desc("0|2"),
                             cl::init("2"),
                             cl::desc("0: plain reference code, 2: fast "
                                      "(default)"),
                             cl::cat(category)};
  cl::opt<std::string> report{
      "report", cl::ValueOptional, cl::value_desc("FILE.json"),
      cl::desc("Say what was raised to what, and why the rest was not"),
      cl::cat(category)};
  cl::opt<bool> time{"time", cl::desc("Print the time each phase took"),
                     cl::cat(category)};
  cl::opt<std::string> dump{"dump-ir", cl::value_desc("DIR"),
                            cl::desc("Write the IR after each phase into DIR"),
                            cl::cat(category)};
  cl::opt<uint64_t> maxInlineWeights{
      "max-inline-weights", cl::Hidden, cl::init(uint64_t(1) << 30),
      cl::desc("Bytes from which weights lie in a file beside the library"),
      cl::cat(category)};
  cl::opt<std::string> failIn{"fail-in", cl::Hidden, cl::value_desc("PHASE"),
                              cl::desc("Fail after this phase (for tests)"),
                              cl::cat(category)};
  cl::opt<bool> noRaise{"no-raise", cl::Hidden,
                        cl::desc("Keep the graph as it is (for comparison)"),
                        cl::cat(category)};
};
} // namespace

static bool usage(const Twine &message) {
  errs() << "ssmc: " << message << " (see ssmc --help)\n";
  return false;
}

/// What the flags promise that this release does not keep is refused.
static bool checkLimits(const Flags &flags) {
  if (StringRef(flags.target).starts_with("cuda"))
    return usage("--target=" + flags.target +
                 " is not in this release: cpu is");
  if (flags.target != "cpu")
    return usage("unknown target '" + flags.target + "': this release has cpu");
  if (flags.precision != "f32")
    return usage("--precision=" + flags.precision +
                 " is not in this release: f32 is");
  if (!is_contained({"f32", "bf16", "f16"}, StringRef(flags.weights)))
    return usage("--weights=" + flags.weights + " is none of f32, bf16, f16");
  if (flags.weights != "f32" && flags.level == "0")
    return usage(
        "--weights=" + flags.weights +
        " needs -O2: the reference code of -O0 reads them as they are");
  if (!is_contained({"f32", "bf16"}, StringRef(flags.products)))
    return usage("--products=" + flags.products + " is none of f32, bf16");
  if (flags.products == "bf16" && flags.level == "0")
    return usage("--products=bf16 needs -O2: the reference code of -O0 "
                 "multiplies numbers as they are");
  if (flags.products == "bf16" && flags.weights.getNumOccurrences() &&
      flags.weights != "bf16")
    return usage("--products=bf16 multiplies weights in bf16, not --weights=" +
                 flags.weights);
  if (flags.entry != "forward")
    return usage("--entry=" + flags.entry +
                 " is not in this release: forward is");
  if (flags.threads < 1)
    return usage("--plan-threads must be at least 1");
  for (StringRef strategy : flags.strategies)
    if (std::string fault = checkStrategy(strategy); !fault.empty())
      return usage("--strategy=" + strategy + ": " + fault);
  if (flags.maxLength.getNumOccurrences())
    return usage("--max-length has no use in this release: no entry has a "
                 "cache that grows");
  if (flags.level != "0" && flags.level != "2")
    return usage("-O" + flags.level + " is none of -O0 and -O2");
  return true;
}

static bool readDims(const Flags &flags, CompilerOptions &options) {
  for (StringRef text : flags.dims) {
    std::optional<LengthRequest> request = parseLengthRequest(text);
    if (!request)
      return usage("--dim " + text +
                   ": write INPUT:AXIS=NAME or INPUT:AXIS=NUMBER, as in "
                   "input_ids:1=L; a number is 1 to 2^31 - 1");
    for (const LengthRequest &other : options.dims)
      if (other.input == request->input && other.axis == request->axis &&
          (other.number != request->number || other.symbol != request->symbol))
        return usage("--dim " + text + ": contradicts --dim " + other.text);
    options.dims.push_back(std::move(*request));
  }
  return true;
}

/// A flag that the rest of the command line leaves without effect is a
/// mistake, and is told before the work.
static bool checkEffects(const Flags &flags) {
  bool isMlir = StringRef(flags.input).ends_with(".mlir");
  bool reports = flags.report.getNumOccurrences() > 0;
  const char *late = reports                     ? "--report"
                     : !flags.dims.empty()       ? "--dim"
                     : !flags.strategies.empty() ? "--strategy"
                                                 : nullptr;
  if (flags.emit == Emit::Onnx && late)
    return usage(Twine(late) +
                 " has no effect with --emit=onnx, which stops before raising");
  if (reports && flags.noRaise)
    return usage("--report has nothing to say with --no-raise");
  if (flags.externalDataDir.getNumOccurrences()) {
    if (isMlir)
      return usage("--external-data-dir has no effect on a .mlir file");
    if (!sys::fs::is_directory(flags.externalDataDir))
      return usage("--external-data-dir=" + flags.externalDataDir +
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
  options.output = flags.output;
  if (options.output.empty() && isText)
    options.output = "-";
  if (options.output.empty() || (options.output == "-" && !isText))
    return usage("say where to write: -o OUT");
  if (isSame(options.input, options.output))
    return usage("the output would replace the input");
  StringRef extension = sys::path::extension(options.output);
  if (isText && extension == ".onnx")
    return usage("-o " + options.output +
                 ": what is written is text, not an ONNX file; name it .mlir");
  if (options.emit == Emit::Lib &&
      (extension == ".h" || extension == ".weights"))
    return usage("-o " + options.output +
                 ": this is the name of a file beside the library; end it in "
                 ".so");
  SmallString<128> header(options.output);
  sys::path::replace_extension(header, ".h");
  if (options.emit == Emit::Lib && isSame(options.input, header))
    return usage("the header " + header + " would replace the input");
  if (!options.reportFile.empty() &&
      (isSame(options.reportFile, options.input) ||
       isSame(options.reportFile, options.output)))
    return usage("--report=" + options.reportFile +
                 " would replace the model: give it a name of its own");
  return true;
}

bool ssmc::parseCommandLine(int argc, char **argv, CompilerOptions &options) {
  Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "ssmc " << SSMC_VERSION << "\n"; });
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "ssmc: compiles sequence models to shared libraries\n\n"
          "  ssmc MODEL.onnx -o MODEL.so --dim input_ids:1=L --report\n",
          &errs()))
    return false;
  if (flags.input.empty())
    return usage("which model? give MODEL.onnx");
  options.input = flags.input;
  options.emit = flags.emit;
  options.cpu = flags.cpu;
  options.products = flags.products;
  options.weights = flags.products == "bf16" ? flags.products : flags.weights;
  options.externalDataDir = flags.externalDataDir;
  options.strategies.assign(flags.strategies.begin(), flags.strategies.end());
  options.threads = flags.threads;
  options.optLevel = flags.level == "0" ? 0 : 2;
  options.raise = !flags.noRaise;
  options.failIn = flags.failIn;
  options.maxInlineWeights = flags.maxInlineWeights;
  options.report = flags.report.getNumOccurrences() > 0;
  options.reportFile = flags.report;
  options.time = flags.time;
  options.dumpDir = flags.dump;
  options.progress = sys::Process::StandardErrIsDisplayed();
  for (int i = 1; i < argc; ++i)
    options.command += (i == 1 ? "" : " ") + std::string(argv[i]);
  return checkLimits(flags) && checkEffects(flags) &&
         readDims(flags, options) && readOutput(flags, options);
}
