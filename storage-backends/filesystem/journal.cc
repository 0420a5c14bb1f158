#include "journal.h"

#include "record.h"
#include "shoji/base/crc32.h"
#include "shoji/sdk/store.h"

namespace shoji::filesystem {
namespace {

constexpr std::string_view kMagic = "ShojiTxn";
constexpr std::size_t kHeader = 12;
constexpr std::size_t kStepHeader = 7;

}  // namespace

std::string StepFile(std::uint32_t number) { return ".t" + std::to_string(number); }

std::string PackJournal(const std::vector<Step>& steps) {
  std::string body;
  for (const Step& step : steps) {
    PutNumber(&body, step.remove ? 1 : 0, 1);
    PutNumber(&body, step.file, 4);
    PutNumber(&body, step.key.size(), 2);
    body += step.key;
  }
  std::string out(kMagic);
  PutNumber(&out, Crc32(body), 4);
  return out + body;
}

Result<std::vector<Step>> UnpackJournal(std::string_view bytes) {
  if (bytes.size() < kHeader || bytes.substr(0, kMagic.size()) != kMagic ||
      GetNumber(bytes, 8, 4) != Crc32(bytes.substr(kHeader))) {
    return DataLoss("it is not a whole Shoji journal");
  }
  std::vector<Step> steps;
  for (bytes.remove_prefix(kHeader); !bytes.empty();) {
    if (bytes.size() < kStepHeader) return DataLoss("it ends within a step");
    Step step;
    step.remove = GetNumber(bytes, 0, 1) == 1;
    step.file = static_cast<std::uint32_t>(GetNumber(bytes, 1, 4));
    const std::size_t size = GetNumber(bytes, 5, 2);
    bytes.remove_prefix(kStepHeader);
    if (size > bytes.size()) return DataLoss("it ends within a key");
    step.key = bytes.substr(0, size);
    bytes.remove_prefix(size);
    SHOJI_RETURN_IF_ERROR(sdk::CheckStoreKey(step.key));
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace shoji::filesystem
