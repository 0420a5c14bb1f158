// The calls of kind "agent" as RPCs of Kata 1.x.
//
// Threads  Any; the destructor is close().
// Example  auto agent = KataAgent::Open(host, options, std::move(connector));
#ifndef SHOJI_AGENT_KATA_AGENT_H_
#define SHOJI_AGENT_KATA_AGENT_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "rpc.h"
#include "shoji/sdk/agent.h"

namespace shoji::agent_kata {

class KataAgent : public sdk::AgentBase {
 public:
  static Result<std::unique_ptr<sdk::AgentBase>> Open(const sdk::Host& host,
                                                      const shoji_options* options,
                                                      sdk::Connector connector);
  explicit KataAgent(sdk::Connector connector) : rpc_(std::move(connector)) {}

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
