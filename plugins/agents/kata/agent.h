// The calls of kind "agent" as RPCs of Kata 1.x.
//
// Purpose  All calls of the required interface and of the optional ones. The optional tables
//          are always offered: only the guest knows what it has, and tells at the call.
// Old      An agent without an RPC answers UNIMPLEMENTED, and so does the call: ReseedRandom,
//          Pause, Resume, ListInterfaces, ListRoutes (Kata 1.2), SetTime, Copy (1.5),
//          ProbeMemory (1.6), AddNeighbors, NextOom (1.12). Two calls do without what is
//          missing: GuestDetails (1.3) tells what Health.Version knows, and UpdateRoutes gives
//          the guest's own answer where it cannot list. What to do about UNIMPLEMENTED is the
//          host's choice: a guest that booted has the right time and its own random numbers,
//          a clone of a template has not; neighbours are asked for by the guest itself; a loop
//          around NextOom ends.
// Threads  Any; the destructor is close().
// Example  auto agent = KataAgent::Open(host, options, std::move(connector));
#ifndef SHOJI_AGENT_KATA_AGENT_H_
#define SHOJI_AGENT_KATA_AGENT_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rpc.h"
#include "shoji/sdk/agent.h"
#include "shoji/sdk/agent_ext.h"

namespace shoji::agent_kata {

class KataAgent : public sdk::AgentBase {
 public:
  static Result<std::unique_ptr<sdk::AgentBase>> Open(const sdk::Host& host,
                                                      const shoji_options* options,
                                                      sdk::Connector connector);
  explicit KataAgent(sdk::Connector connector, Patience patience = {})
      : rpc_(std::move(connector), patience) {}

  Status Check(const shoji_call* call) override;
  Result<std::string> GuestDetails(const shoji_call* call) override;
  Status CreateSandbox(const shoji_call* call, const shoji_sandbox_request& request) override;
  Status DestroySandbox(const shoji_call* call) override;
  Status CreateContainer(const shoji_call* call, const shoji_container_request& request) override;
  Status StartContainer(const shoji_call* call, std::string_view container_id) override;
  Status RemoveContainer(const shoji_call* call, std::string_view container_id,
                         std::uint32_t timeout_s) override;
  Status ExecProcess(const shoji_call* call, const shoji_exec_request& request) override;
  Status SignalProcess(const shoji_call* call, sdk::ProcessRef process,
                       std::uint32_t signal) override;
  Result<std::int32_t> WaitProcess(const shoji_call* call, sdk::ProcessRef process) override;
  Result<std::uint64_t> WriteStdin(const shoji_call* call, sdk::ProcessRef process,
                                   std::string_view data) override;
  Status CloseStdin(const shoji_call* call, sdk::ProcessRef process) override;
  Status ReadStdout(const shoji_call* call, sdk::ProcessRef process, std::uint32_t max_bytes,
                    const shoji_sink* data) override;
  Status ReadStderr(const shoji_call* call, sdk::ProcessRef process, std::uint32_t max_bytes,
                    const shoji_sink* data) override;
  Status TtyWinResize(const shoji_call* call, sdk::ProcessRef process, std::uint32_t rows,
                      std::uint32_t columns) override;
  Status ReseedRandom(const shoji_call* call, std::string_view data) override;
  Status SetTime(const shoji_call* call, std::int64_t seconds, std::int64_t microseconds) override;
  const void* GetExtension(const char* id) override { return sdk::AgentExtension<KataAgent>(id); }

  // The optional interfaces (agent_ext.cc, agent_network.cc).
  Status Pause(const shoji_call* call, std::string_view container_id);
  Status Resume(const shoji_call* call, std::string_view container_id);
  Result<std::string> Stats(const shoji_call* call, std::string_view container_id);
  Result<std::string> ListProcesses(const shoji_call* call, std::string_view container_id,
                                    std::string_view format,
                                    const std::vector<std::string_view>& args);
  Status Update(const shoji_call* call, std::string_view container_id,
                std::string_view resources_json);
  Result<std::string> UpdateInterface(const shoji_call* call, std::string_view json);
  sdk::RoutesUpdate UpdateRoutes(const shoji_call* call, std::string_view json);
  Result<std::string> ListInterfaces(const shoji_call* call);
  Result<std::string> ListRoutes(const shoji_call* call);
  Status AddNeighbors(const shoji_call* call, std::string_view json);
  Status Online(const shoji_call* call, std::uint32_t cpus, std::uint32_t flags);
  Status ProbeMemory(const shoji_call* call, const std::vector<std::uint64_t>& addresses);
  Status Copy(const shoji_call* call, const shoji_copy_request& request);
  Result<std::string> NextOom(const shoji_call* call);
  Status ExcuseSilence(const shoji_silence& silence);

 private:
  Status Do(std::string_view method, const shoji_call* call,
            const google::protobuf::MessageLite& request);
  Status ReadOutput(std::string_view method, const shoji_call* call, sdk::ProcessRef process,
                    std::uint32_t max_bytes, const shoji_sink* data);

  // Whether a container's filter may be sent: Kata's agents can be built without seccomp, and
  // then fail.
  Result<bool> FiltersSyscalls(const shoji_call* call);

  enum class Answer { kNotAsked, kNo, kYes };
  Rpc rpc_;
  std::atomic<Answer> filters_syscalls_ = Answer::kNotAsked;
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_AGENT_H_
