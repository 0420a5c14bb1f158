// Statistics of a container as JSON.
//
// Purpose  Every field of grpc.StatsContainerResponse under its name there, zero or not.
// Threads  Safe.
// Example  return StatsToJson(reply);  // {"cgroup_stats":{"cpu_stats":{...},...},...}
#ifndef SHOJI_AGENT_KATA_STATS_JSON_H_
#define SHOJI_AGENT_KATA_STATS_JSON_H_

#include <string>

#include "shoji-kata/agent.pb.h"

namespace shoji::agent_kata {

std::string StatsToJson(const grpc::StatsContainerResponse& stats);

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_STATS_JSON_H_
