// Reports of the API as JSON text.
//
// Purpose  One place that fixes the member names that scripts rely on.
// Threads  Safe, no state.
#ifndef SHOJI_PROGRAMS_SHOJI_REPORT_H_
#define SHOJI_PROGRAMS_SHOJI_REPORT_H_

#include <string>
#include <vector>

#include "shoji/types.h"

namespace shoji::cli {

std::string ToJson(const SandboxStatus& status);
std::string ToJson(const std::vector<SandboxStatus>& list);
std::string ToJson(const PluginInfo& plugin);
std::string ToJson(const std::vector<PluginInfo>& plugins);
std::string ToJson(const DeviceStatus& device);
std::string ToJson(const std::vector<DeviceStatus>& list);
std::string ToJson(const GarbageReport& report, bool dry_run);
const char* KindName(DeviceInfo::Kind kind);
const char* KindName(StorageInfo::Kind kind);
// {"id": ..., "state": ...}
std::string OutcomeJson(const std::string& id, const std::string& state);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_REPORT_H_
