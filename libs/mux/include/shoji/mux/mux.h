// Many local connections over the one serial channel of a guest, on one thread.
//
// Purpose  Owns the serial socket: a yamux client session on it, a listening socket for
//          other processes, and one Bridge for each stream.
// Lifecycle Start() .. destructor; or Open(), Watch(), Run() for a program that has no other
//          use for its thread. When the channel ends (the VM is gone) every connection is
//          closed and Connect() fails at once.
// Threads  Connect(), alive() and Stop() from any thread; Watch() before Run(); everything else
//          on the loop's own thread.
// Example  auto mux = Mux::Start({.serial = "/x/kata.sock", .listen = "/x/proxy.sock"});
//          Result<UniqueFd> fd = (*mux)->Connect();
#ifndef SHOJI_MUX_MUX_H_
#define SHOJI_MUX_MUX_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/base/unique_fd.h"
#include "shoji/mux/bridge.h"
#include "shoji/mux/poller.h"
#include "shoji/status.h"
#include "shoji/yamux/session.h"

namespace shoji::mux {

struct MuxConfig {
  std::string serial;  // path of the VM's socket
  std::string listen;  // path of ours
  UniqueFd lock;       // held as long as the channel is ours
  std::function<void(std::string_view)> warn = [](std::string_view) {};
  // Somebody had the channel before: what the guest had half sent to it comes first and is
  // skipped, up to the guest's answer to a ping that nobody else can have sent.
  bool takeover = false;
};

class Mux : private yamux::Listener {
 public:
  // UNAVAILABLE when nothing listens on the serial socket. Does not wait for the guest.
  static Result<std::unique_ptr<Mux>> Start(MuxConfig config);
  // The same, with the caller to Run() it.
  static Result<std::unique_ptr<Mux>> Open(MuxConfig config);
  // Ends thread, connections and sockets.
  ~Mux() override;

  // A connection to the guest; bytes wait until the guest takes them.
  Result<UniqueFd> Connect() SHOJI_EXCLUDES(mutex_);
  bool alive() const SHOJI_EXCLUDES(mutex_);

  // Calls `on_ready` on the loop's thread whenever `fd`, which is borrowed, can be read or has
  // failed; false: never again.
  Status Watch(int fd, std::function<bool()> on_ready);
  // Until Stop(), or until the channel ends: then UNAVAILABLE says why.
  Status Run() SHOJI_EXCLUDES(mutex_);
  void Stop() SHOJI_EXCLUDES(mutex_);

 private:
  struct Watched {
    int fd;
    std::function<bool()> on_ready;
  };

  explicit Mux(MuxConfig config);
  Status OpenAll();
  void NewSession();
  void Align();

  // The loop.
  void Dispatch(std::uint64_t tag, std::uint32_t events);
  void OnWatched(std::size_t index);
  bool stopping() const SHOJI_EXCLUDES(mutex_);
  void TakeIncoming() SHOJI_EXCLUDES(mutex_);
  void Accept();
  void OnTick();
  void OnSerial(std::uint32_t events);
  bool aligning() const { return align_ticks_ > 0; }
  // What follows the answer that is waited for; nothing, as long as it has not come.
  std::string_view SkipToAnswer(std::string_view bytes);
  void OnBridge(yamux::StreamId id, std::uint32_t events);
  void ReadBridge(yamux::StreamId id, Bridge* bridge);
  void FlushSerial();
  void WatchSerial();
  void ResumePaused();
  void AddBridge(UniqueFd socket);
  void EndBridge(yamux::StreamId id, Bridge* bridge);
  void CloseIfDone(yamux::StreamId id, Bridge* bridge);
  void SessionBroke(const Status& why);
  void Die(const std::string& why) SHOJI_EXCLUDES(mutex_);
  void Release();
  void Wake() const;
  Bridge* Find(yamux::StreamId id);

  // What the guest does.
  void OnData(yamux::StreamId id, std::string_view data) override;
  void OnFinished(yamux::StreamId id) override;
  void OnReset(yamux::StreamId id) override;
  void OnWritable(yamux::StreamId id) override;
  void OnOpened(yamux::StreamId id) override;
  void OnPong(std::uint32_t value) override;
  void OnGoAway(yamux::GoAwayCode code) override;

  MuxConfig config_;
  Poller poller_;
  UniqueFd serial_;
  UniqueFd listen_;
  UniqueFd timer_;
  UniqueFd wake_;
  bool serial_wants_write_ = false;
  bool listen_paused_ = false;  // out of descriptors: looked at again with the next tick
  int align_ticks_ = 0;         // until the answer is not waited for any longer
  std::string answer_;          // that is waited for
  std::string skipped_;         // the last bytes that came, which may begin the answer
  int breaks_ = 0;              // of the session since the guest was understood last
  std::uint32_t pings_ = 0;
  bool gone_away_ = false;  // the guest has ended the session
  bool dead_ = false;
  std::unique_ptr<yamux::Session> session_;
  std::unordered_map<yamux::StreamId, std::unique_ptr<Bridge>> bridges_;
  std::vector<yamux::StreamId> paused_;  // not read because the serial socket is slow
  std::vector<Watched> watched_;
  const std::unique_ptr<char[]> buffer_;  // not touched before there is something to pass on

  mutable Mutex mutex_;
  bool stopping_ SHOJI_GUARDED_BY(mutex_) = false;
  Status ended_ SHOJI_GUARDED_BY(mutex_);  // why it is dead
  std::vector<UniqueFd> incoming_ SHOJI_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace shoji::mux

#endif  // SHOJI_MUX_MUX_H_
