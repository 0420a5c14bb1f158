#include "jail/rlimits.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>

#include "shoji/base/errno.h"

namespace shoji::jail {
namespace {

struct Name {
  std::string_view text;
  int resource;
};

constexpr Name kNames[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

Result<Rlimit> Parse(const grpc::POSIXRlimit& limit) {
  const auto* const known = std::find_if(std::begin(kNames), std::end(kNames),
                                         [&](const Name& n) { return n.text == limit.type(); });
  if (known == std::end(kNames))
    return InvalidArgument("process.rlimits: \"" + limit.type() + "\" is not a resource limit");
  if (limit.soft() > limit.hard()) {
    return InvalidArgument("process.rlimits: " + limit.type() + ": soft limit " +
                           std::to_string(limit.soft()) + " is above the hard limit " +
                           std::to_string(limit.hard()));
  }
  // 2^64-1, the specification's "unlimited", is RLIM_INFINITY.
  return Rlimit{limit.type(), known->resource, {limit.soft(), limit.hard()}};
}

}  // namespace

Result<std::vector<Rlimit>> ParseRlimits(
    const google::protobuf::RepeatedPtrField<grpc::POSIXRlimit>& limits) {
  std::vector<Rlimit> parsed;
  for (const grpc::POSIXRlimit& limit : limits) {
    SHOJI_ASSIGN_OR_RETURN(Rlimit one, Parse(limit));
    for (const Rlimit& other : parsed) {
      if (other.resource == one.resource)
        return InvalidArgument("process.rlimits: " + one.name + " is given twice");
    }
    parsed.push_back(std::move(one));
  }
  return parsed;
}

Status ApplyRlimits(const std::vector<Rlimit>& limits) {
  for (const Rlimit& limit : limits) {
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &limit.value) < 0) {
      return ErrnoStatus(errno, "process.rlimits: cannot set " + limit.name + " to " +
                                    std::to_string(limit.value.rlim_cur) + "/" +
                                    std::to_string(limit.value.rlim_max));
    }
  }
  return OkStatus();
}

}  // namespace shoji::jail
