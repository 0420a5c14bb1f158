#include "shoji/elf/elf_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "shoji/base/errno.h"

namespace shoji {
namespace {

constexpr std::uint64_t kHeadSize = 4096;
constexpr std::uint64_t kMaxNotes = 1U << 20U;
constexpr std::uint16_t kMaxSegments = 256;

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
constexpr std::string_view kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
constexpr std::string_view kMachineName = "aarch64";
#else
#error "name the ELF machine of this architecture here"
#endif

std::uint64_t AlignUp4(std::uint64_t n) { return (n + 3) & ~std::uint64_t{3}; }

Status Torn() { return DataLoss("the file is cut off or is not a valid ELF file"); }

Status CheckIdent(const Elf64_Ehdr& header) {
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return FailedPrecondition("not an ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine) {
    return FailedPrecondition("built for another machine (ELF machine " +
                              std::to_string(header.e_machine) + "), this one is " +
                              std::string(kMachineName));
  }
  if (header.e_type != ET_DYN) return FailedPrecondition("not a shared object");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 ||
      header.e_phnum > kMaxSegments) {
    return Torn();
  }
  return OkStatus();
}

}  // namespace

Result<ElfFile> ElfFile::Open(int fd) {
  struct stat st {};
  if (fstat(fd, &st) < 0) return ErrnoStatus(errno, "cannot stat the file");
  ElfFile file(fd, static_cast<std::uint64_t>(std::max<off_t>(st.st_size, 0)));
  SHOJI_RETURN_IF_ERROR(file.ReadHeaders());
  return file;
}

Status ElfFile::ReadHeaders() {
  std::string head(std::min(size_, kHeadSize), '\0');
  SHOJI_RETURN_IF_ERROR(ReadAt(0, head.data(), head.size()));
  head_ = std::move(head);
  Elf64_Ehdr header{};
  if (size_ < sizeof(header)) return FailedPrecondition("not an ELF file");
  SHOJI_RETURN_IF_ERROR(ReadAt(0, &header, sizeof(header)));
  SHOJI_RETURN_IF_ERROR(CheckIdent(header));
  segments_.resize(header.e_phnum);
  return ReadAt(header.e_phoff, segments_.data(), segments_.size() * sizeof(Elf64_Phdr));
}

Status ElfFile::ReadAt(std::uint64_t offset, void* data, std::uint64_t size) const {
  if (offset > size_ || size > size_ - offset) return Torn();
  if (size == 0) return OkStatus();
  if (offset + size <= head_.size()) {
    std::memcpy(data, head_.data() + offset, size);
    return OkStatus();
  }
  auto* out = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = pread(fd_, out, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "cannot read the file");
    if (n == 0) return Torn();
    out += n;
    offset += static_cast<std::uint64_t>(n);
    size -= static_cast<std::uint64_t>(n);
  }
  return OkStatus();
}

Result<std::uint64_t> ElfFile::OffsetOf(std::uint64_t address, std::uint64_t size) const {
  for (const Elf64_Phdr& segment : segments_) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    const std::uint64_t into = address - segment.p_vaddr;
    if (into > segment.p_filesz || size > segment.p_filesz - into) continue;
    if (segment.p_offset > size_ || into > size_ - segment.p_offset) return Torn();
    return segment.p_offset + into;
  }
  return Torn();
}

Result<std::string> ElfFile::FindNote(std::string_view owner, std::uint32_t type) {
  for (const Elf64_Phdr& segment : segments_) {
    // Our notes are aligned to 4; those aligned to 8 are GNU properties.
    if (segment.p_type != PT_NOTE || segment.p_align > 4) continue;
    Result<std::string> text = FindInSegment(segment, owner, type);
    if (text.ok() || text.status().code() != StatusCode::kNotFound) return text;
  }
  return NotFound("no Shoji plugin note");
}

Result<std::string> ElfFile::FindInSegment(const Elf64_Phdr& segment, std::string_view owner,
                                           std::uint32_t type) const {
  if (segment.p_filesz > kMaxNotes || segment.p_filesz > size_) return Torn();
  std::string notes(segment.p_filesz, '\0');
  SHOJI_RETURN_IF_ERROR(ReadAt(segment.p_offset, notes.data(), notes.size()));
  std::uint64_t at = 0;
  while (notes.size() - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header{};
    std::memcpy(&header, notes.data() + at, sizeof(header));
    at += sizeof(header);
    // 64-bit sums of 32-bit sizes cannot overflow.
    const std::uint64_t name_size = header.n_namesz;
    const std::uint64_t desc_at = at + AlignUp4(name_size);
    const std::uint64_t desc_end = desc_at + header.n_descsz;
    if (desc_end > notes.size()) return Torn();
    const std::string_view name(notes.data() + at, name_size);
    if (header.n_type == type && name_size == owner.size() + 1 &&
        name.substr(0, owner.size()) == owner && name.back() == '\0') {
      return notes.substr(desc_at, header.n_descsz);
    }
    at = std::min<std::uint64_t>(AlignUp4(desc_end), notes.size());
  }
  return NotFound("no such note");
}

}  // namespace shoji
