// One HTTP/2 connection of a gRPC client, as a state machine over bytes.
//
// Purpose  Bytes that arrived go in with Feed(); bytes to send go to an Output. Knows
//          nothing of descriptors, so that it runs over a socket and over a yamux stream.
// Threads  The loop's. Methods may answer from inside Feed() or later.
// Bounds   At most kMaxStreams calls; requests count against the server's budget until
//          answered; a client that breaks the protocol loses this connection only.
// Example  Connection c(&loop, &server, &output); if (!c.Feed(bytes).ok()) Close();
#ifndef SHOJI_GUEST_AGENT_RPC_CONNECTION_H_
#define SHOJI_GUEST_AGENT_RPC_CONNECTION_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "loop/loop.h"
#include "rpc/call.h"
#include "rpc/reset_gate.h"
#include "rpc/server.h"
#include "rpc/wire.h"
#include "shoji/status.h"

namespace shoji::agent {

class Connection final : private Call::Owner {
 public:
  static constexpr std::uint32_t kMaxStreams = 1024;

  class Output {
   public:
    virtual ~Output() = default;
    // Takes as many bytes as it can now; after less than all, Flush() is called later.
    virtual std::size_t Send(std::string_view bytes) = 0;
    // So many bytes it surely takes now, and many small pieces as readily as one: they need not
    // be gathered first.
    virtual std::size_t Room() const { return 0; }
  };

  // All borrowed; they outlive the connection.
  Connection(Loop* loop, Server* server, Output* output);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // An error: the connection is of no more use; what it still had to say was sent as far
  // as the output took it.
  Status Feed(std::string_view bytes);
  // Sends what waits, as far as the output takes it.
  void Flush();
  // Both sides are done with each other.
  bool finished() const;

 private:
  struct Stream {
    std::string path;
    std::string http_method;
    std::string content_type;
    std::string timeout;
    MessageReader reader;
    std::size_t charged = 0;
    CallPtr call;
    Loop::TimerId timer = 0;
    bool refused = false;  // answered before the request was complete
    Buffer reply;
    std::size_t reply_sent = 0;
  };

  // What nghttp2 calls; `self` is the connection.
  static int OnBeginHeaders(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const std::uint8_t* name, std::size_t name_length, const std::uint8_t* value,
                      std::size_t value_length, std::uint8_t flags, void* self);
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* self);
  static int OnData(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                    const std::uint8_t* data, std::size_t length, void* self);
  static int OnStreamClose(nghttp2_session* session, std::int32_t id, std::uint32_t error,
                           void* self);
  static ssize_t ReadReply(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                           std::size_t length, std::uint32_t* flags, nghttp2_data_source* source,
                           void* self);

  void Start();
  Stream* Find(std::int32_t id);
  // How much of a reply goes into the next frame, and the frame itself.
  static ssize_t LengthOfFrame(nghttp2_session* session, std::uint8_t type, std::int32_t id,
                               std::int32_t session_window, std::int32_t stream_window,
                               std::uint32_t most, void* self);
  static int SendFrame(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t length, nghttp2_data_source* source, void* self);

  void OnRequestHeaders(std::int32_t id, Stream* stream);
  void OnRequestData(std::int32_t id, Stream* stream, std::string_view data);
  void OnRequestEnd(std::int32_t id, Stream* stream);
  void SetTimer(std::int32_t id, Stream* stream);
  Status Charge(Stream* stream, std::size_t bytes);
  void Uncharge(Stream* stream);
  void Refuse(std::int32_t id, const Status& status);
  void RefuseHttp(std::int32_t id, const char* http_status);
  void SubmitTrailersOnly(std::int32_t id, const Status& status);
  void SubmitReply(std::int32_t id, Stream* stream, Buffer framed);
  void Drop(std::int32_t id);
  void Put(std::string_view bytes);
  bool FillOutput();

  // Call::Owner
  void Answer(std::int32_t id, const Status& status, Buffer framed) override;
  bool Congested() const override;

  Loop* loop_;
  Server* server_;
  Output* output_;
  nghttp2_session* session_ = nullptr;
  ResetGate gate_;
  bool feeding_ = false;  // inside nghttp2, where nothing may be sent
  bool flushing_ = false;
  std::size_t charged_ = 0;
  std::size_t reply_bytes_ = 0;  // answered, not yet handed to the output
  std::string out_;
  std::size_t out_sent_ = 0;
  std::unordered_map<std::int32_t, std::unique_ptr<Stream>> streams_;
};

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_RPC_CONNECTION_H_
