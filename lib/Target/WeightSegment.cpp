//===- WeightSegment.cpp - a place for the weights in the library ---------===//
//
// The linker gives `.ssm.weights` addresses, but no bytes: it is the last
// segment and takes no space in the file, like .bss. Here the file is made
// longer, and the segment's header says that its bytes are there. So weights
// are written once, straight to their place, and never read by the linker.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Files.h"

#include "lib/Support/Error.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cstring>

using namespace llvm;
using namespace ssmc;

namespace {
/// A table of headers inside the file.
template <typename Header>
struct Table {
  Header *begin_, *end_;
  Header *begin() const { return begin_; }
  Header *end() const { return end_; }
};
} // namespace

template <typename Header>
static std::optional<Table<Header>> tableAt(MutableArrayRef<char> file,
                                            uint64_t offset, uint64_t count) {
  if (offset > file.size() || count > (file.size() - offset) / sizeof(Header))
    return std::nullopt;
  auto *begin = reinterpret_cast<Header *>(file.data() + offset);
  return Table<Header>{begin, begin + count};
}

/// Gives the weights their place in the headers of a library.
static bool patchHeaders(MutableArrayRef<char> file, uint64_t offset,
                         uint64_t bytes) {
  auto *header = reinterpret_cast<ELF::Elf64_Ehdr *>(file.data());
  if (file.size() < sizeof(*header) || !header->checkMagic())
    return false;
  auto segments =
      tableAt<ELF::Elf64_Phdr>(file, header->e_phoff, header->e_phnum);
  auto sections =
      tableAt<ELF::Elf64_Shdr>(file, header->e_shoff, header->e_shnum);
  if (!segments || !sections || header->e_shstrndx >= header->e_shnum)
    return false;
  uint64_t names = sections->begin()[header->e_shstrndx].sh_offset;
  StringRef contents(file.data(), file.size());
  auto named = [&](const ELF::Elf64_Shdr &section) {
    return contents
        .drop_front(std::min(names + section.sh_name, uint64_t(file.size())))
        .starts_with(StringRef(".ssm.weights\0", 13));
  };
  auto *section = find_if(*sections, named);
  if (section == sections->end() || section->sh_type != ELF::SHT_NOBITS ||
      section->sh_size != bytes)
    return false;
  auto *segment = find_if(*segments, [&](const ELF::Elf64_Phdr &segment) {
    return segment.p_type == ELF::PT_LOAD &&
           segment.p_vaddr == section->sh_addr && segment.p_filesz == 0 &&
           segment.p_memsz == bytes && segment.p_flags == ELF::PF_R;
  });
  if (segment == segments->end())
    return false;
  section->sh_type = ELF::SHT_PROGBITS;
  section->sh_offset = segment->p_offset = offset;
  segment->p_filesz = bytes;
  return true;
}

Expected<uint64_t> ssmc::appendWeightSegment(StringRef library, int64_t bytes) {
  uint64_t size = 0;
  if (std::error_code error = sys::fs::file_size(library, size))
    return runError(error.message());
  uint64_t offset = alignTo(size, 4096);
  auto buffer = WriteThroughMemoryBuffer::getFile(library, size);
  if (!buffer)
    return runError(buffer.getError().message());
  if (!patchHeaders((*buffer)->getBuffer(), offset, bytes))
    return runError("the linked library does not have the expected segment of "
                    "weights");
  return offset;
}
