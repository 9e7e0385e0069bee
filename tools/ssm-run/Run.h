//===- Run.h - the parts of ssm-run -----------------------------*- C++ -*-===//

#pragma once

#include "lib/Support/Arrays.h"
#include "lib/Support/Compare.h"
#include "ssmrt/ssmrt.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace ssmc {

/// Gives an array zeros for its shape, unless they would not fit the memory of
/// this machine. `name` is for the message.
llvm::Error allocate(NpyArray &array, llvm::StringRef name);

/// The array given for a value of the model. Random ones are made of the shape
/// that `symbols` gives; unknown extents are an error.
llvm::Expected<NpyArray> takeInput(const ArraySource &source,
                                   const ssmrt_value_desc &value,
                                   const llvm::StringMap<int64_t> &symbols);

/// The signature and the origin of a model.
void printInfo(const ssmrt_model_desc &model, llvm::raw_ostream &os);

struct BenchOptions {
  unsigned runs = 0; // 0: as many as fit 2 seconds, at least 5
  bool json = false;
};
/// Times `run` and prints the result. `tokens` is what one run processes.
llvm::Error bench(llvm::function_ref<llvm::Error()> run, int64_t tokens,
                  int64_t threads, const BenchOptions &options,
                  llvm::raw_ostream &os);

} // namespace ssmc
