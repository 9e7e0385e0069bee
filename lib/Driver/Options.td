//===- Options.td - the options of the compiler ---------------------------===//
//
// A table that programs parse arguments with: unlike llvm::cl, it is no state of
// the process, so that libraries and threads may use it.
//
//===----------------------------------------------------------------------===//

include "llvm/Option/OptParser.td"

class Word<string name, string help> : Flag<["--", "-"], name>, HelpText<help>;

/// --NAME=VALUE and --NAME VALUE.
multiclass Valued<string name, string value, string help> {
  def _EQ : Joined<["--", "-"], name # "=">, MetaVarName<value>, HelpText<help>;
  def "" : Separate<["--", "-"], name>, Alias<!cast<Option>(NAME # "_EQ")>;
}

/// The same, not listed.
multiclass Unlisted<string name, string help> {
  def _EQ : Joined<["--", "-"], name # "=">, HelpText<help>, Flags<[HelpHidden]>;
  def "" : Separate<["--", "-"], name>, Alias<!cast<Option>(NAME # "_EQ")>;
}

def help : Word<"help", "Print this">;
def version : Word<"version", "Print the version">;

def o : JoinedOrSeparate<["-"], "o">, MetaVarName<"<OUT>">,
  HelpText<"File to write; a C header OUT.h lies beside a library (text: - if "
           "absent)">;
def O : Joined<["-"], "O">, MetaVarName<"<0|2>">,
  HelpText<"0: plain reference code, 2: fast (default)">;
defm emit : Valued<"emit", "<KIND>", "What to write (default: lib)">;
defm target : Valued<"target", "<cpu|cuda:sm_90a|...>",
  "Kind of machine (default: cpu); cuda: with a chip of NVIDIA's needs no GPU to "
  "compile for it">;
defm cpu : Valued<"cpu", "<NAME>",
  "Processor, as LLVM names it (default: this one)">;
defm dim : Valued<"dim", "<INPUT:AXIS=NAME|NUMBER>",
  "Free or fix an extent of an input; may be repeated">;
defm weights : Valued<"weights", "<f32|bf16|f16>",
  "Type the weights of products are stored in">;
defm products : Valued<"products", "<f32|bf16>",
  "Type that products with weights multiply in; bf16 rounds weights and "
  "activations, and sums in f32">;
defm precision : Valued<"precision", "<f32>", "Type of activations">;
defm strategy : Valued<"strategy", "<MIXER:NAME>",
  "How a mixer is computed, instead of what is estimated to be fastest; may be "
  "repeated">;
defm plan_threads : Valued<"plan-threads", "<N>",
  "Threads of a run for which mixers' strategies are chosen (default: 1)">;
defm entry : Valued<"entry", "<LIST>",
  "Entries of the model: forward, prefill, prefill_lengths, step, verify "
  "(default: forward); all but forward go on from a state, prefill_lengths with "
  "rows of different lengths, verify with drafted tokens of which any may be "
  "taken back">;
defm max_length : Valued<"max-length", "<N>",
  "Tokens that a sequence may have where attention keeps all of them">;
defm external_data_dir : Valued<"external-data-dir", "<DIR>",
  "Where external data lies (default: beside the model)">;
def report : Word<"report",
  "Say what was raised to what, and why the rest was not">;
def report_EQ : Joined<["--", "-"], "report=">, MetaVarName<"<FILE.json>">,
  HelpText<"The same as a file">;
def time : Word<"time", "Print the time each phase took">;
defm dump_ir : Valued<"dump-ir", "<DIR>", "Write the IR after each phase into DIR">;

defm max_inline_weights : Unlisted<"max-inline-weights",
  "Bytes from which weights lie in a file beside the library">;
defm fail_in : Unlisted<"fail-in", "Fail after this phase (for tests)">;
def no_raise : Flag<["--", "-"], "no-raise">, Flags<[HelpHidden]>,
  HelpText<"Keep the graph as it is (for comparison)">;
