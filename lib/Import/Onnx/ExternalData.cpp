//===- ExternalData.cpp - mapped files ------------------------------------===//

#include "lib/Import/Onnx/ExternalData.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallVector.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace ssmc;

static Error systemError(const Twine &what) {
  return createStringError(what + ": " + strerror(errno));
}

Expected<std::shared_ptr<MappedFile>> MappedFile::map(int descriptor) {
  llvm::scope_exit close([&] { ::close(descriptor); });
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return systemError("cannot be read");
  if (!S_ISREG(status.st_mode))
    return createStringError("is not a regular file");
  if (status.st_size == 0)
    return std::shared_ptr<MappedFile>(new MappedFile({}));
  void *address =
      ::mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED)
    return systemError("cannot be mapped");
  return std::shared_ptr<MappedFile>(new MappedFile(
      ArrayRef(static_cast<const char *>(address), status.st_size)));
}

Expected<std::shared_ptr<MappedFile>> MappedFile::open(StringRef path) {
  // Non-blocking, so that a pipe cannot keep us waiting for a writer.
  int descriptor =
      ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return systemError("cannot be opened");
  return map(descriptor);
}

MappedFile::~MappedFile() {
  if (!bytes.empty())
    ::munmap(const_cast<char *>(bytes.data()), bytes.size());
}

/// The components of a location that stays beneath its folder.
static Expected<SmallVector<StringRef>> splitLocation(StringRef location) {
  if (location.starts_with("/"))
    return createStringError("is an absolute path; external data must lie "
                             "beneath the model's folder");
  if (location.contains('\0'))
    return createStringError("is not a file name");
  SmallVector<StringRef> parts;
  location.split(parts, '/', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  llvm::erase(parts, ".");
  if (parts.empty())
    return createStringError("is not a file name");
  if (is_contained(parts, ".."))
    return createStringError("leaves the model's folder through '..'");
  return parts;
}

/// Opens `parts` beneath the folder `at`, following no links; closes `at`.
static Expected<int> openBeneath(int at, ArrayRef<StringRef> parts) {
  for (auto [i, part] : enumerate(parts)) {
    bool last = i + 1 == parts.size();
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int next =
        ::openat(at, part.str().c_str(), last ? flags : flags | O_DIRECTORY);
    int reason = errno;
    ::close(at);
    errno = reason;
    if (next < 0) {
      // Without following links, a link to a folder is "not a directory".
      if (errno == ELOOP || (!last && errno == ENOTDIR))
        return createStringError(
            "is or passes through a symbolic link, which is not followed; "
            "copy the file beside the model or give --external-data-dir");
      return systemError("cannot be opened; external data is looked for in the "
                         "model's folder or in --external-data-dir");
    }
    at = next;
  }
  return at;
}

Expected<std::shared_ptr<MappedFile>> ExternalData::open(StringRef location) {
  std::shared_ptr<MappedFile> &file = files[location];
  if (file)
    return file;
  Expected<SmallVector<StringRef>> parts = splitLocation(location);
  if (!parts)
    return parts.takeError();
  int at = ::open(folder.empty() ? "." : folder.c_str(),
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (at < 0)
    return systemError("cannot be opened in the folder '" + folder + "'");
  Expected<int> descriptor = openBeneath(at, *parts);
  if (!descriptor)
    return descriptor.takeError();
  struct stat status;
  if (::fstat(*descriptor, &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_nlink > 1) {
    ::close(*descriptor);
    return createStringError("has more than one hard link; copy the file");
  }
  Expected<std::shared_ptr<MappedFile>> mapped = MappedFile::map(*descriptor);
  if (!mapped)
    return mapped.takeError();
  file = *mapped;
  return file;
}
