//===- ssm-run.cpp - runs a compiled model --------------------------------===//
//
// Exit codes: 0 done, 1 a file, the model or the run is at fault or a result is
// beyond its tolerance, 2 the command line is (docs/tutorial.md).
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Writable.h"
#include "tools/ssm-run/Run.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"

#include <thread>

using namespace llvm;
using namespace ssmc;

namespace {
struct Flags {
  cl::OptionCategory category{"Options"};
  cl::opt<std::string> model{cl::Positional, cl::desc("MODEL.so"),
                             cl::cat(category)};
  cl::list<std::string> inputs{
      "input", cl::value_desc("VALUE"), cl::cat(category),
      cl::desc("NAME=@FILE.npy, NAME=@FILE.npz[:KEY], NAME=random[:SEED], or "
               "@FILE.npz for all inputs by name; may be repeated")};
  cl::list<std::string> dims{"dim", cl::value_desc("NAME=NUMBER"),
                             cl::cat(category),
                             cl::desc("Extent of random inputs, or for the "
                                      "memory that --info prints")};
  cl::opt<std::string> output{"output", cl::value_desc("@FILE.npz"),
                              cl::cat(category),
                              cl::desc("Where to write the outputs")};
  cl::list<std::string> expects{
      "expect", cl::value_desc("VALUE"), cl::cat(category),
      cl::desc("Compare outputs with these arrays (as --input)")};
  cl::opt<double> atol{"atol", cl::cat(category),
                       cl::desc("Tolerance (default: 1e-4 max |expected|)")};
  cl::opt<double> rtol{"rtol", cl::cat(category),
                       cl::desc("Tolerance relative to |expected|")};
  cl::opt<std::string> entry{"entry", cl::init("forward"), cl::cat(category),
                             cl::desc("Entry to run (default: forward)")};
  cl::opt<std::string> calls{
      "calls", cl::value_desc("@FILE.npz"), cl::cat(category),
      cl::desc("Run entries on all CALL.ENTRY.INPUT of a file")};
  cl::opt<std::string> bench{"bench", cl::ValueOptional, cl::value_desc("N"),
                             cl::cat(category),
                             cl::desc("Time N runs (default: 2 seconds)")};
  unsigned runs = 0; // the number in --bench=N
  cl::opt<bool> json{"json", cl::cat(category),
                     cl::desc("Print timings, or what --info says and all "
                              "that was decided, as JSON")};
  cl::opt<unsigned> threads{
      "threads", cl::value_desc("N"), cl::cat(category),
      cl::desc("Threads to use (default: one a processor)")};
  cl::opt<bool> info{"info", cl::cat(category),
                     cl::desc("Print what the model takes and gives")};
  cl::opt<std::string> generate{
      "generate", cl::value_desc("N"), cl::cat(category),
      cl::desc("Go on with N tokens after those of --input, the most likely "
               "ones (needs the entries prefill and step; with an input "
               "lengths, tokens of each row, prefill_lengths)")};
  unsigned generated = 0; // the number in --generate=N
};

/// Flags that have no effect are mistakes, and told before the work.
Error checkFlags(Flags &flags) {
  if (flags.model.empty())
    return usageError("which model? give MODEL.so (see ssm-run --help)");
  bool generates = flags.generate.getNumOccurrences() > 0;
  if (generates &&
      (StringRef(flags.generate).getAsInteger(10, flags.generated) ||
       flags.generated == 0))
    return usageError("--generate=" + flags.generate +
                      " is not a number of tokens");
  if (generates &&
      (flags.bench.getNumOccurrences() || flags.calls.getNumOccurrences() ||
       !flags.expects.empty() || flags.output.getNumOccurrences() ||
       flags.info || flags.entry.getNumOccurrences()))
    return usageError("--generate runs prefill and step, and has only --input, "
                      "--dim, --threads and --json with it");
  bool benches = flags.bench.getNumOccurrences() > 0;
  if (!flags.bench.empty() &&
      (StringRef(flags.bench).getAsInteger(10, flags.runs) || flags.runs == 0))
    return usageError("--bench=" + flags.bench + " is not a number of runs");
  if (flags.json && !benches && !flags.info && !generates)
    return usageError(
        "--json has no effect without --bench, --generate or --info");
  for (const cl::opt<double> *tolerance : {&flags.atol, &flags.rtol}) {
    if (!tolerance->getNumOccurrences())
      continue;
    if (flags.expects.empty())
      return usageError("--" + tolerance->ArgStr +
                        " has no effect without --expect");
    if (!(tolerance->getValue() >= 0)) // nor NaN
      return usageError("--" + tolerance->ArgStr + " is not a tolerance");
  }
  if (flags.threads > 1024)
    return usageError("--threads=" + Twine(flags.threads) + " is too many");
  for (const cl::opt<std::string> *file : {&flags.output, &flags.calls}) {
    StringRef path = *file;
    if (file->getNumOccurrences() &&
        !(path.starts_with("@") && path.ends_with(".npz")))
      return usageError("--" + file->ArgStr + " " + path + " is not @FILE.npz");
  }
  if (std::string path = StringRef(flags.output).drop_front().str();
      !path.empty())
    if (std::string fault = whyNotWritable(path); !fault.empty())
      return usageError(fault);
  if (flags.calls.getNumOccurrences() &&
      (benches || !flags.inputs.empty() || !flags.expects.empty() ||
       flags.entry.getNumOccurrences()))
    return usageError("--calls has inputs and entries of its own, and only "
                      "--output with it");
  return Error::success();
}

/// One run: a model, its inputs and its outputs.
class Session {
public:
  explicit Session(Flags &flags) : flags(flags) {}
  ~Session() { ssmrt_close(model); }

  /// True if every comparison held.
  Expected<bool> run();

private:
  Error open();
  Error readInputs();
  Error readDims(ArrayRef<ssmrt_entry_desc> entries,
                 StringMap<int64_t> &symbols) const;
  void makeOutputs();
  ssmrt_run_options options() const;
  Error runOnce();
  Error writeOutputs();
  Expected<bool> compare();
  int64_t countTokens() const;

  ArrayRef<ssmrt_value_desc> inputValues() const {
    return ArrayRef(entry->inputs, entry->num_inputs);
  }
  ArrayRef<ssmrt_value_desc> outputValues() const {
    return ArrayRef(entry->outputs, entry->num_outputs);
  }

  Flags &flags;
  ssmrt_model *model = nullptr;
  const ssmrt_entry_desc *entry = nullptr;
  std::vector<NpyArray> inputs;
  std::vector<NamedArray> outputs;
  std::vector<ssmrt_tensor> inputTensors, outputTensors;
};
} // namespace

static Error check(const ssmrt_status &status) {
  return status.code == SSMRT_OK ? Error::success() : runError(status.message);
}

Error Session::open() {
  if (Error error = check(ssmrt_open(flags.model.c_str(), &model)))
    return error;
  entry = ssmrt_find_entry(model, flags.entry.c_str());
  if (entry || flags.info || flags.generated || !flags.calls.empty())
    return Error::success();
  const ssmrt_model_desc *desc = ssmrt_describe(model);
  std::string names;
  for (const ssmrt_entry_desc &known :
       ArrayRef(desc->entries, desc->num_entries))
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  return usageError("the model has no entry '" + flags.entry + "': it has " +
                    names);
}

/// The extents that --dim gives, which inputs of the entries have.
Error Session::readDims(ArrayRef<ssmrt_entry_desc> entries,
                        StringMap<int64_t> &symbols) const {
  StringSet<> known;
  for (const ssmrt_entry_desc &entry : entries)
    for (const ssmrt_value_desc &value :
         ArrayRef(entry.inputs, entry.num_inputs))
      for (const char *name : ArrayRef(value.dim_name, value.rank))
        known.insert(name);
  for (StringRef text : flags.dims) {
    auto [name, number] = text.split('=');
    int64_t extent;
    if (name.empty() || number.getAsInteger(10, extent))
      return usageError("--dim " + text + " is not NAME=NUMBER");
    if (extent < 0 || extent > INT32_MAX)
      return usageError("--dim " + text + ": an extent is 0 to 2^31 - 1");
    if (!known.contains(name))
      return usageError("--dim " + text + ": no input has an extent '" + name +
                        "' (see --info)");
    symbols[name] = extent;
  }
  return Error::success();
}

/// The arrays that arguments give for values of the model.
static Error addArrays(ArrayRef<std::string> arguments, ArraySource &source) {
  for (StringRef text : arguments)
    if (Error error = source.add(text))
      return error;
  return Error::success();
}

static std::vector<std::string> namesOf(ArrayRef<ssmrt_value_desc> values) {
  std::vector<std::string> names;
  for (const ssmrt_value_desc &value : values)
    names.push_back(value.name);
  return names;
}

Error Session::readInputs() {
  ArraySource source(namesOf(inputValues()), "in:");
  if (Error error = addArrays(flags.inputs, source))
    return error;
  // An archive may well hold what --expect takes.
  for (StringRef name : source.getUnused()) {
    StringRef output = name;
    output.consume_front("out:");
    if (!is_contained(namesOf(outputValues()), output))
      errs() << "ssm-run: '" << name << "' is not used: the model has "
             << join(namesOf(inputValues()), ", ") << "\n";
  }
  StringMap<int64_t> symbols;
  if (Error error = readDims(*entry, symbols))
    return error;
  for (const ssmrt_value_desc &value : inputValues())
    if (Error error = checkDims(source, value, symbols))
      return error;
  // What is given says how large the rest is.
  for (const ssmrt_value_desc &value : inputValues())
    if (const NpyArray *array = source.find(value.name))
      for (auto [d, extent] : enumerate(array->shape))
        if (d < size_t(value.rank) && value.dim_symbol[d] >= 0)
          symbols.try_emplace(value.dim_name[d], extent);
  int64_t total = 0;
  for (const ssmrt_value_desc &value : inputValues()) {
    Expected<NpyArray> array = takeInput(source, value, symbols);
    if (!array)
      return array.takeError();
    if (array->shape.size() > SSMRT_MAX_RANK)
      return runError(Twine("input '") + value.name + "' has " +
                      Twine(array->shape.size()) + " dimensions");
    if (Error error = addBytes(*array, value.name, total))
      return error;
    inputs.push_back(std::move(*array));
  }
  for (NpyArray &array : inputs)
    inputTensors.push_back(tensorOf(array));
  // What would be refused is refused before memory is taken for it.
  outputTensors.resize(entry->num_outputs);
  if (Error error = check(ssmrt_infer_outputs(entry, inputTensors.data(),
                                              outputTensors.data())))
    return error;
  for (auto [value, tensor] : zip(outputValues(), outputTensors)) {
    NpyArray array;
    array.dtype = ssmrt_dtype(tensor.dtype);
    array.shape.assign(tensor.shape, tensor.shape + tensor.rank);
    if (Error error = addBytes(array, value.name, total))
      return error;
    outputs.push_back({value.name, std::move(array)});
  }
  for (auto [value, array, tensor] : zip(inputValues(), inputs, inputTensors))
    if (std::optional<uint64_t> seed = source.findSeed(value.name)) {
      fillRandom(array, *seed);
      tensor = tensorOf(array);
    }
  return Error::success();
}

void Session::makeOutputs() {
  for (auto [output, tensor] : zip(outputs, outputTensors)) {
    allocate(output.array);
    tensor.data = output.array.bytes.data();
  }
}

ssmrt_run_options Session::options() const {
  ssmrt_run_options options = {};
  options.num_threads = flags.threads;
  return options;
}

Error Session::runOnce() {
  ssmrt_run_options options = this->options();
  return check(ssmrt_run(model, entry, inputTensors.data(),
                         outputTensors.data(), &options));
}

Error Session::writeOutputs() {
  StringRef path = flags.output;
  return path.empty() ? Error::success() : writeNpz(path.drop_front(), outputs);
}

Expected<bool> Session::compare() {
  ArraySource source(namesOf(outputValues()), "out:");
  if (Error error = addArrays(flags.expects, source))
    return error;
  Tolerance tolerance;
  if (flags.atol.getNumOccurrences())
    tolerance.atol = flags.atol;
  if (flags.rtol.getNumOccurrences())
    tolerance.rtol = flags.rtol;
  bool right = true, any = false;
  for (const NamedArray &output : outputs) {
    if (source.findSeed(output.name))
      return usageError("--expect " + output.name +
                        ": nothing random is expected");
    const NpyArray *expected = source.find(output.name);
    if (!expected)
      continue;
    any = true;
    Expected<bool> equal =
        compareArrays(output.name, output.array, *expected, tolerance, outs());
    if (!equal)
      return equal.takeError();
    right &= *equal;
  }
  if (!any && !flags.expects.empty())
    return usageError("--expect names no output of the model: it has " +
                      join(namesOf(outputValues()), ", "));
  return right;
}

/// A sequence model's first input is batch x length x ...
int64_t Session::countTokens() const {
  if (inputs.empty())
    return 1;
  int64_t tokens = 1;
  for (int64_t extent : ArrayRef(inputs.front().shape).take_front(2))
    tokens *= extent;
  return tokens;
}

Expected<bool> Session::run() {
  if (Error error = open())
    return error;
  if (flags.info) {
    const ssmrt_model_desc &description = *ssmrt_describe(model);
    StringMap<int64_t> symbols;
    if (Error error = readDims(
            ArrayRef(description.entries, description.num_entries), symbols))
      return error;
    printInfo(description, symbols, flags.json, outs());
    return true;
  }
  if (flags.generated) {
    GenerateOptions how{flags.generated, flags.json, {}};
    const ssmrt_entry_desc *prefill = ssmrt_find_entry(model, "prefill");
    if (prefill)
      if (Error error = readDims(*prefill, how.symbols))
        return error;
    if (Error error =
            generate(model, flags.inputs, how, options(), outs(), errs()))
      return error;
    return true;
  }
  if (!flags.calls.empty()) {
    if (Error error = runCalls(model, StringRef(flags.calls).drop_front(),
                               options(), outputs))
      return error;
    if (Error error = writeOutputs())
      return error;
    return true;
  }
  if (Error error = readInputs())
    return error;
  makeOutputs();
  if (Error error = runOnce())
    return error;
  if (Error error = writeOutputs())
    return error;
  Expected<bool> right = compare();
  if (!right || !flags.bench.getNumOccurrences())
    return right;
  BenchOptions options{flags.runs, flags.json};
  if (Error error = bench([this] { return runOnce(); }, countTokens(),
                          flags.threads ? flags.threads
                                        : std::thread::hardware_concurrency(),
                          options, outs()))
    return error;
  return right;
}

int main(int argc, char **argv) {
  endOnExhaustion("ssm-run");
  Flags flags;
  cl::HideUnrelatedOptions(flags.category);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "ssm-run " << SSMC_VERSION << "\n"; });
  if (!parseArrayCommandLine(
          argc, argv,
          "ssm-run: runs a model that ssmc compiled\n\n"
          "  ssm-run MODEL.so --input ids=@FILE.npy --expect "
          "logits=@FILE.npz:KEY\n"))
    return 2;
  auto run = [&]() -> Expected<bool> {
    if (Error error = checkFlags(flags))
      return error;
    return Session(flags).run();
  };
  Expected<bool> right = run();
  outs().flush();
  if (std::error_code error = outs().error()) {
    outs().clear_error();
    if (right)
      right = runError("standard output: " + error.message());
  }
  return exitCodeOf("ssm-run", std::move(right));
}
