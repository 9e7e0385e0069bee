//===- Ptxas.cpp - PTX to machine code ------------------------------------===//

#include "lib/Codegen/Gpu/Device.h"
#include "lib/Support/Error.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using namespace ssmc;

std::string ssmc::findPtxas() {
  if (ErrorOr<std::string> path = sys::findProgramByName("ptxas"))
    return *path;
  std::vector<std::string> roots;
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (std::optional<std::string> root = sys::Process::GetEnv(variable))
      roots.push_back(*root);
  roots.push_back("/usr/local/cuda");
  for (const std::string &root : roots) {
    SmallString<128> path(root);
    sys::path::append(path, "bin", "ptxas");
    if (sys::fs::can_execute(path))
      return path.str().str();
  }
  return {};
}

namespace {
/// An empty file that lives as long as this.
struct TemporaryFile {
  explicit TemporaryFile(StringRef suffix)
      : error(sys::fs::createTemporaryFile("ssmc", suffix, path)),
        remover(path) {}
  SmallString<128> path;
  std::error_code error;
  FileRemover remover;
};
} // namespace

Expected<std::string>
ssmc::assemblePtx(StringRef ptxas, const GpuTarget &target, StringRef ptx) {
  TemporaryFile source("ptx"), image("cubin"), log("log");
  for (const TemporaryFile *file : {&source, &image, &log})
    if (file->error)
      return runError("cannot create a temporary file: " +
                      file->error.message());
  if (Error error = writeToOutput(source.path, [&](raw_ostream &os) {
        os << ptx;
        return Error::success();
      }))
    return std::move(error);
  std::string arch = "-arch=" + target.chip;
  StringRef arguments[] = {ptxas, arch, "-O3", source.path, "-o", image.path};
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log.path),
                                          StringRef(log.path)};
  std::string message;
  int code =
      sys::ExecuteAndWait(ptxas, arguments, std::nullopt, redirects,
                          /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  auto said = MemoryBuffer::getFile(log.path);
  auto made = MemoryBuffer::getFile(image.path);
  if (code == 0 && made && (*made)->getBufferSize() > 0)
    return (*made)->getBuffer().str();
  return runError(ptxas.str() + " failed" +
                  (message.empty() ? "" : ": " + message) +
                  (said ? "\n" + (*said)->getBuffer().trim().str() : ""));
}
