#include "config/describe.h"

#include <array>
#include <cstdint>
#include <utility>

#include "config/value.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

using Unit = std::pair<const char*, std::uint64_t>;

constexpr std::array<Unit, 4> kSizes = {
    {{"T", 1ULL << 40U}, {"G", 1ULL << 30U}, {"M", 1ULL << 20U}, {"K", 1ULL << 10U}}};
constexpr std::array<Unit, 5> kDurations = {{{"h", 3'600'000'000'000},
                                             {"m", 60'000'000'000},
                                             {"s", 1'000'000'000},
                                             {"ms", 1'000'000},
                                             {"us", 1'000}}};

// In the largest unit of which it is a whole number.
template <std::size_t N>
std::string InUnits(std::uint64_t number, const std::array<Unit, N>& units, const char* smallest) {
  for (const auto& [name, factor] : units) {
    if (number != 0 && number % factor == 0) return std::to_string(number / factor) + name;
  }
  return std::to_string(number) + (number == 0 ? "" : smallest);
}

// A declared name may have a "*" that stands for any key.
bool Matches(const std::string& declared, const std::string& name) {
  const std::size_t star = declared.find('*');
  if (star == std::string::npos) return declared == name;
  const std::size_t tail = declared.size() - star - 1;
  return name.size() > star + tail && name.compare(0, star, declared, 0, star) == 0 &&
         name.compare(name.size() - tail, tail, declared, star + 1, tail) == 0;
}

OptionInfo Describe(const OptionSpec& spec, const std::string& name, const Config::Value& value) {
  OptionInfo info;
  info.name = name;
  info.type = OptionTypeName(spec.type);
  info.origin = value.origin;
  info.set = value.origin != "default";
  info.secret = spec.secret;
  info.help = spec.help;
  if (!spec.secret) {
    info.value = Readable(spec.type, value.text);
    info.default_value = spec.default_value;
  }
  return info;
}

}  // namespace

std::string Readable(OptionType type, const std::string& canonical) {
  if (canonical.empty()) return {};
  if (type == OptionType::kSize) {
    const auto size = ParseSize(canonical);
    return size.ok() ? InUnits(*size, kSizes, "") : canonical;
  }
  if (type == OptionType::kDuration) {
    const auto nanos = ParseInt(canonical);
    return nanos.ok() ? InUnits(static_cast<std::uint64_t>(*nanos), kDurations, "ns") : canonical;
  }
  return canonical;
}

std::vector<OptionInfo> DescribeValues(const Config& config) {
  std::vector<OptionInfo> out;
  const auto& values = config.values();
  for (const OptionSpec& spec : config.specs()) {
    if (const auto exact = values.find(spec.name); exact != values.end()) {
      out.push_back(Describe(spec, spec.name, exact->second));
      continue;
    }
    for (const auto& [name, value] : values) {
      if (Matches(spec.name, name)) out.push_back(Describe(spec, name, value));
    }
  }
  return out;
}

}  // namespace shoji
