// For tests: streams of a yamux client as ordinary descriptors, so that a real gRPC client
// can talk through them.
//
// Threads  One thread of its own; Open() from any.
// Example  YamuxBridge bridge(std::move(pipe)); int fd = bridge.Open();
#ifndef SHOJI_GUEST_AGENT_TESTING_YAMUX_BRIDGE_H_
#define SHOJI_GUEST_AGENT_TESTING_YAMUX_BRIDGE_H_

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/yamux/session.h"

namespace shoji::agent::testing {

class YamuxBridge final : private yamux::Listener {
 public:
  explicit YamuxBridge(UniqueFd pipe);
  ~YamuxBridge() override;
  YamuxBridge(const YamuxBridge&) = delete;
  YamuxBridge& operator=(const YamuxBridge&) = delete;

  // A descriptor whose other end is a new stream; the caller owns it.
  int Open();

 private:
  struct Stream {
    UniqueFd fd;
    std::string to_local;
    std::string to_peer;
    bool local_ended = false;
  };

  void OnData(yamux::StreamId id, std::string_view data) override;
  void OnFinished(yamux::StreamId id) override { Close(id); }
  void OnReset(yamux::StreamId id) override { Close(id); }
  void Close(yamux::StreamId id);

  void Run();
  void Adopt();
  void PumpPipe(short events);
  void PumpStream(yamux::StreamId id, Stream* stream);

  UniqueFd pipe_;
  UniqueFd wake_;
  yamux::Session session_;
  std::map<yamux::StreamId, std::unique_ptr<Stream>> streams_;
  std::vector<yamux::StreamId> closed_;
  bool pipe_ended_ = false;
  Mutex mutex_;
  std::vector<UniqueFd> opened_ SHOJI_GUARDED_BY(mutex_);
  bool stop_ SHOJI_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace shoji::agent::testing

#endif  // SHOJI_GUEST_AGENT_TESTING_YAMUX_BRIDGE_H_
