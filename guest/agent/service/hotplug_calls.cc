#include "service/hotplug_calls.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>

#include "log.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::agent {
namespace {

// As long as hosts expect it to take at most.
constexpr std::chrono::seconds kPatience{10};

std::string Path(const char* method) { return std::string("/grpc.AgentService/") + method; }

// Directories named PREFIX and a number.
std::vector<std::string> Numbered(const std::string& dir, std::string_view prefix) {
  std::vector<std::string> found;
  const auto names = ListDir(dir);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    const bool digits =
        name.size() > prefix.size() &&
        std::all_of(name.begin() + static_cast<std::ptrdiff_t>(prefix.size()), name.end(),
                    [](unsigned char c) { return std::isdigit(c) != 0; });
    if (name.starts_with(prefix) && digits) found.push_back(dir + "/" + name);
  }
  return found;
}

bool Says(const std::string& file, std::string_view text) {
  const auto now = ReadFile(file, 64);
  return now.ok() && Trim(*now) == text;
}

// Switches on what is off; one that fails may be just appearing: the next look tries again.
unsigned SwitchOn(const std::string& dir, std::string_view prefix, const std::string& file,
                  const std::string& off, const std::string& on) {
  unsigned count = 0;
  for (const std::string& device : Numbered(dir, prefix)) {
    const std::string state = device + "/" + file;
    if (Says(state, off) && WriteFile(state, on).ok()) ++count;
  }
  return count;
}

class Onlining {
 public:
  Onlining(std::string sys, unsigned processors) : sys_(std::move(sys)), wanted_(processors) {}

  // True when as many processors came as were wanted.
  bool Processors() {
    done_ += SwitchOn(sys_ + "/devices/system/cpu", "cpu", "online", "0", "1");
    return done_ >= wanted_;
  }
  // All memory that is off.
  void Memory() {
    SwitchOn(sys_ + "/devices/system/memory", "memory", "state", "offline", "online");
  }
  std::string Text() const {
    return std::to_string(wanted_) + " processors (" + std::to_string(done_) + " came)";
  }

 private:
  std::string sys_;
  unsigned wanted_;
  unsigned done_ = 0;
};

Status Finished(const Status& status, bool cpu_only, Onlining* onlining) {
  if (!status.ok()) {
    return {status.code(), "waited for " + onlining->Text() + ": " + status.message()};
  }
  if (!cpu_only) onlining->Memory();
  return OkStatus();
}

void OnlineCpuMem(DeviceEvents* events, const std::string& sys,
                  const grpc::OnlineCPUMemRequest& request, const CallPtr& call) {
  if (request.nb_cpus() == 0) {
    return call->Finish(InvalidArgument("nb_cpus is 0; say how many processors were added"));
  }
  auto onlining = std::make_shared<Onlining>(sys, request.nb_cpus());
  const bool wait = request.wait();
  DeviceEvents::Wait waiting;
  waiting.what = "a processor";
  waiting.check = [onlining] { return onlining->Processors(); };
  waiting.done = [onlining, call, wait, cpu_only = request.cpu_only()](const Status& status) {
    call->OnGone(nullptr);
    const Status finished = Finished(status, cpu_only, onlining.get());
    if (wait) return call->Finish(finished);
    if (!finished.ok()) Log(LogLevel::kError, "OnlineCPUMem: " + finished.message());
  };
  const auto id = events->Await(kPatience, std::move(waiting));
  if (!wait) return call->Finish(OkStatus());
  call->OnGone([events, id] { events->Cancel(id); });
}

Status MemHotplugByProbe(const std::string& sys, const grpc::MemHotplugByProbeRequest& request) {
  const std::string file = sys + "/devices/system/memory/probe";
  if (!PathExists(file)) {
    return FailedPrecondition("the guest's kernel cannot probe for memory (" + file + ")");
  }
  for (const std::uint64_t address : request.memhotplugprobeaddr()) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(address));
    SHOJI_RETURN_IF_ERROR(WriteFile(file, text.data())
                              .WithContext("cannot add the memory at " + std::string(text.data())));
  }
  return OkStatus();
}

}  // namespace

void RegisterHotplugCalls(Server* server, DeviceEvents* events, const std::string& sys) {
  server->Async<grpc::OnlineCPUMemRequest>(Path("OnlineCPUMem"),
                                           [events, sys](const auto& request, const CallPtr& call) {
                                             OnlineCpuMem(events, sys, request, call);
                                           });
  server->Command<grpc::MemHotplugByProbeRequest>(
      Path("MemHotplugByProbe"),
      [sys](const auto& request) { return MemHotplugByProbe(sys, request); });
}

}  // namespace shoji::agent
