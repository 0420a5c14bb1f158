#include "service/guest_calls.h"

#include <fcntl.h>
#include <linux/random.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "service/devices.h"
#include "service/health.h"
#include "service/storage.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"
#include "shoji/base/unique_fd.h"

namespace shoji::agent {
namespace {

// Both the kernel and the library with which filters are made.
bool SupportsSeccomp() {
  const unsigned action = SECCOMP_RET_ERRNO;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 && seccomp_api_get() >= 1;
}

Status GuestDetails(const std::string& sys, const grpc::GuestDetailsRequest& request,
                    grpc::GuestDetailsResponse* reply) {
  const std::string memory = sys + "/devices/system/memory";
  const std::string block_size = memory + "/block_size_bytes";
  if (request.mem_block_size() && PathExists(block_size)) {  // else no memory can be added: 0
    SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(block_size, 64));
    reply->set_mem_block_size_bytes(std::strtoull(text.c_str(), nullptr, 16));
  }
  if (request.mem_hotplug_probe()) {
    reply->set_support_mem_hotplug_probe(PathExists(memory + "/probe"));
  }
  grpc::AgentDetails* details = reply->mutable_agent_details();
  details->set_version(kAgentVersion);
  details->set_init_daemon(getpid() == 1);
  for (const std::string& type : DeviceTypes()) details->add_device_handlers(type);
  for (const std::string& driver : Storages::Drivers()) details->add_storage_handlers(driver);
  details->set_supports_seccomp(SupportsSeccomp());
  return OkStatus();
}

// rand_pool_info ends in an array of the caller's length.
std::vector<unsigned> PoolInfo(const std::string& data) {
  const std::size_t words = (data.size() + sizeof(unsigned) - 1) / sizeof(unsigned);
  std::vector<unsigned> info(2 + words);
  info[0] = static_cast<unsigned>(data.size() * 8);  // entropy_count
  info[1] = static_cast<unsigned>(data.size());      // buf_size
  std::memcpy(info.data() + 2, data.data(), data.size());
  return info;
}

Status ReseedRandomDev(const grpc::ReseedRandomDevRequest& request) {
  if (request.data().empty() || request.data().size() > 65536) {
    return InvalidArgument("random data has " + std::to_string(request.data().size()) +
                           " bytes; give 1 to 65536");
  }
  const UniqueFd device(open("/dev/random", O_RDWR | O_CLOEXEC));
  if (!device) return ErrnoStatus(errno, "cannot open /dev/random");
  std::vector<unsigned> info = PoolInfo(request.data());
  if (ioctl(device.get(), RNDADDENTROPY, info.data()) < 0) {
    return ErrnoStatus(errno, "cannot add to the random pool");
  }
  if (ioctl(device.get(), RNDRESEEDCRNG) < 0) {
    return ErrnoStatus(errno, "cannot reseed the random number generator");
  }
  return OkStatus();
}

Status SetGuestDateTime(const grpc::SetGuestDateTimeRequest& request) {
  if (request.sec() < 0 || request.usec() < 0 || request.usec() >= 1'000'000) {
    return InvalidArgument("there is no time " + std::to_string(request.sec()) + " s " +
                           std::to_string(request.usec()) + " us");
  }
  const timeval time{request.sec(), request.usec()};
  if (settimeofday(&time, nullptr) < 0) {
    return ErrnoStatus(errno, "cannot set the clock to " + std::to_string(request.sec()) + " s");
  }
  return OkStatus();
}

}  // namespace

void RegisterGuestCalls(Server* server, const std::string& sys) {
  const std::string service = "/grpc.AgentService/";
  server->Unary<grpc::GuestDetailsRequest, grpc::GuestDetailsResponse>(
      service + "GetGuestDetails",
      [sys](const auto& request, auto* reply) { return GuestDetails(sys, request, reply); });
  server->Command<grpc::ReseedRandomDevRequest>(service + "ReseedRandomDev", ReseedRandomDev);
  server->Command<grpc::SetGuestDateTimeRequest>(service + "SetGuestDateTime", SetGuestDateTime);
}

void RegisterTracing(Server* server) {
  server->Command<grpc::StartTracingRequest>("/grpc.AgentService/StartTracing", [](const auto&) {
    return Unimplemented("the agent does not trace");
  });
  server->Command<grpc::StopTracingRequest>("/grpc.AgentService/StopTracing", [](const auto&) {
    return FailedPrecondition("tracing was not started");
  });
}

}  // namespace shoji::agent
