#include "host/process_limits.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include "jail/rlimits.h"
#include "log.h"
#include "shoji-kata/agent.pb.h"

namespace shoji::agent {
namespace {

grpc::Process* ProcessOf(grpc::CreateContainerRequest& request) {
  return request.has_oci() && request.oci().has_process() ? request.mutable_oci()->mutable_process()
                                                          : nullptr;
}
grpc::Process* ProcessOf(grpc::ExecProcessRequest& request) {
  return request.has_process() ? request.mutable_process() : nullptr;
}

template <typename Request>
void PutBefore(Server* server, const std::string& path) {
  const Server::Method* const found = server->Find(path);
  if (found == nullptr) return;
  server->Async<Request>(path, [method = *found](Request& request, const CallPtr& call) {
    if (grpc::Process* process = ProcessOf(request)) LowerLimits(process);
    method(request.SerializeAsString(), call);
  });
}

}  // namespace

bool MayRaiseLimits() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  return syscall(SYS_capget, &header, data) == 0 &&
         (data[0].effective & (1U << CAP_SYS_RESOURCE)) != 0;
}

void LowerLimits(grpc::Process* process) {
  for (grpc::POSIXRlimit& limit : *process->mutable_rlimits()) {
    google::protobuf::RepeatedPtrField<grpc::POSIXRlimit> one;
    *one.Add() = limit;
    const auto parsed = jail::ParseRlimits(one);
    rlimit most{};
    if (!parsed.ok() ||
        getrlimit(static_cast<__rlimit_resource>(parsed->front().resource), &most) < 0 ||
        limit.hard() <= most.rlim_max) {
      continue;
    }
    Log(LogLevel::kWarning, "process.rlimits: " + limit.type() + " " +
                                std::to_string(limit.hard()) + " is lowered to the host's " +
                                std::to_string(most.rlim_max));
    limit.set_hard(most.rlim_max);
    limit.set_soft(std::min<std::uint64_t>(limit.soft(), most.rlim_max));
  }
}

void LowerLimits(Server* server) {
  PutBefore<grpc::CreateContainerRequest>(server, "/grpc.AgentService/CreateContainer");
  PutBefore<grpc::ExecProcessRequest>(server, "/grpc.AgentService/ExecProcess");
}

}  // namespace shoji::agent
