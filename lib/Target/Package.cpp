//===- Package.cpp - from object code to a model's files ------------------===//

#include "lib/Target/Package.h"

#include "lib/Target/Files.h"
#include "lib/Target/Weights.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"

#include <unistd.h>

using namespace mlir;
using namespace ssmc;

namespace {
/// A file under a temporary name beside its final one; removed unless kept. The
/// file is made under a name that nobody can foresee and that was not there: in
/// a folder that others write to, a link may lie in wait.
class OutputFile {
public:
  explicit OutputFile(StringRef path) : path(path.str()) {
    SmallString<256> name;
    int file;
    error =
        llvm::sys::fs::createUniqueFile(path + ".tmp-%%%%%%%%%%", file, name);
    if (error)
      return;
    ::close(file);
    temporary = name.str().str();
    remover.setFile(temporary);
    llvm::sys::RemoveFileOnSignal(temporary);
  }
  ~OutputFile() {
    if (!error)
      llvm::sys::DontRemoveFileOnSignal(temporary);
  }

  StringRef getPath() const { return temporary; }
  std::error_code keep() {
    if (std::error_code error = llvm::sys::fs::rename(temporary, path))
      return error;
    remover.releaseFile();
    kept = true;
    return {};
  }
  /// Takes back what `keep` did, where a further file could not be kept.
  void undo() {
    if (kept)
      (void)llvm::sys::fs::remove(path);
  }
  const std::string path;
  std::error_code error; // of making it

private:
  std::string temporary;
  llvm::FileRemover remover;
  bool kept = false;
};
} // namespace

static LogicalResult check(ModuleOp module, const Twine &path,
                           std::error_code error) {
  if (!error)
    return success();
  return mlir::emitError(module.getLoc())
         << path.str() << ": " << error.message();
}

static LogicalResult check(ModuleOp module, llvm::Error error) {
  if (!error)
    return success();
  return mlir::emitError(module.getLoc()) << llvm::toString(std::move(error));
}

/// Writes the section into `path` at `start`, and `id` behind it if given.
static std::error_code writeWeights(const WeightSection &section,
                                    StringRef path, uint64_t start,
                                    std::optional<uint64_t> id) {
  int file;
  if (std::error_code error = llvm::sys::fs::openFileForReadWrite(
          path, file, llvm::sys::fs::CD_OpenExisting, llvm::sys::fs::OF_None))
    return error;
  uint64_t end = start + section.bytes + (id ? sizeof(*id) : 0);
  std::error_code error = llvm::sys::fs::resize_file(file, end);
  if (!error)
    if (int code = writeWeightSection(section, file, start))
      error = std::error_code(code, std::generic_category());
  if (!error && id &&
      ::pwrite(file, &*id, sizeof(*id), start + section.bytes) != sizeof(*id))
    error = std::error_code(errno, std::generic_category());
  if (::close(file) != 0 && !error)
    error = std::error_code(errno, std::generic_category());
  return error;
}

static std::string replaceExtension(StringRef path, StringRef extension) {
  SmallString<256> result(path);
  llvm::sys::path::replace_extension(result, extension);
  return result.str().str();
}

/// Code, description and runtime as a library, weights not yet in it.
static PackageResult link(ModuleOp module, StringRef objectCode,
                          ArrayRef<EntrySignature> entries,
                          const WeightPlace &place, StringRef path,
                          const PackageOptions &options) {
  llvm::Expected<SmallString<0>> descriptor =
      makeDescriptor(entries, place, options);
  llvm::Error error =
      descriptor ? linkModel({objectCode, StringRef(*descriptor)}, path)
                 : descriptor.takeError();
  return succeeded(check(module, std::move(error))) ? PackageResult::Done
                                                    : PackageResult::Broken;
}

PackageResult ssmc::packageModel(ModuleOp module, StringRef objectCode,
                                 const PackageOptions &options) {
  FailureOr<std::vector<EntrySignature>> entries = readSignatures(module);
  if (failed(entries))
    return PackageResult::BadOutput;
  FailureOr<WeightSection> section = readWeightSection(module);
  if (failed(section))
    return PackageResult::Broken;

  OutputFile library(options.output);
  OutputFile header(replaceExtension(options.output, "h"));
  OutputFile weights(replaceExtension(options.output, "weights"));
  for (const OutputFile *file : {&library, &header, &weights})
    if (failed(check(module, file->path, file->error)))
      return PackageResult::BadOutput;
  WeightPlace place;
  place.bytes = section->bytes;
  bool outside = place.bytes > options.maxInlineWeights;
  if (outside) {
    place.file = llvm::sys::path::filename(weights.path).str();
    place.id = hashWeightSection(*section);
  }
  PackageResult linked =
      link(module, objectCode, *entries, place, library.getPath(), options);
  if (linked != PackageResult::Done)
    return linked;

  uint64_t start = 0;
  if (!outside && place.bytes > 0) {
    auto offset = appendWeightSegment(library.getPath(), place.bytes);
    if (!offset) {
      (void)check(module, offset.takeError());
      return PackageResult::Broken;
    }
    start = *offset;
  }
  OutputFile &target = outside ? weights : library;
  if (place.bytes > 0 &&
      failed(check(
          module, target.path,
          writeWeights(*section, target.getPath(), start,
                       outside ? std::optional(place.id) : std::nullopt))))
    return PackageResult::BadOutput;
  StringRef name = llvm::sys::path::stem(options.output);
  llvm::Error error =
      llvm::writeToOutput(header.getPath(), [&](raw_ostream &os) {
        os << makeHeader(name, *entries, place, options);
        return llvm::Error::success();
      });
  // The library last: where it is, the rest is too.
  if (failed(check(module, std::move(error))) ||
      (outside && failed(check(module, weights.path, weights.keep()))) ||
      failed(check(module, header.path, header.keep())) ||
      failed(check(module, library.path, library.keep()))) {
    header.undo();
    weights.undo();
    return PackageResult::BadOutput;
  }
  return PackageResult::Done;
}
