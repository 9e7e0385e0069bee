//===- Files.h - the parts that packaging puts together ---------*- C++ -*-===//

#pragma once

#include "lib/Target/Package.h"
#include "lib/Target/Signature.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace ssmc {

/// Where the weights of a model lie.
struct WeightPlace {
  int64_t bytes = 0;
  std::string file; // beside the library; in it where empty
  uint64_t id = 0;  // that the file ends in
};

/// SSMRT_CPU_* bits of what a processor has.
uint64_t cpuFeatureBits(const PackageOptions &options);

/// The object file of `ssm_model`, the model's description (ssmrt.h). It
/// reserves address space for weights that lie in the library.
llvm::Expected<llvm::SmallString<0>>
makeDescriptor(llvm::ArrayRef<EntrySignature> entries, const WeightPlace &place,
               const PackageOptions &options);

/// The text of model.h. `name` is the file name without its extension.
std::string makeHeader(llvm::StringRef name,
                       llvm::ArrayRef<EntrySignature> entries,
                       const WeightPlace &place, const PackageOptions &options);

/// Links object files with the kernel half of the runtime.
llvm::Error linkModel(llvm::ArrayRef<llvm::StringRef> objects,
                      llvm::StringRef output);

/// Gives the weight segment that the linker left empty a place at the end of
/// the library; returns its offset. The bytes are still to be written.
llvm::Expected<uint64_t> appendWeightSegment(llvm::StringRef library,
                                             int64_t bytes);

} // namespace ssmc
