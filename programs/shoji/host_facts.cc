#include "host_facts.h"

#include <sys/utsname.h>

#include <sstream>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

std::vector<std::string> LinesOf(const std::string& path) {
  const auto text = ReadFile(path);
  return text.ok() ? Split(*text, '\n') : std::vector<std::string>();
}

// PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
std::string Distribution(const std::string& prefix) {
  for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
    for (const std::string& line : LinesOf(prefix + path)) {
      if (line.rfind("PRETTY_NAME=", 0) != 0) continue;
      std::string name = line.substr(line.find('=') + 1);
      if (name.size() >= 2 && (name[0] == '"' || name[0] == '\'') && name.back() == name[0]) {
        name = name.substr(1, name.size() - 2);
      }
      return name;
    }
  }
  return {};
}

bool HasWord(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

void TakeCpuLine(const std::string& line, HostFacts& facts) {
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return;
  const std::string name(Trim(line.substr(0, colon)));
  const std::string value(Trim(line.substr(colon + 1)));
  if (name == "processor") ++facts.cpus;
  if (name == "vendor_id") facts.cpu_vendor = value;
  if (name == "model name") facts.cpu_model = value;
  if (name == "flags") facts.cpu_virtualizes = HasWord(value, "vmx") || HasWord(value, "svm");
}

}  // namespace

HostFacts ReadHostFacts(const std::string& prefix) {
  HostFacts facts;
  struct utsname names = {};
  if (uname(&names) == 0) {
    facts.kernel = names.release;
    facts.architecture = names.machine;
  }
  facts.distribution = Distribution(prefix);
  for (const std::string& line : LinesOf(prefix + "/proc/cpuinfo")) TakeCpuLine(line, facts);
  facts.memory_bytes = MemInfo(prefix, "MemTotal");
  facts.cgroups = CgroupKind(prefix);
  return facts;
}

std::string CgroupKind(const std::string& prefix) {
  bool v1 = false;
  bool v2 = false;
  for (const std::string& line : LinesOf(prefix + "/proc/mounts")) {
    const std::vector<std::string> words = Split(line, ' ');
    if (words.size() < 3) continue;
    v1 = v1 || words[2] == "cgroup";
    v2 = v2 || words[2] == "cgroup2";
  }
  if (v1 && v2) return "hybrid (v1 and v2)";
  if (v1) return "v1";
  return v2 ? "v2" : "";
}

std::uint64_t MemInfo(const std::string& prefix, const std::string& name) {
  for (const std::string& line : LinesOf(prefix + "/proc/meminfo")) {
    if (line.rfind(name + ":", 0) != 0) continue;
    std::istringstream rest(line.substr(name.size() + 1));
    std::uint64_t kib = 0;
    rest >> kib;
    return kib << 10U;
  }
  return 0;
}

}  // namespace shoji::cli
