// The process of a proxy: from its start to its end, in whichever process of ours.
//
// Purpose  It holds proxy.lock as long as it lives, so a sandbox never has two; what it says is
//          in proxy.log. It is known by number and start time.
// Threads  Any, except Launch(), End() and the destructor.
// Life     The destructor lets it run on.
// Example
//     ProxyProcess process(host, state);
//     SHOJI_RETURN_IF_ERROR(process.Launch({state.program, "-uri", ...}));
//     SHOJI_ASSIGN_OR_RETURN(UniqueFd first, process.AwaitSocket(call));
#ifndef SHOJI_PROXIES_COMMON_PROXY_PROCESS_H_
#define SHOJI_PROXIES_COMMON_PROXY_PROCESS_H_

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "shoji/base/deadline.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/sdk/proxy.h"
#include "state.h"

namespace shoji::proxies {

class ProxyProcess {
 public:
  ProxyProcess(const sdk::Host& host, ProxyState state) : host_(host), state_(std::move(state)) {}
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;
  ~ProxyProcess();

  // FAILED_PRECONDITION when the sandbox has one already. On failure nothing is left.
  Status Launch(std::vector<std::string> argv);
  // Until somebody listens on its socket: a connection. UNAVAILABLE when it ends before.
  Result<UniqueFd> AwaitSocket(const shoji_call* call);
  // The one that the state names. When it is gone, Dial() says so, and End() cleans up.
  void Find();

  // A connection to its socket. UNAVAILABLE says what is known of its end, also to the log.
  Result<UniqueFd> Dial(const shoji_call* call) SHOJI_EXCLUDES(mutex_);
  // When it has ended: that UNAVAILABLE; else `status`.
  Status Explain(const Status& status) SHOJI_EXCLUDES(mutex_);
  bool ended() const;
  // Gives it until `patience` is over to end by itself; tells whether it has.
  bool AwaitEnd(Deadline patience) const;

  // SIGTERM, and SIGKILL after 2 seconds or the call's deadline; removes its files.
  Status End(const shoji_call* call);

  const ProxyState& state() const { return state_; }
  sdk::ProxyInfo info() const { return {state_.pid, "unix://" + state_.socket()}; }

 private:
  Status Gone() const;
  Status RemoveFiles() const;

  const sdk::Host host_;
  ProxyState state_;
  UniqueFd pidfd_;  // none: the process is gone
  Mutex mutex_;
  bool told_ SHOJI_GUARDED_BY(mutex_) = false;
};

// What the option "path" says; `name` in the directory of programs when it is empty.
Result<std::string> ProgramOf(const sdk::Host& host, const sdk::OptionMap& options,
                              const std::string& name);

}  // namespace shoji::proxies

#endif  // SHOJI_PROXIES_COMMON_PROXY_PROCESS_H_
