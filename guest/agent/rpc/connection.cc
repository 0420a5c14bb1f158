#include "rpc/connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

namespace shoji::agent {
namespace {

constexpr std::uint32_t kStreamWindow = 1U << 20U;
constexpr std::int32_t kConnectionWindow = 4 << 20;
constexpr std::size_t kOutputChunk = 128U << 10U;
constexpr std::uint32_t kMostOfFrame = 64U << 10U;
constexpr std::size_t kSmallRequest = 64U << 10U;
constexpr std::size_t kCongested = 4U << 20U;
constexpr std::size_t kMaxHeaderText = 4096;
constexpr std::size_t kMaxStatusText = 4096;

nghttp2_nv Header(std::string_view name, std::string_view value) {
  nghttp2_nv nv{};
  // nghttp2 copies both; its structure merely lacks the const.
  nv.name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
  nv.value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  nv.namelen = name.size();
  nv.valuelen = value.size();
  nv.flags = NGHTTP2_NV_FLAG_NONE;
  return nv;
}

std::string_view Text(const std::uint8_t* data, std::size_t length) {
  return {reinterpret_cast<const char*>(data), length};
}

bool IsGrpc(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (content_type.substr(0, kType.size()) != kType) return false;
  const std::string_view rest = content_type.substr(kType.size());
  return rest.empty() || rest.front() == '+' || rest.front() == ';';
}

}  // namespace

Connection::Connection(Loop* loop, Server* server, Output* output)
    : loop_(loop), server_(server), output_(output) {
  Start();
}

Connection::~Connection() {
  while (!streams_.empty()) Drop(streams_.begin()->first);
  nghttp2_session_del(session_);
}

void Connection::Start() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, LengthOfFrame);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, SendFrame);
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 3> settings = {
      {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
       {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16384}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

Status Connection::Feed(std::string_view bytes) {
  feeding_ = true;
  ssize_t used = 0;
  gate_.Pass(bytes, [this, &used](std::string_view part) {
    used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(part.data()),
                                    part.size());
    return used >= 0;
  });
  feeding_ = false;
  Flush();
  if (used < 0) {
    return InvalidArgument(std::string("client broke HTTP/2: ") +
                           nghttp2_strerror(static_cast<int>(used)));
  }
  return OkStatus();
}

// Gathers frames, so that a reply costs one write and not one for each frame.
bool Connection::FillOutput() {
  if (out_sent_ > 0) {
    out_.erase(0, out_sent_);
    out_sent_ = 0;
  }
  while (out_.size() < kOutputChunk) {
    const std::uint8_t* data = nullptr;
    const ssize_t length = nghttp2_session_mem_send(session_, &data);
    if (length <= 0) break;
    Put(Text(data, static_cast<std::size_t>(length)));
  }
  return !out_.empty();
}

// In order, and without the detour where that is possible.
void Connection::Put(std::string_view bytes) {
  if (out_.empty() && output_->Room() >= bytes.size()) {
    output_->Send(bytes);
  } else {
    out_.append(bytes);
  }
}

void Connection::Flush() {
  if (feeding_ || flushing_) return;
  flushing_ = true;  // a send may close streams, whose owners may answer others
  while (FillOutput()) {
    out_sent_ = output_->Send(out_);
    if (out_sent_ < out_.size()) break;
    out_.clear();
    out_sent_ = 0;
  }
  flushing_ = false;
  if (out_.empty() && out_.capacity() > kOutputChunk / 4) std::string().swap(out_);
}

bool Connection::finished() const {
  return out_.empty() && nghttp2_session_want_read(session_) == 0 &&
         nghttp2_session_want_write(session_) == 0;
}

Connection::Stream* Connection::Find(std::int32_t id) {
  const auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second.get();
}

int Connection::OnBeginHeaders(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                               void* self) {
  auto* connection = static_cast<Connection*>(self);
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  connection->streams_.emplace(frame->hd.stream_id, std::make_unique<Stream>());
  return 0;
}

int Connection::OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                         const std::uint8_t* name, std::size_t name_length,
                         const std::uint8_t* value, std::size_t value_length,
                         std::uint8_t /*flags*/, void* self) {
  Stream* stream = static_cast<Connection*>(self)->Find(frame->hd.stream_id);
  if (stream == nullptr || value_length > kMaxHeaderText) return 0;
  const std::string_view key = Text(name, name_length);
  const std::string_view text = Text(value, value_length);
  if (key == ":path") stream->path = text;
  if (key == ":method") stream->http_method = text;
  if (key == "content-type") stream->content_type = text;
  if (key == "grpc-timeout") stream->timeout = text;
  return 0;
}

int Connection::OnFrame(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* self) {
  auto* connection = static_cast<Connection*>(self);
  const std::int32_t id = frame->hd.stream_id;
  Stream* stream = connection->Find(id);
  if (stream == nullptr) return 0;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    connection->OnRequestHeaders(id, stream);
  }
  const bool carries = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (carries && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    connection->OnRequestEnd(id, stream);
  }
  return 0;
}

int Connection::OnData(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t id,
                       const std::uint8_t* data, std::size_t length, void* self) {
  auto* connection = static_cast<Connection*>(self);
  Stream* stream = connection->Find(id);
  if (stream != nullptr) connection->OnRequestData(id, stream, Text(data, length));
  return 0;
}

int Connection::OnStreamClose(nghttp2_session* /*session*/, std::int32_t id,
                              std::uint32_t /*error*/, void* self) {
  static_cast<Connection*>(self)->Drop(id);
  return 0;
}

void Connection::OnRequestHeaders(std::int32_t id, Stream* stream) {
  if (stream->http_method != "POST") return RefuseHttp(id, "405");
  if (!IsGrpc(stream->content_type)) return RefuseHttp(id, "415");
  if (server_->Find(stream->path) == nullptr) {
    return Refuse(id, Unimplemented("the agent has no method " + stream->path));
  }
  stream->call = std::make_shared<Call>(static_cast<Call::Owner*>(this), id);
  SetTimer(id, stream);
}

void Connection::SetTimer(std::int32_t id, Stream* stream) {
  if (stream->timeout.empty()) return;
  const auto span = ParseTimeout(stream->timeout);
  if (!span) {
    return Refuse(id, InvalidArgument("grpc-timeout " + stream->timeout + " is no time"));
  }
  stream->timer = loop_->After(*span, [this, id] {
    Stream* late = Find(id);
    if (late == nullptr || !late->call) return;
    late->timer = 0;
    late->refused = true;
    const CallPtr call = late->call;
    call->Expire();
  });
}

Status Connection::Charge(Stream* stream, std::size_t bytes) {
  const bool small = stream->reader.buffered() + bytes <= kSmallRequest;
  if (charged_ + bytes > RequestBudget::kPerConnection ||
      (!small && !server_->budget().Admits(bytes))) {
    return ResourceExhausted("too many bytes of unanswered requests; try again later");
  }
  stream->charged += bytes;
  charged_ += bytes;
  server_->budget().Charge(bytes);
  return OkStatus();
}

void Connection::Uncharge(Stream* stream) {
  charged_ -= stream->charged;
  server_->budget().Release(stream->charged);
  stream->charged = 0;
}

void Connection::OnRequestData(std::int32_t id, Stream* stream, std::string_view data) {
  if (stream->refused || !stream->call) return;
  Status status = Charge(stream, data.size());
  if (status.ok()) status = stream->reader.Add(data);
  if (!status.ok()) Refuse(id, status);
}

void Connection::OnRequestEnd(std::int32_t id, Stream* stream) {
  if (stream->refused || !stream->call) return;
  if (!stream->reader.complete()) {
    return Refuse(id, InvalidArgument("request of " + stream->path + " ends in mid message"));
  }
  const CallPtr call = stream->call;
  const std::string request = stream->reader.Take();
  (*server_->Find(stream->path))(request, call);  // may answer, even so that the stream goes
}

// Answers before the client has sent all, or instead of calling the method.
void Connection::Refuse(std::int32_t id, const Status& status) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  stream->refused = true;
  if (stream->call) {
    const CallPtr call = stream->call;
    call->Finish(status);
  } else {
    SubmitTrailersOnly(id, status);
  }
}

void Connection::RefuseHttp(std::int32_t id, const char* http_status) {
  if (Stream* stream = Find(id)) stream->refused = true;
  const std::array<nghttp2_nv, 1> headers = {Header(":status", http_status)};
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
}

void Connection::SubmitTrailersOnly(std::int32_t id, const Status& status) {
  const std::string code = std::to_string(static_cast<int>(status.code()));
  const std::string text =
      PercentEncode(std::string_view(status.message()).substr(0, kMaxStatusText));
  const std::array<nghttp2_nv, 4> headers = {
      Header(":status", "200"), Header("content-type", "application/grpc"),
      Header("grpc-status", code), Header("grpc-message", text)};
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), nullptr);
}

void Connection::SubmitReply(std::int32_t id, Stream* stream, Buffer framed) {
  reply_bytes_ += framed.size();
  stream->reply = std::move(framed);
  const std::array<nghttp2_nv, 2> headers = {Header(":status", "200"),
                                             Header("content-type", "application/grpc")};
  nghttp2_data_provider provider{};
  provider.read_callback = ReadReply;
  nghttp2_submit_response(session_, id, headers.data(), headers.size(), &provider);
}

ssize_t Connection::LengthOfFrame(nghttp2_session* /*session*/, std::uint8_t /*type*/,
                                  std::int32_t /*id*/, std::int32_t session_window,
                                  std::int32_t stream_window, std::uint32_t most, void* /*self*/) {
  return std::min(
      {session_window, stream_window, static_cast<std::int32_t>(std::min(most, kMostOfFrame))});
}

// Says only how much there is: SendFrame() takes it from where it lies.
ssize_t Connection::ReadReply(nghttp2_session* session, std::int32_t id, std::uint8_t* /*buffer*/,
                              std::size_t length, std::uint32_t* flags,
                              nghttp2_data_source* /*source*/, void* self) {
  auto* connection = static_cast<Connection*>(self);
  Stream* stream = connection->Find(id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t take = std::min(length, stream->reply.size() - stream->reply_sent);
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream->reply_sent + take == stream->reply.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const nghttp2_nv ok = Header("grpc-status", "0");
    nghttp2_submit_trailer(session, id, &ok, 1);
  }
  return static_cast<ssize_t>(take);
}

int Connection::SendFrame(nghttp2_session* /*session*/, nghttp2_frame* frame,
                          const std::uint8_t* head, std::size_t length,
                          nghttp2_data_source* /*source*/, void* self) {
  constexpr std::size_t kHeadBytes = 9;
  auto* connection = static_cast<Connection*>(self);
  Stream* stream = connection->Find(frame->hd.stream_id);
  if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  // nghttp2 sends one such frame after the other, unless told that it is enough.
  if (connection->out_.size() >= kOutputChunk) return NGHTTP2_ERR_WOULDBLOCK;
  const bool direct =
      connection->out_.empty() && connection->output_->Room() >= kHeadBytes + length;
  if (!direct && connection->output_->Room() > 0 && !connection->out_.empty()) {
    return NGHTTP2_ERR_WOULDBLOCK;  // what is gathered goes first, then this needs no detour
  }
  const std::string_view data = stream->reply.view().substr(stream->reply_sent, length);
  connection->Put(Text(head, kHeadBytes));
  connection->Put(data);
  stream->reply_sent += length;
  connection->reply_bytes_ -= length;
  return 0;
}

void Connection::Answer(std::int32_t id, const Status& status, Buffer framed) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  loop_->CancelTimer(std::exchange(stream->timer, 0));
  Uncharge(stream);
  if (status.ok()) {
    SubmitReply(id, stream, std::move(framed));
  } else {
    SubmitTrailersOnly(id, status);
  }
  Flush();
}

bool Connection::Congested() const { return reply_bytes_ + out_.size() > kCongested; }

void Connection::Drop(std::int32_t id) {
  auto node = streams_.extract(id);
  if (node.empty()) return;
  Stream& stream = *node.mapped();
  loop_->CancelTimer(stream.timer);
  Uncharge(&stream);
  reply_bytes_ -= stream.reply.size() - stream.reply_sent;
  if (stream.call) stream.call->Abandon();
}

}  // namespace shoji::agent
