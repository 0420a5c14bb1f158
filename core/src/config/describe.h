// The configuration as people write it: the other way from Canonical().
//
// Threads  Safe, no state.
// Example  Readable(OptionType::kSize, "268435456") == "256M"
#ifndef SHOJI_CORE_CONFIG_DESCRIBE_H_
#define SHOJI_CORE_CONFIG_DESCRIBE_H_

#include <string>
#include <vector>

#include "config/config.h"
#include "shoji/runtime.h"

namespace shoji {

// A text that Canonical() makes `canonical` again.
std::string Readable(OptionType type, const std::string& canonical);

// Every option with its value, in order of declaration; secrets without.
std::vector<OptionInfo> DescribeValues(const Config& config);

}  // namespace shoji

#endif  // SHOJI_CORE_CONFIG_DESCRIBE_H_
