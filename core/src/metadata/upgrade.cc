#include "metadata/upgrade.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "metadata/record.h"
#include "metadata/text.h"
#include "version.h"

namespace shoji {
namespace {

using nlohmann::json;

constexpr int kOldestSchema = 1;

// What began with NUL is no mark yet. Only such strings change: all others were UTF-8.
void From1To2(json& record) { EncodeStrings(record); }

constexpr UpgradeStep kSteps[] = {From1To2};
static_assert(kOldestSchema + static_cast<int>(std::size(kSteps)) == kRecordSchema,
              "a new schema needs a step that leads to it");

}  // namespace

Result<int> UpgradeWith(const std::vector<UpgradeStep>& steps, int oldest, json& record) {
  const int newest = oldest + static_cast<int>(steps.size());
  const json& stored = record.at("schema");
  if (!stored.is_number_integer()) return DataLoss("it is damaged: its schema is no number");
  const auto schema = stored.get<std::int64_t>();
  if (schema > newest) {
    return FailedPrecondition("it has schema " + std::to_string(schema) + ", Shoji " + kVersion +
                              " reads up to " + std::to_string(newest) +
                              "; use the newer version of Shoji that wrote it");
  }
  if (schema < oldest) {
    return DataLoss("it has schema " + std::to_string(schema) + ", the first one was " +
                    std::to_string(oldest));
  }
  for (int at = static_cast<int>(schema); at < newest; ++at) {
    steps[static_cast<std::size_t>(at - oldest)](record);
    record["schema"] = at + 1;
  }
  return static_cast<int>(schema);
}

Result<int> UpgradeRecord(json& record) {
  return UpgradeWith({std::begin(kSteps), std::end(kSteps)}, kOldestSchema, record);
}

}  // namespace shoji
