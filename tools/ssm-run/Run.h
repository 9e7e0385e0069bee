//===- Run.h - the parts of ssm-run -----------------------------*- C++ -*-===//

#pragma once

#include "lib/Support/Arrays.h"
#include "lib/Support/Compare.h"
#include "ssmrt/ssmrt.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace ssmc {

/// Adds the bytes of an array of this shape to `total`, which must fit the
/// memory of this machine. `name` is for the message.
llvm::Error addBytes(const NpyArray &array, llvm::StringRef name,
                     int64_t &total);

/// Zeros for an array that has its shape, which `addBytes` accepted.
void allocate(NpyArray &array);

/// The array as the runtime takes it.
ssmrt_tensor tensorOf(NpyArray &array);

/// Random elements for an array that has its shape.
void fillRandom(NpyArray &array, uint64_t seed);

/// The extents that --dim gives for an array that is given must be its own.
llvm::Error checkDims(const ArraySource &source, const ssmrt_value_desc &value,
                      const llvm::StringMap<int64_t> &dims);

/// The array given for a value of the model. Random ones have the shape that
/// `symbols` gives, and no elements yet; unknown extents are an error.
llvm::Expected<NpyArray> takeInput(const ArraySource &source,
                                   const ssmrt_value_desc &value,
                                   const llvm::StringMap<int64_t> &symbols);

/// The signature and the origin of a model, and the memory that it takes where
/// the symbols have these values, 1 where they are not given. As JSON it has
/// all that the compiler has recorded of its decisions.
void printInfo(const ssmrt_model_desc &model,
               const llvm::StringMap<int64_t> &symbols, bool json,
               llvm::raw_ostream &os);

/// Runs every call of an archive.
llvm::Error runCalls(const ssmrt_model *model, llvm::StringRef path,
                     const ssmrt_run_options &options,
                     std::vector<NamedArray> &results);

struct BenchOptions {
  unsigned runs = 0; // 0: as many as fit 2 seconds, at least 5
  bool json = false;
};
/// Times `run` and prints the result. `tokens` is what one run processes.
llvm::Error bench(llvm::function_ref<llvm::Error()> run, int64_t tokens,
                  int64_t threads, const BenchOptions &options,
                  llvm::raw_ostream &os);

struct GenerateOptions {
  unsigned tokens = 0; // how many
  bool json = false;
  llvm::StringMap<int64_t> symbols; // of a random prompt
};
/// Writes the tokens that follow on the prompt that the arguments give to `os`
/// as they are found, and how long they took to `log`.
llvm::Error generate(const ssmrt_model *model,
                     llvm::ArrayRef<std::string> arguments,
                     const GenerateOptions &how,
                     const ssmrt_run_options &options, llvm::raw_ostream &os,
                     llvm::raw_ostream &log);

} // namespace ssmc
