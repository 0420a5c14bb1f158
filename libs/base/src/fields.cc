#include "shoji/base/fields.h"

#include <vector>

#include "shoji/base/strings.h"

namespace shoji {

namespace {
constexpr std::string_view kEnd = "end";  // a torn text lacks it
}  // namespace

std::string FormatFields(std::string_view title, const Fields& fields) {
  std::string out = std::string(title) + "\n";
  for (const auto& [name, value] : fields) out += name + "=" + value + "\n";
  return out + std::string(kEnd) + "\n";
}

Status CheckFields(const Fields& fields) {
  for (const auto& [name, value] : fields) {
    if (value.find('\n') == std::string::npos && value.find('\0') == std::string::npos) continue;
    return InvalidArgument("a line feed or zero byte in " + name + " \"" + value + "\"");
  }
  return OkStatus();
}

Result<Fields> ParseFields(std::string_view title, std::string_view blob) {
  const std::string head = std::string(title) + "\n";
  const std::string tail = "\n" + std::string(kEnd) + "\n";
  if (!blob.starts_with(head) || !blob.ends_with(tail) || blob.size() < head.size() + 4) {
    return DataLoss("the saved state is not one of \"" + std::string(title) + "\", or torn");
  }
  Fields out;
  blob.remove_suffix(tail.size());
  const std::vector<std::string> lines = Split(blob, '\n');
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t equals = lines[i].find('=');
    if (equals == std::string::npos)
      return DataLoss("a saved state of \"" + std::string(title) + "\" has the line \"" + lines[i] +
                      "\"");
    out[lines[i].substr(0, equals)] = lines[i].substr(equals + 1);
  }
  return out;
}

}  // namespace shoji
