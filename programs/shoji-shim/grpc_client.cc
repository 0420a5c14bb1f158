#include "grpc_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "shoji/base/errno.h"

namespace shoji::shim {

namespace {

constexpr std::size_t kPrefix = 5;  // compressed flag, length (big endian)
constexpr std::size_t kMaxAnswer = 4U << 20U;
constexpr std::size_t kBuffer = 64U << 10U;
constexpr std::int32_t kWindow = 4 << 20;
constexpr int kResourceExhausted = 8;
constexpr int kInternal = 13;

nghttp2_nv Header(std::string_view name, std::string_view value) {
  // nghttp2 copies both; its structure merely lacks the const.
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
          value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string_view Text(const std::uint8_t* data, std::size_t length) {
  return {reinterpret_cast<const char*>(data), length};
}

std::string Framed(std::string_view message) {
  std::string out(kPrefix, '\0');
  for (std::size_t i = 0; i < 4; ++i) {
    out[1 + i] = static_cast<char>((message.size() >> (24U - 8U * i)) & 0xffU);
  }
  return out.append(message);
}

// The one message of an answer; false when it is not whole, or compressed.
bool Unframe(std::string* received) {
  if (received->size() < kPrefix || (*received)[0] != 0) return false;
  std::size_t length = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) {
    length = length << 8U | static_cast<unsigned char>((*received)[i]);
  }
  if (length != received->size() - kPrefix) return false;
  received->erase(0, kPrefix);
  return true;
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

GrpcClient::GrpcClient(UniqueFd fd) : fd_(std::move(fd)), buffer_(kBuffer) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const std::array<nghttp2_settings_entry, 2> settings = {
      {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
       {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kWindow)}}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
}

GrpcClient::~GrpcClient() { nghttp2_session_del(session_); }

void GrpcClient::Call(const std::string& path, std::string_view request, Done done) {
  const std::array headers = {Header(":method", "POST"),
                              Header(":scheme", "http"),
                              Header(":path", path),
                              Header(":authority", "localhost"),
                              Header("te", "trailers"),
                              Header("content-type", "application/grpc"),
                              Header("user-agent", "shoji-shim")};
  nghttp2_data_provider provider{};
  provider.read_callback = ReadRequest;
  const std::int32_t id =
      nghttp2_submit_request(session_, nullptr, headers.data(), headers.size(), &provider, nullptr);
  if (id < 0) {
    done({kInternal, std::string("cannot call ") + path + ": " + nghttp2_strerror(id), {}});
    return;
  }
  Stream& stream = streams_[id];
  stream.request = Framed(request);
  stream.done = std::move(done);
}

ssize_t GrpcClient::ReadRequest(nghttp2_session* /*session*/, std::int32_t id, std::uint8_t* buffer,
                                std::size_t length, std::uint32_t* flags,
                                nghttp2_data_source* /*source*/, void* self) {
  auto* client = static_cast<GrpcClient*>(self);
  const auto it = client->streams_.find(id);
  if (it == client->streams_.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  Stream& stream = it->second;
  const std::size_t n = std::min(length, stream.request.size() - stream.sent);
  std::memcpy(buffer, stream.request.data() + stream.sent, n);
  stream.sent += n;
  if (stream.sent == stream.request.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

int GrpcClient::OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                         const std::uint8_t* name, std::size_t name_length,
                         const std::uint8_t* value, std::size_t value_length,
                         std::uint8_t /*flags*/, void* self) {
  auto* client = static_cast<GrpcClient*>(self);
  const auto it = client->streams_.find(frame->hd.stream_id);
  if (it == client->streams_.end()) return 0;
  const std::string_view key = Text(name, name_length);
  const std::string_view text = Text(value, value_length);
  Answer& answer = it->second.answer;
  if (key == "grpc-status") std::from_chars(text.data(), text.data() + text.size(), answer.code);
  if (key == "grpc-message") answer.message = text;
  if (key == ":status" && text != "200") answer.message = "HTTP status " + std::string(text);
  return 0;
}

int GrpcClient::OnData(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t id,
                       const std::uint8_t* data, std::size_t length, void* self) {
  auto* client = static_cast<GrpcClient*>(self);
  const auto it = client->streams_.find(id);
  if (it == client->streams_.end()) return 0;
  Stream& stream = it->second;
  if (stream.received.size() + length > kMaxAnswer) {
    stream.answer = {kResourceExhausted, "the answer is too large", {}};
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    return 0;
  }
  stream.received += Text(data, length);
  return 0;
}

int GrpcClient::OnClose(nghttp2_session* /*session*/, std::int32_t id, std::uint32_t error,
                        void* self) {
  auto* client = static_cast<GrpcClient*>(self);
  auto node = client->streams_.extract(id);
  if (node.empty()) return 0;
  Stream& stream = node.mapped();
  Answer& answer = stream.answer;
  if (answer.code == 0 && !Unframe(&stream.received)) {
    answer.code = kInternal;
    answer.message = "the answer is not one message";
  } else if (answer.code < 0) {
    answer.code = kInternal;
    if (answer.message.empty()) {
      answer.message = std::string("the call was ended: ") + nghttp2_http2_strerror(error);
    }
  }
  if (answer.code == 0) answer.body = std::move(stream.received);
  stream.done(answer);
  return 0;
}

short GrpcClient::events() const {
  const bool out = !waiting_.empty() || nghttp2_session_want_write(session_) != 0;
  return static_cast<short>(out ? POLLIN | POLLOUT : POLLIN);
}

Status GrpcClient::Receive() {
  while (true) {
    const ssize_t n = recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n < 0 && WouldBlock(errno)) return OkStatus();
    if (n < 0) return Unavailable("the connection to the agent broke: " + ErrnoText(errno));
    if (n == 0) return Unavailable("the agent, or the proxy before it, closed the connection");
    const ssize_t used =
        nghttp2_session_mem_recv(session_, buffer_.data(), static_cast<std::size_t>(n));
    if (used < 0) {
      return Unavailable(std::string("the agent does not speak HTTP/2: ") +
                         nghttp2_strerror(static_cast<int>(used)));
    }
  }
}

Status GrpcClient::Send() {
  while (true) {
    if (waiting_.empty()) {
      const std::uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &data);
      if (n < 0) return Internal(nghttp2_strerror(static_cast<int>(n)));
      if (n == 0) return OkStatus();
      waiting_.assign(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
    }
    const ssize_t n =
        send(fd_.get(), waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && WouldBlock(errno)) return OkStatus();
    if (n < 0) return Unavailable("the connection to the agent broke: " + ErrnoText(errno));
    waiting_.erase(0, static_cast<std::size_t>(n));
  }
}

Status GrpcClient::OnReady() {
  SHOJI_RETURN_IF_ERROR(Receive());
  return Send();
}

}  // namespace shoji::shim
