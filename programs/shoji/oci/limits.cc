#include "oci/limits.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

// Of runc that a guest has no use for: the cache and the real-time share of the host.
constexpr const char* kNotInGuest[] = {"cpu-rt-period", "cpu-rt-runtime", "l3-cache-schema",
                                       "mem-bw-schema", "kernel-memory",  "kernel-memory-tcp",
                                       "blkio-weight"};

Status TakeFile(const std::string& file, Resources& out) {
  auto text = file == "-" ? ReadAll(STDIN_FILENO) : ReadFile(file);
  if (!text.ok()) return text.status().WithContext("--resources");
  const auto json = nlohmann::json::parse(*text, nullptr, false);
  if (!json.is_object()) return InvalidArgument("--resources " + file + " is no JSON object");
  out.oci_json = std::move(*text);
  return OkStatus();
}

// -1 stands for no limit.
Result<std::int64_t> Number(const Invocation& invocation, const char* option, bool bytes) {
  const std::string text = invocation.Text(option);
  if (const auto number = ParseInt(text); number.ok() && *number >= -1) return *number;
  if (bytes) {
    if (const auto size = ParseSize(text); size.ok()) return static_cast<std::int64_t>(*size);
  }
  return InvalidArgument(std::string("--") + option + " \"" + text + "\" is not a number");
}

template <typename Type>
Status Take(const Invocation& invocation, const char* option, bool bytes,
            std::optional<Type>& out) {
  if (!invocation.Has(option)) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t number, Number(invocation, option, bytes));
  if (number < 0 && std::is_unsigned_v<Type>) {
    return InvalidArgument(std::string("--") + option + " " + std::to_string(number) +
                           " is not a number from 0");
  }
  out = static_cast<Type>(number);
  return OkStatus();
}

Status CheckNotInGuest(const Invocation& invocation) {
  for (const char* option : kNotInGuest) {
    const std::string text = invocation.Text(option);
    if (text.empty() || text == "0") continue;
    return InvalidArgument(std::string("--") + option + " " + text + " has no meaning in a guest");
  }
  return OkStatus();
}

}  // namespace

void DescribeEngineLimits(po::options_description& options) {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  options.add_options()                                                         //
      ("resources,r", text("FILE"), "linux.resources as JSON; - for stdin")     //
      ("cpu-period", text("US"), "length of a period")                          //
      ("cpu-quota", text("US"), "CPU time in each period; -1: no limit")        //
      ("cpu-share", text("N"), "the same as --cpu-shares")                      //
      ("cpuset-cpus", text("LIST"), "CPUs of the guest, e.g. 0-1")              //
      ("cpuset-mems", text("LIST"), "memory nodes of the guest")                //
      ("memory-reservation", text("BYTES"), "soft limit")                       //
      ("memory-swap", text("BYTES"), "memory and swap together; -1: no limit")  //
      ("pids-limit", text("N"), "number of processes; -1: no limit");
  for (const char* option : kNotInGuest) {
    options.add_options()(option, text("N"), "0: no meaning in a guest");
  }
}

Status TakeEngineLimits(const Invocation& invocation, Resources& out) {
  if (invocation.Has("resources")) return TakeFile(invocation.Text("resources"), out);
  SHOJI_RETURN_IF_ERROR(CheckNotInGuest(invocation));
  SHOJI_RETURN_IF_ERROR(Take(invocation, "cpu-period", false, out.cpu_period_us));
  SHOJI_RETURN_IF_ERROR(Take(invocation, "cpu-quota", false, out.cpu_quota_us));
  SHOJI_RETURN_IF_ERROR(Take(invocation, "cpu-share", false, out.cpu_shares));
  SHOJI_RETURN_IF_ERROR(Take(invocation, "memory-reservation", true, out.memory_reservation));
  SHOJI_RETURN_IF_ERROR(Take(invocation, "memory-swap", true, out.memory_swap));
  SHOJI_RETURN_IF_ERROR(Take(invocation, "pids-limit", false, out.pids_limit));
  if (invocation.Has("cpuset-cpus")) out.cpuset_cpus = invocation.Text("cpuset-cpus");
  if (invocation.Has("cpuset-mems")) out.cpuset_mems = invocation.Text("cpuset-mems");
  return OkStatus();
}

}  // namespace shoji::cli
