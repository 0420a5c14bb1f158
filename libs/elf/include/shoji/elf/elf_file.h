// Reads what Shoji needs of an ELF shared object, without loading it.
//
// Purpose  Finds notes, exported symbols and what the dynamic loader is told, with a few
//          preads. Every offset and
//          size is checked against the file: a torn or hostile file gives an error, never
//          a wild read. Program headers are used, not sections: they are what the dynamic
//          loader goes by, and strip keeps them.
// Threads  An ElfFile is used by one thread at a time.
// Example
//     SHOJI_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Open(fd));
//     SHOJI_ASSIGN_OR_RETURN(std::string text, elf.FindNote("Shoji", 1));
#ifndef SHOJI_ELF_ELF_FILE_H_
#define SHOJI_ELF_ELF_FILE_H_

#include <elf.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji {

struct ElfSymbol {
  std::string name;
  bool unique = false;  // STB_GNU_UNIQUE: one for the whole process, and never unloaded
};

// What the object asks of the dynamic loader.
struct ElfDynamic {
  std::vector<std::string> needed;  // names of libraries, in their order
  bool bind_now = false;
  bool text_relocations = false;
};

class ElfFile {
 public:
  // `fd` is borrowed. FAILED_PRECONDITION when it is not a shared object for this machine.
  static Result<ElfFile> Open(int fd);

  // The descriptor of the note. NOT_FOUND.
  Result<std::string> FindNote(std::string_view owner, std::uint32_t type);

  // The names of at most `limit` functions and data that the object exports.
  Result<std::vector<std::string>> ExportedSymbols(std::size_t limit);
  Result<std::vector<ElfSymbol>> Exports(std::size_t limit);

  Result<ElfDynamic> DynamicSection();

  const std::vector<Elf64_Phdr>& segments() const { return segments_; }

 private:
  struct Dynamic;
  ElfFile(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

  Status ReadHeaders();
  Status ReadAt(std::uint64_t offset, void* data, std::uint64_t size) const;
  // Where the bytes of a loaded address lie in the file.
  Result<std::uint64_t> OffsetOf(std::uint64_t address, std::uint64_t size) const;
  template <typename T>
  Result<T> Get(std::uint64_t address) const;
  Result<std::string> FindInSegment(const Elf64_Phdr& segment, std::string_view owner,
                                    std::uint32_t type) const;
  Result<Dynamic> ReadDynamic() const;
  // The first symbol and the end of those that may be exported.
  Result<std::pair<std::uint64_t, std::uint64_t>> SymbolRange(const Dynamic& dynamic) const;
  Result<std::uint64_t> GnuHashEnd(std::uint64_t hash, std::uint64_t* first) const;
  Result<std::string> StringAt(const Dynamic& dynamic, std::uint64_t index) const;

  int fd_;
  std::uint64_t size_;
  std::string head_;  // the first page: headers and, usually, the note
  std::vector<Elf64_Phdr> segments_;
};

}  // namespace shoji

#endif  // SHOJI_ELF_ELF_FILE_H_
