// What a guest tells of a container's use, as the API has it.
//
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const ContainerStats stats, ParseContainerStats(text));
#ifndef SHOJI_CORE_REQUEST_CONTAINER_STATS_H_
#define SHOJI_CORE_REQUEST_CONTAINER_STATS_H_

#include <string_view>

#include "shoji/status.h"
#include "shoji/types.h"

namespace shoji {

// JSON with the field names of grpc.StatsContainerResponse; numbers may be texts, as protobuf
// writes those of 64 bits. What is absent is zero. INTERNAL names the field that is wrong.
Result<ContainerStats> ParseContainerStats(std::string_view text);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_CONTAINER_STATS_H_
