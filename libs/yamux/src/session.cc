#include "shoji/yamux/session.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "frame.h"
#include "output.h"

namespace shoji::yamux {

namespace {

// Answers that may wait for a peer that does not read, beyond which it is cut off.
constexpr std::size_t kMaxAnswers = 64U * 1024U;

struct Stream {
  std::uint32_t send_window = kInitialWindow;
  std::uint32_t receive_window = kInitialWindow;  // what the peer may still send
  std::uint32_t consumed = 0;                     // used up, the peer was not told yet
  bool needs_ack = false;                         // opened by the peer, nothing sent yet
  bool local_finished = false;
  bool remote_finished = false;
  bool blocked = false;  // Write() took less than offered
};

StreamId FirstId(Role role, const Options& options) {
  return role == Role::kClient ? options.first_stream | 1U
                               : std::max<StreamId>(2, (options.first_stream + 1) & ~1U);
}

std::string Number(std::uint64_t value) { return std::to_string(value); }

}  // namespace

class Session::Impl {
 public:
  Impl(Role role, Listener* listener, Options options)
      : listener_(listener), options_(options), first_id_(FirstId(role, options)) {}

  Status Feed(std::string_view bytes);
  std::string_view PendingOutput() const { return out_.pending(); }
  std::size_t PendingBytes() const { return out_.pending_bytes(); }
  void OutputSent(std::size_t count) { out_.Sent(count); }
  Result<StreamId> Open();
  std::size_t Write(StreamId id, std::string_view data);
  std::size_t Writable(StreamId id) const;
  void Finish(StreamId id);
  void Reset(StreamId id);
  void Consume(StreamId id, std::size_t count);
  void Ping(std::uint32_t value) { Queue({kVersion, FrameType::kPing, kSyn, 0, value}); }
  void GoAway(GoAwayCode code);
  std::size_t stream_count() const { return streams_.size(); }
  bool failed() const { return failed_; }

 private:
  Stream* Find(StreamId id) {
    const auto it = streams_.find(id);
    return it == streams_.end() ? nullptr : &it->second;
  }
  // Ours by its parity, but we never opened it: garbage, not a late frame.
  bool NeverOpened(StreamId id) const {
    return !PeerOpens(id) && (id < first_id_ || id >= next_id_);
  }
  bool PeerOpens(StreamId id) const { return (id & 1U) != (next_id_ & 1U); }

  void Queue(const Frame& frame) {
    const Header header = EncodeFrame(frame);
    out_.Append({header.data(), header.size()});
  }
  void QueueAnswer(const Frame& frame) {
    Queue(frame);
    out_.MarkAnswer();
  }
  void QueueReset(StreamId id) { QueueAnswer({kVersion, FrameType::kWindowUpdate, kRst, id, 0}); }
  // Our first frame on a stream of the peer acknowledges it.
  std::uint16_t TakeAck(Stream* stream) {
    return std::exchange(stream->needs_ack, false) ? kAck : std::uint16_t{0};
  }
  void QueueStream(Stream* stream, StreamId id, FrameType type, std::uint16_t flags,
                   std::uint32_t length) {
    const std::uint16_t ack = TakeAck(stream);
    Queue({kVersion, type, static_cast<std::uint16_t>(flags | ack), id, length});
    if (ack != 0) out_.MarkAck();
  }

  Status Fail(const std::string& what);
  Status TakeHeader(const Frame& frame);
  Status OnStreamFrame(const Frame& frame);
  Status OnStrangersFrame(const Frame& frame);
  Status OnSyn(StreamId id);
  Status OnDataHeader(const Frame& frame);
  Status OnWindowUpdate(const Frame& frame);
  Status OnGoAwayFrame(const Frame& frame);
  void OnPing(const Frame& frame);
  void OnFin(StreamId id);
  void OnRst(StreamId id);
  void TakePayload(std::string_view* bytes);
  void EndPayload();

  Listener* const listener_;
  const Options options_;
  const StreamId first_id_;
  StreamId next_id_ = first_id_;
  std::unordered_map<StreamId, Stream> streams_;
  Output out_;

  Header header_{};  // a header that arrives in pieces
  std::size_t header_have_ = 0;
  StreamId payload_stream_ = 0;  // whose data comes next; 0: nobody wants it
  bool payload_fin_ = false;
  std::uint32_t payload_left_ = 0;

  bool failed_ = false;
  bool local_goaway_ = false;
  bool remote_goaway_ = false;
};

Status Session::Impl::Fail(const std::string& what) {
  failed_ = true;
  GoAway(GoAwayCode::kProtocolError);
  const auto streams = std::exchange(streams_, {});
  for (const auto& [id, stream] : streams) listener_->OnReset(id);
  return InvalidArgument("yamux: " + what);
}

Status Session::Impl::Feed(std::string_view bytes) {
  if (failed_) return InvalidArgument("yamux: the session has failed before");
  while (!bytes.empty()) {
    if (payload_left_ > 0) {
      TakePayload(&bytes);
      continue;
    }
    const char* header = bytes.data();
    if (header_have_ > 0 || bytes.size() < kHeaderSize) {
      const std::size_t count = std::min(kHeaderSize - header_have_, bytes.size());
      std::memcpy(header_.data() + header_have_, bytes.data(), count);
      header_have_ += count;
      bytes.remove_prefix(count);
      if (header_have_ < kHeaderSize) break;
      header_have_ = 0;
      header = header_.data();
    } else {
      bytes.remove_prefix(kHeaderSize);
    }
    SHOJI_RETURN_IF_ERROR(TakeHeader(DecodeFrame(header)));
  }
  if (out_.answers() > kMaxAnswers) {
    return Fail("the peer sends but does not read: " + Number(out_.answers()) +
                " answers wait for it");
  }
  return OkStatus();
}

Status Session::Impl::TakeHeader(const Frame& frame) {
  if (frame.version != kVersion) {
    return Fail("frame of version " + Number(frame.version) + ", expected 0");
  }
  switch (frame.type) {
    case FrameType::kData:
    case FrameType::kWindowUpdate:
      return OnStreamFrame(frame);
    case FrameType::kPing:
      OnPing(frame);
      return OkStatus();
    case FrameType::kGoAway:
      return OnGoAwayFrame(frame);
  }
  return Fail("frame of unknown type " + Number(static_cast<std::uint8_t>(frame.type)));
}

Status Session::Impl::OnStreamFrame(const Frame& frame) {
  if (frame.stream == 0) return Fail("stream frame for stream 0, which is the session itself");
  if (frame.Has(kSyn)) SHOJI_RETURN_IF_ERROR(OnSyn(frame.stream));
  if (NeverOpened(frame.stream)) {
    if (options_.pipe_was_used) return OnStrangersFrame(frame);
    return Fail("frame for stream " + Number(frame.stream) + ", which we never opened");
  }
  if (frame.Has(kRst)) OnRst(frame.stream);
  return frame.type == FrameType::kData ? OnDataHeader(frame) : OnWindowUpdate(frame);
}

// Of a session before us, with which the peer goes on.
Status Session::Impl::OnStrangersFrame(const Frame& frame) {
  if (!frame.Has(kRst)) QueueReset(frame.stream);
  return frame.type == FrameType::kData ? OnDataHeader(frame) : OkStatus();
}

Status Session::Impl::OnSyn(StreamId id) {
  if (!PeerOpens(id)) {
    return Fail("the peer opened stream " + Number(id) + ", an id of our side");
  }
  if (Find(id) != nullptr) return Fail("the peer opened stream " + Number(id) + " twice");
  if (local_goaway_ || streams_.size() >= options_.max_streams ||
      out_.unsent_acks() >= options_.accept_backlog) {
    QueueReset(id);
    return OkStatus();
  }
  streams_[id].needs_ack = true;
  listener_->OnOpened(id);
  Stream* stream = Find(id);
  if (stream != nullptr && stream->needs_ack) {
    QueueStream(stream, id, FrameType::kWindowUpdate, 0, 0);
  }
  return OkStatus();
}

Status Session::Impl::OnDataHeader(const Frame& frame) {
  Stream* stream = Find(frame.stream);
  payload_left_ = frame.length;
  payload_stream_ = 0;
  payload_fin_ = frame.Has(kFin);
  // Data for a stream that we reset or ended may be on its way: swallowed, not an error.
  if (stream != nullptr && !stream->remote_finished) {
    if (frame.length > stream->receive_window) {
      return Fail("data frame of " + Number(frame.length) + " bytes on stream " +
                  Number(frame.stream) + ", window " + Number(stream->receive_window));
    }
    stream->receive_window -= frame.length;
    payload_stream_ = frame.stream;
  }
  if (payload_left_ == 0) EndPayload();
  return OkStatus();
}

void Session::Impl::TakePayload(std::string_view* bytes) {
  const std::size_t count = std::min<std::size_t>(payload_left_, bytes->size());
  const std::string_view data = bytes->substr(0, count);
  bytes->remove_prefix(count);
  payload_left_ -= static_cast<std::uint32_t>(count);
  if (Find(payload_stream_) != nullptr) listener_->OnData(payload_stream_, data);
  if (payload_left_ == 0) EndPayload();
}

void Session::Impl::EndPayload() {
  if (payload_fin_ && payload_stream_ != 0) OnFin(payload_stream_);
  payload_stream_ = 0;
}

Status Session::Impl::OnWindowUpdate(const Frame& frame) {
  Stream* stream = Find(frame.stream);
  if (stream == nullptr) return OkStatus();
  if (frame.length > std::numeric_limits<std::uint32_t>::max() - stream->send_window) {
    return Fail("window of stream " + Number(frame.stream) +
                " grows over 32 bits by an update of " + Number(frame.length));
  }
  stream->send_window += frame.length;
  if (stream->send_window > 0 && stream->blocked && !stream->local_finished) {
    stream->blocked = false;
    listener_->OnWritable(frame.stream);
  }
  if (frame.Has(kFin)) OnFin(frame.stream);
  return OkStatus();
}

void Session::Impl::OnFin(StreamId id) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->remote_finished) return;
  stream->remote_finished = true;
  // Gone before the listener hears of it: then it finds nothing half dead.
  if (stream->local_finished) streams_.erase(id);
  listener_->OnFinished(id);
}

void Session::Impl::OnRst(StreamId id) {
  if (streams_.erase(id) > 0) listener_->OnReset(id);
}

void Session::Impl::OnPing(const Frame& frame) {
  if (frame.Has(kSyn)) {
    QueueAnswer({kVersion, FrameType::kPing, kAck, 0, frame.length});
  } else if (frame.Has(kAck)) {
    listener_->OnPong(frame.length);
  }
}

Status Session::Impl::OnGoAwayFrame(const Frame& frame) {
  if (frame.length > static_cast<std::uint32_t>(GoAwayCode::kInternalError)) {
    return Fail("go-away with unknown code " + Number(frame.length));
  }
  remote_goaway_ = true;
  listener_->OnGoAway(static_cast<GoAwayCode>(frame.length));
  return OkStatus();
}

Result<StreamId> Session::Impl::Open() {
  if (failed_ || local_goaway_ || remote_goaway_) {
    return Unavailable("yamux: the session takes no new streams");
  }
  if (streams_.size() >= options_.max_streams) {
    return ResourceExhausted("yamux: " + Number(streams_.size()) + " streams are open, the limit");
  }
  if (next_id_ > std::numeric_limits<StreamId>::max() - 2) {
    return ResourceExhausted("yamux: the stream ids of the session are used up");
  }
  const StreamId id = std::exchange(next_id_, next_id_ + 2);
  QueueStream(&streams_[id], id, FrameType::kWindowUpdate, kSyn, 0);
  return id;
}

std::size_t Session::Impl::Write(StreamId id, std::string_view data) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->local_finished) return 0;
  const std::size_t count = std::min<std::size_t>(stream->send_window, data.size());
  stream->blocked = count < data.size();
  if (count == 0) return 0;
  stream->send_window -= static_cast<std::uint32_t>(count);
  QueueStream(stream, id, FrameType::kData, 0, static_cast<std::uint32_t>(count));
  out_.Append(data.substr(0, count));
  return count;
}

std::size_t Session::Impl::Writable(StreamId id) const {
  const auto it = streams_.find(id);
  return it == streams_.end() || it->second.local_finished ? 0 : it->second.send_window;
}

void Session::Impl::Finish(StreamId id) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->local_finished) return;
  stream->local_finished = true;
  QueueStream(stream, id, FrameType::kWindowUpdate, kFin, 0);
  if (stream->remote_finished) streams_.erase(id);
}

void Session::Impl::Reset(StreamId id) {
  if (streams_.erase(id) > 0) QueueReset(id);
}

void Session::Impl::Consume(StreamId id, std::size_t count) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->remote_finished) return;
  const std::uint32_t unconsumed = kInitialWindow - stream->receive_window - stream->consumed;
  stream->consumed += static_cast<std::uint32_t>(std::min<std::size_t>(count, unconsumed));
  // An update for each read would cost more than it gives; half a window keeps the pipe full.
  if (stream->consumed < kInitialWindow / 2) return;
  const std::uint32_t delta = std::exchange(stream->consumed, 0);
  stream->receive_window += delta;
  QueueStream(stream, id, FrameType::kWindowUpdate, 0, delta);
  out_.MarkAnswer();
}

void Session::Impl::GoAway(GoAwayCode code) {
  local_goaway_ = true;
  Queue({kVersion, FrameType::kGoAway, 0, 0, static_cast<std::uint32_t>(code)});
}

Session::Session(Role role, Listener* listener, Options options)
    : impl_(std::make_unique<Impl>(role, listener, options)) {}
Session::~Session() = default;

Status Session::Feed(std::string_view bytes) { return impl_->Feed(bytes); }
std::string_view Session::PendingOutput() const { return impl_->PendingOutput(); }
std::size_t Session::PendingBytes() const { return impl_->PendingBytes(); }
void Session::OutputSent(std::size_t count) { impl_->OutputSent(count); }
Result<StreamId> Session::Open() { return impl_->Open(); }
std::size_t Session::Write(StreamId id, std::string_view data) { return impl_->Write(id, data); }
std::size_t Session::Writable(StreamId id) const { return impl_->Writable(id); }
void Session::Finish(StreamId id) { impl_->Finish(id); }
void Session::Reset(StreamId id) { impl_->Reset(id); }
void Session::Consume(StreamId id, std::size_t count) { impl_->Consume(id, count); }
void Session::Ping(std::uint32_t value) { impl_->Ping(value); }
void Session::GoAway(GoAwayCode code) { impl_->GoAway(code); }
std::size_t Session::stream_count() const { return impl_->stream_count(); }
bool Session::failed() const { return impl_->failed(); }

}  // namespace shoji::yamux
