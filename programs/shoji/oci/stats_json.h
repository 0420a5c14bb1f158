// What a container uses, as runc's `events` prints it.
//
// Threads  Safe, no state.
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_STATS_JSON_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_STATS_JSON_H_

#include <string>

#include "shoji/types.h"

namespace shoji::cli {

// One line: {"type": "stats", "id": ..., "data": {...}}.
std::string StatsEventJson(const std::string& id, const ContainerStats& stats);
// One line: {"type": "oom", "id": ...}.
std::string OomEventJson(const std::string& id);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_STATS_JSON_H_
