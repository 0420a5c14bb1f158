#include "layout.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <vector>

#include "shoji/base/crc32.h"
#include "shoji/base/errno.h"
#include "shoji/base/strings.h"

namespace shoji::etcd {
namespace {

constexpr std::string_view kMagic = "shoji1";
constexpr std::size_t kMaxLine = 128;
constexpr std::size_t kGenerationDigits = 32;

std::uint32_t CrcOf(std::string_view key, std::string_view value) {
  return Crc32(value, Crc32(std::string_view("\0", 1), Crc32(key)));
}

std::string Hex(std::uint64_t number, std::size_t digits) {
  std::string out(digits, '0');
  for (std::size_t i = digits; i > 0; --i, number >>= 4U)
    out[i - 1] = "0123456789abcdef"[number & 15U];
  return out;
}

template <typename T>
bool ParseNumber(std::string_view text, int base, T* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out, base);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::string Line(char kind, std::string_view key, std::string_view value) {
  return std::string(kMagic) + " " + kind + " " + Hex(CrcOf(key, value), 8) + " " +
         std::to_string(value.size());
}

bool IsGeneration(std::string_view text) {
  return text.size() == kGenerationDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string Layout::Join(const char* kind, std::string_view name) const {
  std::string out = prefix_;
  out += kind;
  out += name;
  return out;
}

std::string Layout::Piece(std::string_view generation, std::uint32_t number) const {
  std::string digits = std::to_string(number);
  digits.insert(0, 6 - std::min<std::size_t>(6, digits.size()), '0');
  return Pieces(generation) + digits;
}

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');  // etcd's word for "to the end"
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string PackValue(std::string_view key, std::string_view value) {
  std::string out = Line('v', key, value);
  out.reserve(out.size() + 1 + value.size());
  out += '\n';
  out += value;
  return out;
}

std::string PackPieces(std::string_view key, std::string_view value, std::string_view generation,
                       std::uint32_t pieces) {
  std::string out = Line('c', key, value) + " ";
  out += generation;
  return out + " " + std::to_string(pieces) + "\n";
}

Result<Record> ParseRecord(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMaxLine).find('\n');
  const std::vector<std::string> words =
      Split(bytes.substr(0, end == std::string_view::npos ? 0 : end), ' ');
  if (words.size() < 2 || words[0] != kMagic) return DataLoss("it is not a Shoji record");
  const bool whole = words[1] == "v" && words.size() == 4;
  const bool pieces = words[1] == "c" && words.size() == 6;
  if (!whole && !pieces) return DataLoss("a newer version of the store wrote it");
  Record record;
  bool good = words[2].size() == 8 && ParseNumber(words[2], 16, &record.crc) &&
              ParseNumber(words[3], 10, &record.size);
  if (pieces) {
    record.generation = words[4];
    good = good && IsGeneration(words[4]) && ParseNumber(words[5], 10, &record.pieces);
  }
  if (!good) return DataLoss("its first line is damaged");
  record.value = bytes.substr(end + 1);
  return record;
}

Status CheckValue(const Record& record, std::string_view key, std::string_view value) {
  if (value.size() != record.size) {
    return DataLoss("it has " + std::to_string(value.size()) + " bytes where " +
                    std::to_string(record.size) + " were saved");
  }
  return CrcOf(key, value) == record.crc ? OkStatus() : DataLoss("its checksum is wrong");
}

Result<std::string> NewGeneration() {
  std::array<std::uint64_t, 2> bytes{};
  if (getrandom(bytes.data(), sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    return ErrnoStatus(errno, "cannot get random bytes");
  }
  return Hex(bytes[0], 16) + Hex(bytes[1], 16);
}

}  // namespace shoji::etcd
