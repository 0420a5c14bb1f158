// shoji update: other limits for a container.
#include <cstdio>

#include "attach_options.h"
#include "command.h"
#include "oci/engine.h"
#include "oci/engine_log.h"
#include "oci/limits.h"
#include "report.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

void DescribeUpdate(po::options_description& options) {
  DescribeFormat(options);
  options.add_options()                                                                       //
      ("cpus", po::value<std::string>()->value_name("N"), "CPU time, e.g. 1.5; 0: no limit")  //
      ("cpu-shares", po::value<std::string>()->value_name("N"), "weight beside others")       //
      ("memory,m", po::value<std::string>()->value_name("SIZE"), "e.g. 256M; 0: no limit")    //
      ("pids", po::value<std::string>()->value_name("N"), "number of processes; 0: no limit");
  DescribeEngineLimits(options);
}

Result<std::int64_t> Number(const Invocation& invocation, const char* option) {
  const auto number = ParseInt(invocation.Text(option));
  if (number.ok() && *number >= 0) return *number;
  return InvalidArgument(std::string("--") + option + " \"" + invocation.Text(option) +
                         "\" is not a whole number");
}

Result<Resources> LimitsOf(const Invocation& invocation) {
  Resources out;
  if (invocation.Has("cpus")) {
    const std::string cpus = invocation.Text("cpus");
    out.cpu_period_us = 100'000;
    out.cpu_quota_us = -1;
    if (cpus != "0") {
      SHOJI_ASSIGN_OR_RETURN(out.cpu_quota_us, ParseCpuQuota("--cpus", cpus));
    }
  }
  if (invocation.Has("cpu-shares")) {
    SHOJI_ASSIGN_OR_RETURN(const std::int64_t shares, Number(invocation, "cpu-shares"));
    out.cpu_shares = static_cast<std::uint64_t>(shares);
  }
  if (invocation.Has("memory")) {
    const std::string text = invocation.Text("memory");
    const auto bytes = text == "-1" ? Result<std::uint64_t>(0) : ParseSize(text);
    if (!bytes.ok()) return bytes.status().WithContext("--memory");
    out.memory_limit = *bytes == 0 ? -1 : static_cast<std::int64_t>(*bytes);
  }
  if (invocation.Has("pids")) {
    SHOJI_ASSIGN_OR_RETURN(const std::int64_t pids, Number(invocation, "pids"));
    out.pids_limit = pids == 0 ? -1 : pids;
  }
  SHOJI_RETURN_IF_ERROR(TakeEngineLimits(invocation, out));
  return out;
}

Status Update(const Invocation& invocation) {
  const std::string& id = invocation.words[0];
  SHOJI_ASSIGN_OR_RETURN(const Resources limits, LimitsOf(invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  SHOJI_ASSIGN_OR_RETURN(const ContainerStatus container, FindContainer(*runtime, id));
  if (container.state == State::kStopped) {
    return FailedPrecondition("cannot update container `" + id + "`: container not running");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto sandbox, runtime->FetchSandbox(container.sandbox_id));
  return sandbox->UpdateContainer(id, limits);
}

int RunUpdate(const Invocation& invocation) {
  if (invocation.words.size() != 1) {
    return FailShared(invocation, InvalidArgument("shoji update takes the id of one container"));
  }
  const Status updated = Update(invocation);
  if (!updated.ok()) return FailShared(invocation, updated);
  const std::string& id = invocation.words[0];
  puts(invocation.json() ? OutcomeJson(id, "updated").c_str() : id.c_str());
  return 0;
}

}  // namespace

const Command kUpdate = {"update", "ID", "Change the limits of a container.", DescribeUpdate,
                         RunUpdate};

}  // namespace shoji::cli
