#include "boot/inflate.h"

#include <zlib.h>

#include <cstdint>

namespace shoji::agent {
namespace {

constexpr std::size_t kTrailer = 4;  // the size of the content, the lowest byte first
constexpr std::size_t kMax = std::size_t{64} << 20U;
constexpr int kGzip = 16 + MAX_WBITS;

std::size_t ContentSize(std::string_view packed) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < kTrailer; ++i) {
    size |=
        static_cast<std::size_t>(static_cast<std::uint8_t>(packed[packed.size() - kTrailer + i]))
        << (8 * i);
  }
  return size;
}

bool InflateInto(std::string_view packed, std::string* out) {
  z_stream stream{};
  if (inflateInit2(&stream, kGzip) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out->data());
  stream.avail_out = static_cast<uInt>(out->size());
  const int end = inflate(&stream, Z_FINISH);
  const bool whole = end == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole;
}

}  // namespace

Result<std::string> Inflate(std::string_view packed) {
  if (packed.size() < kTrailer || packed.size() > kMax) {
    return InvalidArgument("not a gzip file: " + std::to_string(packed.size()) + " bytes");
  }
  const std::size_t size = ContentSize(packed);
  if (size > kMax) return InvalidArgument("a gzip file of " + std::to_string(size) + " bytes");
  std::string content(size, '\0');
  if (!InflateInto(packed, &content)) return InvalidArgument("a damaged gzip file");
  return content;
}

}  // namespace shoji::agent
