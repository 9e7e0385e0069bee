//===- Link.cpp - from object files to a shared library -------------------===//

#include "lib/Target/Files.h"

#include "lib/Support/Error.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"

#include <deque>
#include <dlfcn.h>
#include <link.h>

using namespace llvm;
using namespace ssmc;

static constexpr unsigned char kKernelObject[] = {
#include "lib/Target/KernelObject.inc"
};

/// Everything but the description is hidden.
static constexpr StringLiteral kVersionScript =
    "{ global: ssm_model; local: *; };\n";
/// The weights are the last segment, so that their bytes can follow the rest.
static constexpr StringLiteral kLinkerScript =
    "SECTIONS { .ssm.weights : ALIGN(4096) { *(.ssm.weights) } } "
    "INSERT AFTER .bss;\n";

/// The lld beside this program or library, or else the one of the LLVM it was
/// built with.
static std::string findLinker() {
  std::string self = sys::fs::getMainExecutable(nullptr, nullptr);
  Dl_info place;
  if (dladdr(kKernelObject, &place) && place.dli_fname &&
      StringRef(place.dli_fname).contains(".so"))
    self = place.dli_fname;
  SmallString<256> beside(sys::path::parent_path(self));
  sys::path::append(beside, "ld.lld");
  return sys::fs::can_execute(beside) ? beside.str().str() : SSMC_LLD;
}

/// The C and mathematics libraries that this process runs with: their
/// development files (libc.so, libm.so) may not be installed.
static SmallVector<std::string> findSystemLibraries() {
  SmallVector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *data) {
        StringRef path(info->dlpi_name), name = sys::path::filename(path);
        if (name.starts_with("libc.so") || name.starts_with("libm.so"))
          static_cast<SmallVector<std::string> *>(data)->push_back(path.str());
        return 0;
      },
      &paths);
  return paths;
}

namespace {
/// Files that live as long as the link does.
class TemporaryFiles {
public:
  ~TemporaryFiles() {
    for (StringRef path : paths)
      sys::DontRemoveFileOnSignal(path);
  }

  Expected<std::string> add(StringRef suffix, StringRef contents) {
    SmallString<128> path;
    int file;
    if (std::error_code error =
            sys::fs::createTemporaryFile("ssmc", suffix, file, path))
      return runError("cannot create a temporary file: " + error.message());
    removers.emplace_back(path);
    sys::RemoveFileOnSignal(path);
    paths.push_back(path.str().str());
    raw_fd_ostream os(file, /*shouldClose=*/true);
    os << contents;
    os.close();
    if (os.has_error()) {
      std::string message = os.error().message();
      os.clear_error();
      return runError("cannot write a temporary file: " + message);
    }
    return path.str().str();
  }

private:
  std::vector<std::string> paths;
  std::deque<FileRemover> removers; // never copied: that would remove files
};
} // namespace

Error ssmc::linkModel(ArrayRef<StringRef> objects, StringRef output) {
  TemporaryFiles files;
  std::string linker = findLinker();
  std::vector<std::string> arguments = {linker,
                                        "-shared",
                                        "-o",
                                        "-",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-z",
                                        "defs",
                                        "-z",
                                        "noexecstack",
                                        "--hash-style=gnu",
                                        "--as-needed",
                                        "--strip-debug"};
  StringRef kernel(reinterpret_cast<const char *>(kKernelObject),
                   sizeof(kKernelObject));
  SmallVector<StringRef> all(objects);
  all.push_back(kernel);
  auto add = [&](StringRef option, StringRef suffix,
                 StringRef contents) -> Error {
    Expected<std::string> path = files.add(suffix, contents);
    if (!path)
      return path.takeError();
    arguments.push_back(option.str() + *path);
    return Error::success();
  };
  for (StringRef object : all)
    if (Error error = add("", "o", object))
      return error;
  if (Error error = add("--version-script=", "map", kVersionScript))
    return error;
  if (Error error = add("--script=", "ld", kLinkerScript))
    return error;
  append_range(arguments, findSystemLibraries());
  Expected<std::string> logPath = files.add("log", "");
  if (!logPath)
    return logPath.takeError();

  SmallVector<StringRef> argv(arguments.begin(), arguments.end());
  // The linker writes to its standard output, a file that is open already: it
  // makes no file of its own, which would stay where this process is ended.
  std::optional<StringRef> redirects[] = {StringRef(), output,
                                          StringRef(*logPath)};
  std::string message;
  int code =
      sys::ExecuteAndWait(linker, argv, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (code == 0)
    return Error::success();
  auto buffer = MemoryBuffer::getFile(*logPath);
  StringRef said = buffer ? (*buffer)->getBuffer().trim() : StringRef();
  return runError("linking with " + linker + " failed" +
                  (message.empty() ? "" : ": " + message) +
                  (said.empty() ? "" : "\n" + said));
}
