// Which keys of etcd hold what, and the bytes of a record.
//
// Keys     below the prefix P of the options:
//            P format        "shoji-store 1\n"
//            P k/<key>       the record
//            P b/<key>       only while the record is in pieces: its generation
//            P c/<gen>/<n>   the pieces of a generation, n from 000000
// Record   one line of text, so that `etcdctl get` shows it, and the value:
//            "shoji1 v <crc> <size>\n<value>"            the value itself
//            "shoji1 c <crc> <size> <gen> <pieces>\n"    a value in pieces
//          crc is CRC-32 (8 hex digits) of key, NUL and value.
// Threads  Safe, no state.
#ifndef SHOJI_ETCD_LAYOUT_H_
#define SHOJI_ETCD_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "shoji/status.h"

namespace shoji::etcd {

inline constexpr char kFormat[] = "shoji-store 1\n";
inline constexpr char kFormatName[] = "shoji-store ";

class Layout {
 public:
  explicit Layout(std::string prefix) : prefix_(std::move(prefix)) {}
  const std::string& prefix() const { return prefix_; }

  std::string Format() const { return prefix_ + "format"; }
  std::string Record(std::string_view key) const { return Join("k/", key); }
  std::string Marker(std::string_view key) const { return Join("b/", key); }
  std::string Pieces(std::string_view generation) const { return Join("c/", generation) + "/"; }
  std::string Piece(std::string_view generation, std::uint32_t number) const;

 private:
  std::string Join(const char* kind, std::string_view name) const;

  std::string prefix_;
};

// The first key after all that begin with `prefix`.
std::string EndOfPrefix(std::string prefix);

struct Record {
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::string generation;  // empty: the value is `value`
  std::uint32_t pieces = 0;
  std::string_view value;  // borrowed from the parsed bytes
};

std::string PackValue(std::string_view key, std::string_view value);
std::string PackPieces(std::string_view key, std::string_view value, std::string_view generation,
                       std::uint32_t pieces);
// DATA_LOSS says what is wrong. Does not look at the value.
Result<Record> ParseRecord(std::string_view bytes);
// DATA_LOSS unless `value` is what the record promises.
Status CheckValue(const Record& record, std::string_view key, std::string_view value);

// 32 hex digits that no other writer has.
Result<std::string> NewGeneration();

}  // namespace shoji::etcd

#endif  // SHOJI_ETCD_LAYOUT_H_
