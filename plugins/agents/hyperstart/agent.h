// Agent plugin "hyperstart": the agent of Clear Containers, through cc-proxy.
//
// Purpose  Each call takes a connection of its own, as those runtimes did. Streams, exit status
//          and size of a terminal are the shim's affair: those calls are UNIMPLEMENTED, and the
//          core asks the shim. What hyperstart forgets is noted beside the proxy's socket.
// Threads  Any.
// Example  auto agent = HyperstartAgent::Open(host, options, std::move(connector));
#ifndef SHOJI_AGENT_HYPERSTART_AGENT_H_
#define SHOJI_AGENT_HYPERSTART_AGENT_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "notes.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/ccproto/client.h"
#include "shoji/sdk/agent.h"

namespace shoji::agent_hyperstart {

class HyperstartAgent : public sdk::AgentBase {
 public:
  static Result<std::unique_ptr<sdk::AgentBase>> Open(const sdk::Host& host,
                                                      const shoji_options* options,
                                                      sdk::Connector connector);

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
  const void* GetExtension(const char* id) override;

  // shoji.agent.shim/1
  Result<std::string> ShimToken(const shoji_call* call, sdk::ProcessRef process)
      SHOJI_EXCLUDES(mutex_);

 private:
  // A connection to the proxy, and how long this call may use it.
  struct Line {
    ccproto::Client client;
    ccproto::Limit limit;
  };
  using ExecKey = std::pair<std::string, std::string>;

  explicit HyperstartAgent(sdk::Connector connector) : connector_(std::move(connector)) {}
  Result<Line> Reach(const shoji_call* call) const;
  static Status Ask(Line& line, const std::string& name, const std::string& data,
                    const std::vector<std::string>& tokens = {});
  static Result<std::string> NewToken(Line& line, const std::string& sandbox_id);
  Result<std::string> ExecToken(Line& line, const std::string& sandbox_id, const ExecKey& key)
      SHOJI_EXCLUDES(mutex_);
  // The notes, which must have the container.
  Result<Notes> NotesOf(Line& line, std::string_view container_id);

  const sdk::Connector connector_;
  NoteBook book_;
  Mutex mutex_;
  // Tokens of processes that are about to begin.
  std::map<ExecKey, std::string> exec_tokens_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::agent_hyperstart

#endif  // SHOJI_AGENT_HYPERSTART_AGENT_H_
