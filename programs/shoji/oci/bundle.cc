#include "oci/bundle.h"

#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

using nlohmann::json;

Result<std::string> Absolute(const std::string& dir) {
  if (!dir.empty() && dir[0] == '/') return dir;
  char here[PATH_MAX];
  if (getcwd(here, sizeof(here)) == nullptr) {
    return ErrnoStatus(errno, "cannot tell the current directory");
  }
  return dir.empty() || dir == "." ? std::string(here) : std::string(here) + "/" + dir;
}

// The specification has been 1.x since 2017, and each 1.x is a superset of those before.
Status CheckVersion(const json& spec, const std::string& file) {
  const auto found = spec.find("ociVersion");
  if (found == spec.end()) return InvalidArgument(file + ": ociVersion is missing");
  if (!found->is_string()) return InvalidArgument(file + ": ociVersion is not a text");
  const std::string version = found->get<std::string>();
  const std::vector<std::string> parts =
      Split(std::string_view(version).substr(0, version.find_first_of("-+")), '.');
  bool numbers = parts.size() == 3;
  for (const std::string& part : parts) numbers = numbers && ParseInt(part).ok();
  if (!numbers || parts[0] != "1") {
    return InvalidArgument(file + ": ociVersion \"" + version +
                           "\" is not supported; this is a runtime for 1.x.y");
  }
  return OkStatus();
}

Status CheckShape(const json& spec, const std::string& file) {
  SHOJI_RETURN_IF_ERROR(CheckVersion(spec, file));
  if (!Part(spec, "process").is_object()) {
    return InvalidArgument(file + ": process is missing; a container in a VM needs one");
  }
  if (!Part(spec, "root").is_object()) return InvalidArgument(file + ": root is missing");
  for (const char* name : {"linux", "annotations", "hooks"}) {
    const json part = Part(spec, name);
    if (!part.is_null() && !part.is_object()) {
      return InvalidArgument(file + ": " + name + " is not an object");
    }
  }
  return OkStatus();
}

// What nobody finds is most often the bundle.
Status NoSpecification(const Status& status) {
  if (status.sys_errno() != ENOENT) return status;
  return NotFound(status.message() +
                  "; --bundle names the directory with the specification (shoji spec writes one)");
}

}  // namespace

json Part(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(name);
  return it == object.end() ? json() : *it;
}

bool Bundle::terminal() const { return Member(Part(spec, "process"), "terminal", false); }

std::vector<std::string> Bundle::args() const {
  return Member(Part(spec, "process"), "args", std::vector<std::string>());
}

Result<Bundle> ReadBundle(const std::string& dir, const std::string& config) {
  Bundle out;
  SHOJI_ASSIGN_OR_RETURN(out.dir, Absolute(dir));
  const std::string name = config.empty() ? "config.json" : config;
  const std::string file = name[0] == '/' ? name : out.dir + "/" + name;
  auto text = ReadFile(file);
  if (!text.ok()) return NoSpecification(text.status());
  out.text = std::move(*text);
  out.spec = json::parse(out.text, nullptr, false);
  if (out.spec.is_discarded()) return InvalidArgument(file + " is not valid JSON");
  if (!out.spec.is_object()) return InvalidArgument(file + " is not a JSON object");
  SHOJI_RETURN_IF_ERROR(CheckShape(out.spec, file));
  return out;
}

}  // namespace shoji::cli
