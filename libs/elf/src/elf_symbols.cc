// What the dynamic loader reads: exported symbols and flags, through PT_DYNAMIC.
#include <algorithm>
#include <cstring>
#include <utility>

#include "shoji/elf/elf_file.h"

namespace shoji {
namespace {

constexpr std::uint64_t kMaxDynamic = 64U << 10U;
constexpr std::uint32_t kMaxBuckets = 1U << 20U;
constexpr std::uint32_t kMaxSymbols = 1U << 22U;
constexpr std::size_t kMaxName = 255;

Status Torn() { return DataLoss("its dynamic symbol table is cut off or not valid"); }

bool IsExported(const Elf64_Sym& symbol) {
  const unsigned bind = ELF64_ST_BIND(symbol.st_info);
  const unsigned visibility = ELF64_ST_VISIBILITY(symbol.st_other);
  // An absolute symbol is the name of a version node, not code or data.
  return symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS && bind != STB_LOCAL &&
         (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

}  // namespace

struct ElfFile::Dynamic {
  std::uint64_t symbols = 0;
  std::uint64_t strings = 0;
  std::uint64_t strings_size = 0;
  std::uint64_t hash = 0;
  std::uint64_t gnu_hash = 0;
  std::vector<std::uint64_t> needed;  // places of names among the strings
  bool bind_now = false;
  bool text_relocations = false;

  void Take(const Elf64_Dyn& entry);
};

void ElfFile::Dynamic::Take(const Elf64_Dyn& entry) {
  const std::uint64_t value = entry.d_un.d_val;
  if (entry.d_tag == DT_SYMTAB) symbols = value;
  if (entry.d_tag == DT_STRTAB) strings = value;
  if (entry.d_tag == DT_STRSZ) strings_size = value;
  if (entry.d_tag == DT_HASH) hash = value;
  if (entry.d_tag == DT_GNU_HASH) gnu_hash = value;
  if (entry.d_tag == DT_NEEDED) needed.push_back(value);
  // Three ways to say the same.
  bind_now = bind_now || entry.d_tag == DT_BIND_NOW ||
             (entry.d_tag == DT_FLAGS && (value & DF_BIND_NOW) != 0) ||
             (entry.d_tag == DT_FLAGS_1 && (value & DF_1_NOW) != 0);
  text_relocations = text_relocations || entry.d_tag == DT_TEXTREL ||
                     (entry.d_tag == DT_FLAGS && (value & DF_TEXTREL) != 0);
}

template <typename T>
Result<T> ElfFile::Get(std::uint64_t address) const {
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t offset, OffsetOf(address, sizeof(T)));
  T value{};
  SHOJI_RETURN_IF_ERROR(ReadAt(offset, &value, sizeof(T)));
  return value;
}

Result<ElfFile::Dynamic> ElfFile::ReadDynamic() const {
  const auto segment = std::find_if(segments_.begin(), segments_.end(),
                                    [](const Elf64_Phdr& s) { return s.p_type == PT_DYNAMIC; });
  if (segment == segments_.end() || segment->p_filesz > kMaxDynamic) return Torn();
  std::vector<Elf64_Dyn> entries(segment->p_filesz / sizeof(Elf64_Dyn));
  SHOJI_RETURN_IF_ERROR(
      ReadAt(segment->p_offset, entries.data(), entries.size() * sizeof(Elf64_Dyn)));
  Dynamic dynamic;
  for (const Elf64_Dyn& entry : entries) {
    if (entry.d_tag == DT_NULL) break;
    dynamic.Take(entry);
  }
  if (dynamic.symbols == 0 || dynamic.strings == 0) return Torn();
  return dynamic;
}

// A GNU hash table holds no count: the last symbol is the end of the chain of the bucket
// that starts last.
Result<std::uint64_t> ElfFile::GnuHashEnd(std::uint64_t hash, std::uint64_t* first) const {
  struct Header {
    std::uint32_t buckets, first_symbol, bloom_words, bloom_shift;
  };
  SHOJI_ASSIGN_OR_RETURN(const Header header, Get<Header>(hash));
  *first = header.first_symbol;
  if (header.buckets > kMaxBuckets || header.bloom_words > kMaxBuckets) return Torn();
  const std::uint64_t buckets_at = hash + sizeof(Header) + std::uint64_t{header.bloom_words} * 8;
  const std::uint64_t bytes = std::uint64_t{header.buckets} * 4;
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t offset, OffsetOf(buckets_at, bytes));
  if (bytes > size_) return Torn();
  std::vector<std::uint32_t> buckets(header.buckets);
  SHOJI_RETURN_IF_ERROR(ReadAt(offset, buckets.data(), bytes));
  const auto last = std::max_element(buckets.begin(), buckets.end());
  if (last == buckets.end() || *last < header.first_symbol) return *first;
  const std::uint64_t chains = buckets_at + bytes;
  for (std::uint64_t i = *last; i < kMaxSymbols; ++i) {
    SHOJI_ASSIGN_OR_RETURN(const std::uint32_t link,
                           Get<std::uint32_t>(chains + (i - header.first_symbol) * 4));
    if ((link & 1U) != 0) return i + 1;
  }
  return Torn();
}

Result<std::pair<std::uint64_t, std::uint64_t>> ElfFile::SymbolRange(const Dynamic& dynamic) const {
  if (dynamic.gnu_hash != 0) {
    std::uint64_t first = 0;
    SHOJI_ASSIGN_OR_RETURN(const std::uint64_t end, GnuHashEnd(dynamic.gnu_hash, &first));
    return std::make_pair(first, end);
  }
  if (dynamic.hash == 0) return Torn();
  SHOJI_ASSIGN_OR_RETURN(const std::uint32_t count, Get<std::uint32_t>(dynamic.hash + 4));
  if (count > kMaxSymbols) return Torn();
  return std::make_pair(std::uint64_t{1}, std::uint64_t{count});
}

Result<std::string> ElfFile::StringAt(const Dynamic& dynamic, std::uint64_t index) const {
  if (index >= dynamic.strings_size) return Torn();
  char buffer[kMaxName + 1];
  const std::uint64_t room = std::min<std::uint64_t>(sizeof(buffer), dynamic.strings_size - index);
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t offset, OffsetOf(dynamic.strings + index, room));
  SHOJI_RETURN_IF_ERROR(ReadAt(offset, buffer, room));
  return std::string(buffer, strnlen(buffer, room));
}

Result<std::vector<ElfSymbol>> ElfFile::Exports(std::size_t limit) {
  SHOJI_ASSIGN_OR_RETURN(const Dynamic dynamic, ReadDynamic());
  SHOJI_ASSIGN_OR_RETURN(const auto range, SymbolRange(dynamic));
  std::vector<ElfSymbol> found;
  for (std::uint64_t i = range.first; i < range.second && found.size() < limit; ++i) {
    SHOJI_ASSIGN_OR_RETURN(const Elf64_Sym symbol,
                           Get<Elf64_Sym>(dynamic.symbols + i * sizeof(Elf64_Sym)));
    if (!IsExported(symbol)) continue;
    SHOJI_ASSIGN_OR_RETURN(std::string name, StringAt(dynamic, symbol.st_name));
    found.push_back({std::move(name), ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE});
  }
  return found;
}

Result<std::vector<std::string>> ElfFile::ExportedSymbols(std::size_t limit) {
  SHOJI_ASSIGN_OR_RETURN(std::vector<ElfSymbol> symbols, Exports(limit));
  std::vector<std::string> names;
  for (ElfSymbol& symbol : symbols) names.push_back(std::move(symbol.name));
  return names;
}

Result<ElfDynamic> ElfFile::DynamicSection() {
  SHOJI_ASSIGN_OR_RETURN(const Dynamic dynamic, ReadDynamic());
  ElfDynamic out{{}, dynamic.bind_now, dynamic.text_relocations};
  for (const std::uint64_t index : dynamic.needed) {
    SHOJI_ASSIGN_OR_RETURN(std::string name, StringAt(dynamic, index));
    out.needed.push_back(std::move(name));
  }
  return out;
}

}  // namespace shoji
