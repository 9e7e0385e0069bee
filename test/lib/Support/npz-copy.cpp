//===- npz-copy.cpp - reads and writes .npy and .npz files ----------------===//
//
// npz-copy IN OUT      reads IN, writes what was read to OUT
// npz-copy --break IN  reads every truncation of IN and IN with each byte
//                      changed; prints how many of them were refused
//
//===----------------------------------------------------------------------===//

#include "lib/Support/Npz.h"

#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace ssmc;

static bool isArchive(StringRef path) { return path.ends_with(".npz"); }

static bool refuses(StringRef path, StringRef contents) {
  Error error = isArchive(path) ? parseNpz(contents).takeError()
                                : parseNpy(contents).takeError();
  bool failed = bool(error);
  consumeError(std::move(error));
  return failed;
}

static int breakFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  if (!buffer)
    return 1;
  std::string contents = (*buffer)->getBuffer().str();
  size_t truncations = 0, changes = 0;
  for (size_t size = 0; size != contents.size(); ++size)
    truncations += refuses(path, std::string(contents, 0, size));
  for (size_t i = 0; i != contents.size(); ++i) {
    for (char change : {0x01, 0x80, 0xff}) {
      std::string changed = contents;
      changed[i] ^= change;
      changes += refuses(path, changed);
    }
  }
  outs() << "truncations refused: " << truncations << " of " << contents.size()
         << "\nchanges refused: " << changes << " of " << 3 * contents.size()
         << "\n";
  return 0;
}

static Error copyFile(StringRef in, StringRef out) {
  if (isArchive(in)) {
    auto arrays = readNpz(in);
    return arrays ? writeNpz(out, *arrays) : arrays.takeError();
  }
  auto array = readNpy(in);
  return array ? writeNpy(out, *array) : array.takeError();
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  if (StringRef(argv[1]) == "--break")
    return breakFile(argv[2]);
  if (Error error = copyFile(argv[1], argv[2])) {
    errs() << toString(std::move(error)) << "\n";
    return 1;
  }
  return 0;
}
