//===- Writable.cpp - whether an output can be written --------------------===//

#include "lib/Support/Writable.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace llvm;

std::string ssmc::whyNotWritable(std::string &path) {
  SmallString<256> target;
  bool isLink = sys::fs::is_symlink_file(path);
  if (isLink && !sys::fs::real_path(path, target))
    path = target.str().str();
  auto fail = [&](const Twine &reason) {
    return ("cannot write " + path + ": " + reason).str();
  };
  if ((isLink || sys::fs::exists(path)) && !sys::fs::is_regular_file(path))
    return fail("it is not a regular file");
  StringRef folder = sys::path::parent_path(path);
  if (folder.empty())
    folder = ".";
  if (!sys::fs::is_directory(folder))
    return fail("there is no folder '" + folder + "'");
  if (sys::fs::access(folder, sys::fs::AccessMode::Write))
    return fail("the folder '" + folder + "' cannot be written to");
  return {};
}
