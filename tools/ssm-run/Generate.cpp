//===- Generate.cpp - tokens that a model goes on with --------------------===//
//
// The prompt goes through `prefill`, or `prefill_lengths` where its rows have
// lengths of their own, then each token that is found through `step`. The next
// token of a row is the one with the largest logit; of equal ones the first.
// Tokens are written as they are found, one line for a step.
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
  bool hasLengths = StringRef(name) == "prefill_lengths";
  if (!entry || entry->num_states == 0)
    return runError(Twine(hasLengths ? "a prompt with lengths needs the entry "
                                       "prefill_lengths"
                                     : "--generate needs the entries prefill "
                                       "and step") +
                    ", and the model has no " + name +
                    ": compile it with ssmc --entry=prefill," +
                    (hasLengths ? "prefill_lengths," : "") + "step");
  auto inputs = others(entry->inputs, entry->num_inputs,
                       ArrayRef(entry->state_inputs, entry->num_states));
  auto outputs = others(entry->outputs, entry->num_outputs,
                        ArrayRef(entry->state_outputs, entry->num_states));
  bool takesTokens =
      inputs.size() == 1u + hasLengths && inputs[0]->rank == 2 &&
      (inputs[0]->dtype == SSMRT_I64 || inputs[0]->dtype == SSMRT_I32);
  if (!takesTokens || outputs.size() != 1 || outputs[0]->rank != 3 ||
      outputs[0]->dtype != SSMRT_F32)
    return runError(Twine("--generate is for models that take integer tokens "
                          "[batch, length] and give float32 logits [batch, "
                          "length, vocabulary]; entry '") +
                    name + "' is another (see --info)");
  return TokenEntry{entry, inputs[0], outputs[0]};
}

static ArrayRef<int64_t> lengthsOf(const NpyArray &lengths) {
  return ArrayRef(reinterpret_cast<const int64_t *>(lengths.bytes.data()),
                  lengths.shape[0]);
}

/// Runs `entry` on the tokens, of which rows may have `lengths`, and replaces
/// them by the next of each row.
static Error advance(const ssmrt_model *model, const TokenEntry &entry,
                     ssmrt_state *state, NpyArray &tokens, NpyArray *lengths,
                     const ssmrt_run_options &options) {
  ssmrt_tensor inputs[2] = {tensorOf(tokens), {}}, output;
  if (lengths)
    inputs[1] = tensorOf(*lengths);
  if (Error error =
          check(ssmrt_infer_advance(entry.entry, state, inputs, &output)))
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
          ssmrt_advance(model, entry.entry, state, inputs, &output, &options)))
    return error;
  int64_t rows = output.shape[0], length = output.shape[1],
          words = output.shape[2];
  if (length == 0 || words == 0)
    return runError("there are no logits to choose a token by");
  tokens.shape = {rows, 1};
  allocate(tokens);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t end = lengths ? lengthsOf(*lengths)[row] : length;
    auto last = ArrayRef(static_cast<const float *>(output.data) +
                             (row * length + end - 1) * words,
                         words);
    if (any_of(last, [](float logit) { return std::isnan(logit); }))
      return runError("the logits of row " + Twine(row) +
                      " are not all numbers (NaN), so no token can be chosen");
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
  if (!ssmrt_find_entry(model, "prefill_lengths"))
    if (Expected<TokenEntry> entry = findEntry(model, "prefill"); !entry)
      return entry.takeError();
  Expected<TokenEntry> step = findEntry(model, "step");
  if (!step)
    return step.takeError();
  ArraySource source(std::vector<std::string>{step->tokens->name, "lengths"},
                     "in:");
  for (StringRef text : arguments)
    if (Error error = source.add(text))
      return error;
  if (source.findSeed("lengths"))
    return usageError("the lengths of a prompt cannot be random");
  std::optional<NpyArray> lengths;
  if (const NpyArray *given = source.find("lengths"))
    lengths = *given;
  Expected<TokenEntry> prefill =
      findEntry(model, lengths ? "prefill_lengths" : "prefill");
  if (!prefill)
    return prefill.takeError();
  if (Error error = checkDims(source, *prefill->tokens, how.symbols))
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
  int64_t given = rows * length; // tokens
  if (lengths) {
    bool right = lengths->dtype == SSMRT_I64 && lengths->shape.size() == 1 &&
                 lengths->shape[0] == rows;
    right = right && all_of(lengthsOf(*lengths), [&](int64_t number) {
              return number >= 1 && number <= length;
            });
    if (!right)
      return runError("'lengths' are not " + Twine(rows) +
                      " numbers of type int64 from 1 to " + Twine(length) +
                      ", one for each row");
    given = sum_of(lengthsOf(*lengths), int64_t(0));
  }
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
    if (Error error = advance(model, i ? *step : *prefill, state.get(), *tokens,
                              i == 0 && lengths ? &*lengths : nullptr, options))
      return error;
    print(*tokens, os);
    if (i == 0)
      first = seconds(start);
  }
  double rest = how.tokens > 1 ? seconds(start) : 0;
  double read = given / first;
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
                  (long long)given, first * 1e3, read, how.tokens - 1,
                  rest * 1e3, rate);
  return Error::success();
}
