// Text tables and times for people.
//
// Threads  Safe, no state.
// Example  PrintTable({"ID", "STATE"}, {{"web", "running"}});
#ifndef SHOJI_PROGRAMS_SHOJI_TABLE_H_
#define SHOJI_PROGRAMS_SHOJI_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace shoji::cli {

// Columns are as wide as their widest cell, two spaces between them; printed on stdout.
void PrintTable(const std::vector<std::string>& head,
                const std::vector<std::vector<std::string>>& rows);

// "2026-11-22T04:05:06.123456789Z"; empty for 0.
std::string FormatTime(std::int64_t unix_ns);

// "256 MiB"; exact, so perhaps in KiB or B.
std::string FormatBytes(std::uint64_t bytes);

// "256.4 MiB", for what is measured.
std::string Mebibytes(std::int64_t bytes);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_TABLE_H_
