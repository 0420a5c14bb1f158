#include "recipe.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "file_id.h"
#include "shoji/base/strings.h"

namespace shoji::templates {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;  // of templates: a new one makes all others strange

Json Describe(const FileId& file) {
  return Json::array(
      {file.path, file.device, file.inode, file.bytes, file.modified_ns, file.changed_ns});
}

Status Add(Json& files, const std::string& path) {
  if (path.empty()) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const FileId file, FileId::Of(path));
  files.push_back(Describe(file));
  return OkStatus();
}

// As a shell finds a program.
std::string InPath(const std::string& name) {
  const char* dirs = getenv("PATH");
  for (const std::string& dir : Split(dirs != nullptr ? dirs : "/usr/bin:/bin", ':')) {
    const std::string candidate = (dir.empty() ? "." : dir) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

// The file that an option names, or empty.
std::string FileOf(std::string_view name, const std::string& value) {
  if (value.empty()) return {};
  if (value.find('/') == std::string::npos) return name == "path" ? InPath(value) : std::string();
  return FileId::Of(value).ok() ? value : std::string();
}

// FNV-1a. Whether two recipes are the same their text tells, not this.
std::string HashOf(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  char hex[17];
  snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
  return hex;
}

Json SharesOf(const shoji_vm_config& config) {
  Json shares = Json::array();
  for (std::uint32_t i = 0; i < config.share_count; ++i) {
    shares.push_back({sdk::String(config.shares[i]->tag), config.shares[i]->flags});
  }
  return shares;
}

// The smaller of both; one that is not given does not count.
template <typename Number>
Number Least(Number wanted, Number usual) {
  return wanted == 0 ? usual : usual == 0 ? wanted : std::min(wanted, usual);
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', true, nlohmann::detail::error_handler_t::replace);
}

}  // namespace

Size UsualSize(const shoji_options* options) {
  const sdk::OptionMap map(options);
  Size size;
  if (const auto vcpus = map.GetNumber("vcpus"); vcpus.ok()) {
    size.vcpus = static_cast<std::uint32_t>(*vcpus);
  }
  if (const auto memory = map.GetNumber("memory"); memory.ok()) size.memory_bytes = *memory;
  return size;
}

Size BaseSize(const Size& wanted, const Size& usual, bool can_grow) {
  const Size full = {wanted.vcpus != 0 ? wanted.vcpus : usual.vcpus,
                     wanted.memory_bytes != 0 ? wanted.memory_bytes : usual.memory_bytes};
  if (!can_grow) return full;
  // Without a usual size there is none that requests share.
  return {Least(full.vcpus, usual.vcpus), Least(full.memory_bytes, usual.memory_bytes)};
}

Result<Recipe> RecipeOf(const shoji_vm_request& request, const shoji_options* options,
                        const Size& size) {
  const shoji_vm_config& config = *request.config;
  Json files = Json::array();
  SHOJI_RETURN_IF_ERROR(Add(files, sdk::String(config.kernel)));
  SHOJI_RETURN_IF_ERROR(Add(files, sdk::String(config.initrd)));
  SHOJI_RETURN_IF_ERROR(Add(files, sdk::String(config.image)));
  Json values = Json::object();
  for (std::uint32_t i = 0; SHOJI_HAS(shoji_options, options, items) && i < options->count; ++i) {
    const std::string value = sdk::String(options->items[i].value);
    values[sdk::String(options->items[i].name)] = value;
    const std::string file = FileOf(sdk::View(options->items[i].name), value);
    SHOJI_RETURN_IF_ERROR(Add(files, file));
  }
  const Json json = {{"format", kFormat},
                     {"hypervisor", sdk::String(request.hypervisor_id)},
                     {"options", values},
                     {"files", files},
                     {"image", !sdk::View(config.image).empty()},
                     {"kernel_params", sdk::String(config.kernel_params)},
                     {"shares", SharesOf(config)},
                     {"flags", config.flags},
                     {"vcpus", size.vcpus},
                     {"memory_bytes", size.memory_bytes}};
  const std::string text = Dump(json);
  return Recipe{text, HashOf(text)};
}

bool IsStale(const std::string& recipe_text) {
  const Json json = Json::parse(recipe_text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_array()) return true;
  return std::any_of(json["files"].begin(), json["files"].end(), [](const Json& file) {
    if (!file.is_array() || file.empty() || !file[0].is_string()) return true;
    const auto now = FileId::Of(file[0].get<std::string>());
    return !now.ok() || Describe(*now) != file;
  });
}

}  // namespace shoji::templates
