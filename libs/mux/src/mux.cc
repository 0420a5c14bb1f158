#include "shoji/mux/mux.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/socket.h"

namespace shoji::mux {

namespace {

// Tags above all stream ids.
constexpr std::uint64_t kSerial = 1ULL << 32U;
constexpr std::uint64_t kWake = kSerial + 1;
constexpr std::uint64_t kTimer = kSerial + 2;
constexpr std::uint64_t kListen = kSerial + 3;
constexpr std::uint64_t kWatched = kSerial + 4;  // and above

constexpr std::size_t kBuffer = 256U << 10U;
// Bytes that wait for the serial socket, above which local sockets are not read.
constexpr std::size_t kHighWater = 512U << 10U;
// The session broke so often without a word understood between: give up.
constexpr int kMaxBreaks = 5;
// Seconds until a guest that does not answer, as a paused one, is taken as it is.
constexpr int kAlignTicks = 3;
// Seconds that a stream outlives its local socket while the guest does not end it.
constexpr int kLinger = 10;

Result<UniqueFd> EverySecond() {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  const itimerspec second{{1, 0}, {1, 0}};
  if (!timer || timerfd_settime(timer.get(), 0, &second, nullptr) < 0) {
    return ErrnoStatus(errno, "cannot make the timer of the proxy");
  }
  return timer;
}

Result<UniqueFd> ConnectSerial(const std::string& path) {
  Result<UniqueFd> fd = ConnectUnix(path);
  if (!fd.ok() && fd.status().code() == StatusCode::kNotFound) {
    return Unavailable("no VM listens on the agent channel " + path);
  }
  if (fd.ok()) SHOJI_RETURN_IF_ERROR(SetNonBlocking(fd->get(), true));
  return fd;
}

// A thread that takes none of the process's signals: those are the host's.
template <typename Body>
std::thread QuietThread(Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(body));
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

Mux::Mux(MuxConfig config)
    : config_(std::move(config)), buffer_(std::make_unique_for_overwrite<char[]>(kBuffer)) {}

Result<std::unique_ptr<Mux>> Mux::Open(MuxConfig config) {
  std::unique_ptr<Mux> mux(new Mux(std::move(config)));
  SHOJI_RETURN_IF_ERROR(mux->OpenAll());
  return mux;
}

Result<std::unique_ptr<Mux>> Mux::Start(MuxConfig config) {
  SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<Mux> mux, Open(std::move(config)));
  mux->thread_ = QuietThread([raw = mux.get()] { static_cast<void>(raw->Run()); });
  return mux;
}

Status Mux::OpenAll() {
  SHOJI_RETURN_IF_ERROR(poller_.Open());
  SHOJI_ASSIGN_OR_RETURN(serial_, ConnectSerial(config_.serial));
  SHOJI_ASSIGN_OR_RETURN(timer_, EverySecond());
  wake_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return ErrnoStatus(errno, "cannot make an eventfd");
  SHOJI_ASSIGN_OR_RETURN(listen_, ListenUnix(config_.listen, 128, 0600));
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(listen_.get(), true));
  SHOJI_RETURN_IF_ERROR(poller_.Add(serial_.get(), EPOLLIN, kSerial));
  SHOJI_RETURN_IF_ERROR(poller_.Add(wake_.get(), EPOLLIN, kWake));
  SHOJI_RETURN_IF_ERROR(poller_.Add(timer_.get(), EPOLLIN, kTimer));
  SHOJI_RETURN_IF_ERROR(poller_.Add(listen_.get(), EPOLLIN, kListen));
  NewSession();
  if (config_.takeover) Align();
  return OkStatus();
}

// Nothing else is sent before the answer has come, so all that comes before it is of the past.
void Mux::Align() {
  char nonce[4];
  if (getrandom(nonce, sizeof nonce, 0) != static_cast<ssize_t>(sizeof nonce)) return;
  constexpr std::string_view kPing("\0\2\0\1\0\0\0\0", 8), kPong("\0\2\0\2\0\0\0\0", 8);
  const std::string ping = std::string(kPing) + std::string(nonce, sizeof nonce);
  const ssize_t n = send(serial_.get(), ping.data(), ping.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n != static_cast<ssize_t>(ping.size())) return;  // a channel just opened takes it, or is gone
  answer_ = std::string(kPong) + std::string(nonce, sizeof nonce);
  skipped_.clear();
  align_ticks_ = kAlignTicks;
}

std::string_view Mux::SkipToAnswer(std::string_view bytes) {
  const std::size_t before = skipped_.size();
  // Only its beginning can have come before.
  skipped_ += bytes.substr(0, answer_.size());
  std::size_t end = skipped_.find(answer_);
  if (end != std::string::npos) {
    end += answer_.size() - before;
  } else if (end = bytes.find(answer_); end != std::string_view::npos) {
    end += answer_.size();
  } else {
    skipped_ += bytes.substr(std::min(bytes.size(), answer_.size()));
    skipped_.erase(0, skipped_.size() - std::min(skipped_.size(), answer_.size() - 1));
    return {};
  }
  align_ticks_ = 0;
  return bytes.substr(end);
}

void Mux::NewSession() {
  yamux::Options options;
  if (getrandom(&options.first_stream, sizeof options.first_stream, 0) < 0) {
    options.first_stream = 0;
  }
  options.first_stream &= 0x3FFF'FFFFU;  // leaves three quarters of the ids
  // A guest that was paused meanwhile, or is busy, has not noticed that its host is another one:
  // it finishes what it had to say.
  options.pipe_was_used = true;
  gone_away_ = false;
  session_ = std::make_unique<yamux::Session>(yamux::Role::kClient,
                                              static_cast<yamux::Listener*>(this), options);
}

void Mux::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
}

Mux::~Mux() {
  Stop();
  if (thread_.joinable()) thread_.join();
  Release();
}

void Mux::Wake() const {
  if (wake_) eventfd_write(wake_.get(), 1);
}

bool Mux::alive() const {
  const MutexLock lock(mutex_);
  return ended_.ok();
}

bool Mux::stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

Result<UniqueFd> Mux::Connect() {
  SHOJI_ASSIGN_OR_RETURN(auto ends, SocketPair());
  SHOJI_RETURN_IF_ERROR(SetNonBlocking(ends.first.get(), true));
  {
    const MutexLock lock(mutex_);
    if (!ended_.ok()) return ended_;
    incoming_.push_back(std::move(ends.first));
  }
  Wake();
  return std::move(ends.second);
}

Status Mux::Watch(int fd, std::function<bool()> on_ready) {
  SHOJI_RETURN_IF_ERROR(poller_.Add(fd, EPOLLIN, kWatched + watched_.size()));
  watched_.push_back({fd, std::move(on_ready)});
  return OkStatus();
}

void Mux::OnWatched(std::size_t index) {
  if (!watched_[index].on_ready()) poller_.Remove(watched_[index].fd);
}

Status Mux::Run() {
  while (!dead_ && !stopping()) {
    for (const epoll_event& event : poller_.Wait()) {
      if (dead_) break;
      Dispatch(event.data.u64, event.events);
    }
    if (dead_) break;
    TakeIncoming();
    FlushSerial();
    ResumePaused();
  }
  const MutexLock lock(mutex_);
  return ended_;
}

void Mux::Dispatch(std::uint64_t tag, std::uint32_t events) {
  eventfd_t ignored = 0;
  switch (tag) {
    case kSerial:
      return OnSerial(events);
    case kWake:
      eventfd_read(wake_.get(), &ignored);
      return;
    case kTimer:
      return OnTick();
    case kListen:
      return Accept();
    default:
      if (tag >= kWatched) return OnWatched(static_cast<std::size_t>(tag - kWatched));
      return OnBridge(static_cast<yamux::StreamId>(tag), events);
  }
}

void Mux::TakeIncoming() {
  std::vector<UniqueFd> incoming;
  {
    const MutexLock lock(mutex_);
    incoming.swap(incoming_);
  }
  for (UniqueFd& socket : incoming) AddBridge(std::move(socket));
}

void Mux::Accept() {
  while (true) {
    UniqueFd socket(accept4(listen_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      AddBridge(std::move(socket));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (!WouldBlock(errno)) {
      config_.warn("cannot accept on " + config_.listen + ": " + ErrnoText(errno));
      poller_.Remove(listen_.get());
      listen_paused_ = true;
    }
    return;
  }
}

void Mux::OnTick() {
  std::uint64_t ticks = 0;
  if (read(timer_.get(), &ticks, sizeof ticks) < 0) return;
  // Without a ping each second the guest's output has been seen to hang. The answers carry
  // no meaning: a VM may be paused. One that did not leave yet is enough.
  if (aligning()) --align_ticks_;
  if (session_->PendingOutput().empty()) session_->Ping(pings_++);
  if (listen_paused_ && poller_.Add(listen_.get(), EPOLLIN, kListen).ok()) listen_paused_ = false;
  std::vector<yamux::StreamId> overdue;
  for (const auto& [id, bridge] : bridges_) {
    if (!bridge->open() && ++bridge->linger > kLinger) overdue.push_back(id);
  }
  for (const yamux::StreamId id : overdue) {
    session_->Reset(id);
    bridges_.erase(id);
  }
}

void Mux::OnSerial(std::uint32_t events) {
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;  // writable: the loop flushes
  const ssize_t n = recv(serial_.get(), buffer_.get(), kBuffer, MSG_DONTWAIT);
  if (n < 0 && WouldBlock(errno)) return;
  if (n <= 0) {
    return Die("the VM closed the agent channel " + config_.serial +
               (n < 0 ? ": " + ErrnoText(errno) : std::string()));
  }
  std::string_view bytes(buffer_.get(), static_cast<std::size_t>(n));
  if (aligning()) bytes = SkipToAnswer(bytes);
  Status status = session_->Feed(bytes);
  // Of this session or of one before, which the guest took for the same: nothing can be opened any
  // more, so whoever came would be turned away for ever.
  if (status.ok() && gone_away_) status = Unavailable("the guest has ended the session");
  if (!status.ok()) SessionBroke(status);
}

// Garbage on the channel: most likely what a predecessor left half sent. Closing the port
// makes the guest begin anew, and so do we.
void Mux::SessionBroke(const Status& why) {
  config_.warn("agent channel " + config_.serial + ": " + why.message());
  bridges_.clear();
  paused_.clear();
  poller_.Remove(serial_.get());
  serial_.reset();
  if (++breaks_ > kMaxBreaks) {
    return Die("the agent channel " + config_.serial + " carries no yamux: " + why.message());
  }
  Result<UniqueFd> serial = ConnectSerial(config_.serial);
  if (!serial.ok()) return Die(serial.status().message());
  serial_ = std::move(*serial);
  serial_wants_write_ = false;
  if (const Status s = poller_.Add(serial_.get(), EPOLLIN, kSerial); !s.ok()) {
    return Die(s.message());
  }
  NewSession();
  Align();
}

void Mux::Die(const std::string& why) {
  dead_ = true;
  Release();  // first: who sees that it ended finds nothing of it
  std::vector<UniqueFd> incoming;
  const MutexLock lock(mutex_);
  ended_ = Unavailable(why);
  incoming.swap(incoming_);
}

// In this order: nobody may find our socket, or take the channel, while we still hold it.
void Mux::Release() {
  bridges_.clear();
  serial_.reset();
  if (listen_) static_cast<void>(RemoveFile(config_.listen));
  listen_.reset();
  config_.lock.reset();
}

void Mux::FlushSerial() {
  while (!aligning()) {
    const std::string_view out = session_->PendingOutput();
    if (out.empty()) break;
    const ssize_t n = send(serial_.get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && WouldBlock(errno)) break;
    if (n < 0) return Die("the VM closed the agent channel " + config_.serial);
    session_->OutputSent(static_cast<std::size_t>(n));
  }
  WatchSerial();
}

void Mux::WatchSerial() {
  const bool want = !aligning() && !session_->PendingOutput().empty();
  if (want == serial_wants_write_) return;
  serial_wants_write_ = want;
  const std::uint32_t events = want ? EPOLLIN | EPOLLOUT : EPOLLIN;
  const Status status = poller_.Modify(serial_.get(), events, kSerial);
  if (!status.ok()) Die(status.message());
}

void Mux::ResumePaused() {
  if (dead_ || paused_.empty() || session_->PendingBytes() > kHighWater / 2) return;
  for (const yamux::StreamId id : std::exchange(paused_, {})) OnWritable(id);
}

Bridge* Mux::Find(yamux::StreamId id) {
  const auto it = bridges_.find(id);
  return it == bridges_.end() ? nullptr : it->second.get();
}

void Mux::AddBridge(UniqueFd socket) {
  const Result<yamux::StreamId> id = session_->Open();
  if (!id.ok()) return config_.warn("connection refused: " + id.status().message());
  auto& bridge = bridges_[*id];
  bridge = std::make_unique<Bridge>(&poller_, *id, std::move(socket));
  if (!bridge->Watch()) EndBridge(*id, bridge.get());
}

void Mux::OnBridge(yamux::StreamId id, std::uint32_t events) {
  Bridge* bridge = Find(id);
  if (bridge == nullptr || !bridge->open()) return;
  if ((events & EPOLLOUT) != 0) {
    const std::ptrdiff_t took = bridge->Flush();
    if (took < 0) return EndBridge(id, bridge);
    session_->Consume(id, static_cast<std::size_t>(took));
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    // It has said everything and reads no more.
    if (bridge->local_finished() && (events & EPOLLHUP) != 0) return EndBridge(id, bridge);
    if (!bridge->local_finished()) ReadBridge(id, bridge);
  }
  CloseIfDone(id, bridge);
}

void Mux::ReadBridge(yamux::StreamId id, Bridge* bridge) {
  const bool slow = session_->PendingBytes() >= kHighWater;
  const std::size_t room = slow ? 0 : std::min(session_->Writable(id), kBuffer);
  if (room == 0) {
    bridge->WantRead(false);
    // Either the guest's window opens, or the serial socket gets empty.
    if (slow) {
      paused_.push_back(id);
    } else {
      session_->Write(id, "?");  // takes nothing; asks for OnWritable()
    }
    return;
  }
  const ssize_t n = recv(bridge->socket(), buffer_.get(), room, MSG_DONTWAIT);
  if (n > 0) {
    session_->Write(id, {buffer_.get(), static_cast<std::size_t>(n)});
  } else if (n == 0) {
    bridge->LocalFinished();
    session_->Finish(id);
  } else if (!WouldBlock(errno)) {
    bridge->LocalFinished();  // it closed without reading what we gave: EndBridge() follows
    session_->Finish(id);
  }
}

// Nobody is at the local end any more. What it sent still arrives; what it does not read
// is refused, as TCP does.
void Mux::EndBridge(yamux::StreamId id, Bridge* bridge) {
  const bool unread = !bridge->delivered();
  bridge->Close();
  if (unread) {
    session_->Reset(id);
  } else {
    session_->Finish(id);
  }
  if (unread || bridge->remote_finished()) bridges_.erase(id);
}

void Mux::CloseIfDone(yamux::StreamId id, Bridge* bridge) {
  if (bridge->local_finished() && bridge->remote_finished() && bridge->delivered()) {
    bridges_.erase(id);
  } else if (!bridge->Watch()) {
    session_->Reset(id);
    bridges_.erase(id);
  }
}

void Mux::OnData(yamux::StreamId id, std::string_view data) {
  Bridge* bridge = Find(id);
  const std::ptrdiff_t took = bridge != nullptr && bridge->open() ? bridge->Deliver(data) : -1;
  if (took < 0) {
    session_->Reset(id);
    bridges_.erase(id);
    return;
  }
  session_->Consume(id, static_cast<std::size_t>(took));
  CloseIfDone(id, bridge);
}

void Mux::OnFinished(yamux::StreamId id) {
  Bridge* bridge = Find(id);
  if (bridge == nullptr) return;
  bridge->RemoteFinished();
  if (bridge->open()) {
    CloseIfDone(id, bridge);
  } else {
    bridges_.erase(id);
  }
}

void Mux::OnReset(yamux::StreamId id) { bridges_.erase(id); }

void Mux::OnWritable(yamux::StreamId id) {
  Bridge* bridge = Find(id);
  if (bridge == nullptr || !bridge->open()) return;
  bridge->WantRead(true);
  CloseIfDone(id, bridge);
}

// The guest has nobody to call on the host.
void Mux::OnOpened(yamux::StreamId id) { session_->Reset(id); }

void Mux::OnPong(std::uint32_t /*value*/) { breaks_ = 0; }
void Mux::OnGoAway(yamux::GoAwayCode /*code*/) { gone_away_ = true; }

}  // namespace shoji::mux
