// The record of a transaction that has been decided but not yet carried out.
//
// Purpose  Values are written to files .t0, .t1, ... first. Then the journal appears, by
//          one rename: that is the moment of decision. Whoever finds a journal, after a
//          crash, moves those files to their places; doing it twice does no harm.
// Format   8 bytes magic, u32 CRC-32 of the rest, then for each step: u8 remove, u32
//          number of the file, u16 length of the key, key. Little endian.
// Threads  Safe, no state.
#ifndef SHOJI_FILESYSTEM_JOURNAL_H_
#define SHOJI_FILESYSTEM_JOURNAL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/status.h"

namespace shoji::filesystem {

inline constexpr char kJournal[] = ".journal";
inline constexpr char kNewJournal[] = ".journal.new";

struct Step {
  bool remove = false;
  std::uint32_t file = 0;
  std::string key;
};

std::string StepFile(std::uint32_t number);  // ".t0"

std::string PackJournal(const std::vector<Step>& steps);
// DATA_LOSS.
Result<std::vector<Step>> UnpackJournal(std::string_view bytes);

}  // namespace shoji::filesystem

#endif  // SHOJI_FILESYSTEM_JOURNAL_H_
