#include "shoji/elf/elf_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <random>

#include "shoji/base/file.h"

namespace shoji {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

UniqueFd MemFile(std::string_view bytes) {
  UniqueFd fd(memfd_create("elf", MFD_CLOEXEC));
  EXPECT_TRUE(WriteAll(fd.get(), bytes).ok());
  return fd;
}

// Reads everything there is to read; the last failure, or OK.
Status ReadAllOfIt(std::string_view bytes) {
  const UniqueFd fd = MemFile(bytes);
  SHOJI_ASSIGN_OR_RETURN(ElfFile elf, ElfFile::Open(fd.get()));
  SHOJI_ASSIGN_OR_RETURN(const std::string note, elf.FindNote("Shoji", 1));
  SHOJI_ASSIGN_OR_RETURN(const auto names, elf.ExportedSymbols(64));
  SHOJI_ASSIGN_OR_RETURN(const ElfDynamic dynamic, elf.DynamicSection());
  if (dynamic.needed.empty()) return NotFound("nothing needed");
  return names.empty() ? NotFound("nothing exported") : OkStatus();
}

std::string Sample() {
  Result<std::string> bytes = ReadFile(ELF_SAMPLE);
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *bytes : std::string();
}

TEST(ElfFile, FindsNoteAndExports) {
  const UniqueFd fd = MemFile(Sample());
  auto elf = ElfFile::Open(fd.get());
  ASSERT_TRUE(elf.ok()) << elf.status().message();
  EXPECT_THAT(elf->FindNote("Shoji", 1).value(), HasSubstr("plugin\tstore\tsample\t"));
  EXPECT_EQ(elf->FindNote("Shoji", 2).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(elf->FindNote("Shoj", 1).status().code(), StatusCode::kNotFound);
  EXPECT_THAT(elf->ExportedSymbols(64).value(), ElementsAre("sample_open"));
}

TEST(ElfFile, TellsWhatTheLoaderIsTold) {
  const UniqueFd fd = MemFile(Sample());
  auto elf = ElfFile::Open(fd.get());
  ASSERT_TRUE(elf.ok()) << elf.status().message();
  const auto dynamic = elf->DynamicSection();
  ASSERT_TRUE(dynamic.ok()) << dynamic.status().message();
  EXPECT_THAT(dynamic->needed, testing::Contains("libc.so.6"));
  EXPECT_TRUE(dynamic->bind_now);
  EXPECT_FALSE(dynamic->text_relocations);
  const auto exports = elf->Exports(64);
  ASSERT_TRUE(exports.ok());
  ASSERT_EQ(exports->size(), 1U);
  EXPECT_FALSE(exports->front().unique);
  EXPECT_FALSE(elf->segments().empty());
}

TEST(ElfFile, CutOffAnywhereGivesAnErrorOrTheWholeAnswer) {
  const std::string whole = Sample();
  ASSERT_TRUE(ReadAllOfIt(whole).ok());
  std::size_t failed = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Status status = ReadAllOfIt(std::string_view(whole).substr(0, size));
    if (status.ok()) continue;  // what is missing is nothing we read
    ++failed;
    EXPECT_FALSE(status.message().empty());
  }
  EXPECT_GT(failed, 4096U);
}

TEST(ElfFile, RandomChangesNeverReadWildly) {
  const std::string whole = Sample();
  std::mt19937 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole;
    for (auto changes = 1 + random() % 8; changes > 0; --changes) {
      // Mostly in the headers and tables, which are at the front.
      const std::size_t range = random() % 4 == 0 ? bytes.size() : 2048;
      bytes[random() % range] = static_cast<char>(random() % 4 == 0 ? 0xff : random());
    }
    (void)ReadAllOfIt(bytes);
  }
}

TEST(ElfFile, GarbageIsNotAnElfFile) {
  std::mt19937 random(5);
  for (const std::size_t size : {0U, 1U, 63U, 64U, 5000U}) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_THAT(ReadAllOfIt(bytes).message(), HasSubstr("not an ELF file"));
  }
  EXPECT_THAT(ReadAllOfIt("#!/bin/sh\n").message(), HasSubstr("not an ELF file"));
}

TEST(ElfFile, OtherMachinesAreNamed) {
  std::string bytes = Sample();
  bytes[offsetof(Elf64_Ehdr, e_machine)] = static_cast<char>(EM_S390);
  bytes[offsetof(Elf64_Ehdr, e_machine) + 1] = 0;
  EXPECT_THAT(ReadAllOfIt(bytes).message(),
              HasSubstr("built for another machine (ELF machine 22)"));
  bytes = Sample();
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_THAT(ReadAllOfIt(bytes).message(), HasSubstr("another machine"));
}

TEST(ElfFile, AProgramOrObjectFileIsNoPlugin) {
  std::string bytes = Sample();
  bytes[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
  EXPECT_EQ(ReadAllOfIt(bytes).message(), "not a shared object");
}

}  // namespace
}  // namespace shoji
