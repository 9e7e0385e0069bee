//===- Run.h - the parts of ssm-run -----------------------------*- C++ -*-===//

#pragma once

#include "lib/Support/Npz.h"
#include "ssmrt/ssmrt.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>

namespace ssmc {

/// An error that the user's words are the cause of: exit code 2.
llvm::Error usageError(const llvm::Twine &message);
/// Any other error: exit code 1.
llvm::Error runError(const llvm::Twine &message);
bool isUsageError(const llvm::Error &error);

/// What stands before and after the sign of equality.
struct ValueArgument {
  std::string name; // empty in `@FILE.npz`: all arrays by their names
  std::string file;
  std::string key; // in an archive; the name where empty
  bool random = false;
  uint64_t seed = 0;
  std::string text; // as given
};

/// NAME=@FILE.npy, NAME=@FILE.npz[:KEY], NAME=random[:SEED] or @FILE.npz.
llvm::Expected<ValueArgument> parseValueArgument(llvm::StringRef text);

/// Gives an array zeros for its shape, unless they would not fit the memory of
/// this machine. `name` is for the message.
llvm::Error allocate(NpyArray &array, llvm::StringRef name);

/// The arrays that arguments name: for each value of the model the array given
/// for it. A later argument wins. Files are read once.
class ArraySource {
public:
  llvm::Error add(const ValueArgument &argument,
                  llvm::ArrayRef<ssmrt_value_desc> values);
  /// The array for a value of the model. Random ones are made of the shape that
  /// `symbols` gives; unknown extents are an error.
  llvm::Expected<NpyArray> take(const ssmrt_value_desc &value,
                                const llvm::StringMap<int64_t> &symbols);
  /// The array given, where it is not random.
  const NpyArray *find(llvm::StringRef name) const;

private:
  llvm::Expected<const std::vector<NamedArray> *> archive(llvm::StringRef path);

  struct Given {
    std::optional<NpyArray> array; // none: random
    uint64_t seed = 0;
  };
  llvm::StringMap<Given> arrays;
  llvm::StringMap<std::vector<NamedArray>> archives;
};

/// Compares a result with what is expected and prints the largest deviation
/// and where it is. False beyond the tolerance |a - e| <= atol + rtol |e|; by
/// default atol is 1e-4 max(1, max |e|) and rtol 0, for integers both 0. NaN is
/// equal to NaN, and further than any tolerance from all else.
struct Tolerance {
  std::optional<double> atol, rtol;
};
llvm::Expected<bool> compareArrays(llvm::StringRef name, const NpyArray &actual,
                                   const NpyArray &expected,
                                   const Tolerance &tolerance,
                                   llvm::raw_ostream &os);

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
