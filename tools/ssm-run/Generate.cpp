//===- Generate.cpp - tokens that a model goes on with --------------------===//
//
// The prompt goes through `prefill`, then each token that is found through
// `step`. The next token of a row is the one with the largest logit; of equal
// ones the first. Tokens are written as they are found, one line for a step.
//
//===----------------------------------------------------------------------===//

#include "tools/ssm-run/Run.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <chrono>
#include <cmath>

using namespace llvm;
using namespace ssmc;

namespace {
using Clock = std::chrono::steady_clock;

/// What an entry takes and gives beside the states.
struct TokenEntry {
  const ssmrt_entry_desc *entry = nullptr;
  const ssmrt_value_desc *tokens = nullptr, *logits = nullptr;
};

struct StateDeleter {
  void operator()(ssmrt_state *state) const { ssmrt_free_state(state); }
};
} // namespace

static Error check(const ssmrt_status &status) {
  return status.code == SSMRT_OK ? Error::success() : runError(status.message);
}

static SmallVector<const ssmrt_value_desc *>
others(const ssmrt_value_desc *values, int32_t count,
       ArrayRef<int32_t> states) {
  SmallVector<const ssmrt_value_desc *> rest;
  for (int32_t i = 0; i < count; ++i)
    if (!is_contained(states, i))
      rest.push_back(&values[i]);
  return rest;
}

static Expected<TokenEntry> findEntry(const ssmrt_model *model,
                                      const char *name) {
  const ssmrt_entry_desc *entry = ssmrt_find_entry(model, name);
  if (!entry || entry->num_states == 0)
    return runError(Twine("--generate needs the entries prefill and step, and "
                          "the model has no ") +
                    name + ": compile it with ssmc --entry=prefill,step");
  auto inputs = others(entry->inputs, entry->num_inputs,
                       ArrayRef(entry->state_inputs, entry->num_states));
  auto outputs = others(entry->outputs, entry->num_outputs,
                        ArrayRef(entry->state_outputs, entry->num_states));
  bool takesTokens =
      inputs.size() == 1 && inputs[0]->rank == 2 &&
      (inputs[0]->dtype == SSMRT_I64 || inputs[0]->dtype == SSMRT_I32);
  if (!takesTokens || outputs.size() != 1 || outputs[0]->rank != 3 ||
      outputs[0]->dtype != SSMRT_F32)
    return runError(Twine("--generate is for models that take integer tokens "
                          "[batch, length] and give float32 logits [batch, "
                          "length, vocabulary]; entry '") +
                    name + "' is another (see --info)");
  return TokenEntry{entry, inputs[0], outputs[0]};
}

/// Runs `entry` on the tokens, and replaces them by the next of each row.
static Error advance(const ssmrt_model *model, const TokenEntry &entry,
                     ssmrt_state *state, NpyArray &tokens,
                     const ssmrt_run_options &options) {
  ssmrt_tensor input = tensorOf(tokens), output;
  if (Error error =
          check(ssmrt_infer_advance(entry.entry, state, &input, &output)))
    return error;
  NpyArray logits;
  logits.dtype = SSMRT_F32;
  logits.shape.assign(output.shape, output.shape + output.rank);
  int64_t total = 0;
  if (Error error = addBytes(logits, entry.logits->name, total))
    return error;
  allocate(logits);
  output.data = logits.bytes.data();
  if (Error error = check(
          ssmrt_advance(model, entry.entry, state, &input, &output, &options)))
    return error;
  int64_t rows = output.shape[0], length = output.shape[1],
          words = output.shape[2];
  if (length == 0 || words == 0)
    return runError("there are no logits to choose a token by");
  tokens.shape = {rows, 1};
  allocate(tokens);
  for (int64_t row = 0; row < rows; ++row) {
    auto last = ArrayRef(static_cast<const float *>(output.data) +
                             (row * length + length - 1) * words,
                         words);
    int64_t next = max_element(last) - last.begin();
    if (tokens.dtype == SSMRT_I64)
      reinterpret_cast<int64_t *>(tokens.bytes.data())[row] = next;
    else
      reinterpret_cast<int32_t *>(tokens.bytes.data())[row] = int32_t(next);
  }
  return Error::success();
}

static void print(const NpyArray &tokens, raw_ostream &os) {
  for (int64_t row = 0; row < tokens.shape[0]; ++row)
    os << (row ? " " : "")
       << (tokens.dtype == SSMRT_I64
               ? reinterpret_cast<const int64_t *>(tokens.bytes.data())[row]
               : reinterpret_cast<const int32_t *>(tokens.bytes.data())[row]);
  os << "\n";
  os.flush();
}

Error ssmc::generate(const ssmrt_model *model, ArrayRef<std::string> arguments,
                     const GenerateOptions &how,
                     const ssmrt_run_options &options, raw_ostream &os,
                     raw_ostream &log) {
  Expected<TokenEntry> prefill = findEntry(model, "prefill");
  if (!prefill)
    return prefill.takeError();
  Expected<TokenEntry> step = findEntry(model, "step");
  if (!step)
    return step.takeError();
  ArraySource source(std::vector<std::string>{prefill->tokens->name}, "in:");
  for (StringRef text : arguments)
    if (Error error = source.add(text))
      return error;
  Expected<NpyArray> tokens = takeInput(source, *prefill->tokens, how.symbols);
  if (!tokens)
    return tokens.takeError();
  if (tokens->shape.size() != 2 || tokens->dtype != prefill->tokens->dtype ||
      tokens->shape[1] == 0)
    return runError(
        Twine("'") + prefill->tokens->name + "' is no prompt of at least one " +
        getDtypeName(prefill->tokens->dtype) + " token [batch, length]");
  if (std::optional<uint64_t> seed = source.findSeed(prefill->tokens->name)) {
    int64_t total = 0;
    if (Error error = addBytes(*tokens, prefill->tokens->name, total))
      return error;
    fillRandom(*tokens, *seed);
  }
  int64_t rows = tokens->shape[0], length = tokens->shape[1];
  ssmrt_state *memory = nullptr;
  if (Error error = check(ssmrt_new_state(model, rows, &memory)))
    return error;
  std::unique_ptr<ssmrt_state, StateDeleter> state(memory);

  auto seconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  Clock::time_point start = Clock::now();
  double first = 0;
  for (unsigned i = 0; i < how.tokens; ++i) {
    if (i == 1)
      start = Clock::now();
    if (Error error =
            advance(model, i ? *step : *prefill, state.get(), *tokens, options))
      return error;
    print(*tokens, os);
    if (i == 0)
      first = seconds(start);
  }
  double rest = how.tokens > 1 ? seconds(start) : 0;
  double read = rows * length / first;
  double rate = rest > 0 ? rows * (how.tokens - 1) / rest : 0;
  if (how.json)
    log << format("{\"rows\": %lld, \"prompt\": %lld, \"tokens\": %u, "
                  "\"prefill_s\": %.6f, \"steps_s\": %.6f, "
                  "\"prefill_tokens_per_s\": %.3f, \"tokens_per_s\": %.3f}\n",
                  (long long)rows, (long long)length, how.tokens, first, rest,
                  read, rate);
  else
    log << format("prompt of %lld tokens in %.3f ms (%.1f tokens/s), then %u "
                  "in %.3f ms (%.1f tokens/s)\n",
                  (long long)(rows * length), first * 1e3, read, how.tokens - 1,
                  rest * 1e3, rate);
  return Error::success();
}
