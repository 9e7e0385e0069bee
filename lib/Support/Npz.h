//===- Npz.h - NumPy's .npy and .npz files ----------------------*- C++ -*-===//
//
// Reads and writes arrays in NumPy's formats: header versions 1.0 to 3.0, C
// and Fortran order, little endian, stored and deflated archives. Whatever a
// file claims is checked against its size before memory is taken for it.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "ssmrt/ssmrt.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace ssmc {

/// A dense row-major array that owns its bytes.
struct NpyArray {
  ssmrt_dtype dtype = SSMRT_F32;
  llvm::SmallVector<int64_t> shape;
  std::vector<char> bytes;

  int64_t getNumElements() const;
};

struct NamedArray {
  std::string name;
  NpyArray array;
};

bool isFloat(const NpyArray &array);
/// Element `i` as a number, whatever the type.
double floatAt(const NpyArray &array, int64_t i);
/// Element `i` of an array of integers or booleans, which may have more digits
/// than a double; 0 for others.
__int128 integerAt(const NpyArray &array, int64_t i);

/// Bytes of one element, or 0 where `dtype` is not one of ssmrt_dtype.
int64_t getElementBytes(int32_t dtype);
/// "float32", "int64", ... as NumPy names them.
llvm::StringRef getDtypeName(int32_t dtype);

/// Parses the contents of a .npy file.
llvm::Expected<NpyArray> parseNpy(llvm::StringRef contents);
/// Parses the contents of a .npz file: its arrays in the order of the archive,
/// named without ".npy".
llvm::Expected<std::vector<NamedArray>> parseNpz(llvm::StringRef contents);

/// The same for files; an error names the file.
llvm::Expected<NpyArray> readNpy(llvm::StringRef path);
llvm::Expected<std::vector<NamedArray>> readNpz(llvm::StringRef path);

/// Write a file under a temporary name and rename it. bfloat16, which NumPy
/// does not have, is an error.
llvm::Error writeNpy(llvm::StringRef path, const NpyArray &array);
llvm::Error writeNpz(llvm::StringRef path, llvm::ArrayRef<NamedArray> arrays);

} // namespace ssmc
