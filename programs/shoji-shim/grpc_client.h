// Unary gRPC calls over one connection.
//
// Purpose  gRPC's own library takes 15 MB and eight threads; a shim has a few calls at a time and
//          one thread.
// Threads  One. `Done` is called from inside OnReadable().
// Bounds   An answer of more than 4 MiB ends its call with RESOURCE_EXHAUSTED.
// Example
//     GrpcClient client(fd);
//     client.Call("/grpc.AgentService/WaitProcess", request, [](const Answer& a) { ... });
//     // poll client.events(), then:
//     SHOJI_RETURN_IF_ERROR(client.OnReady());
#ifndef SHOJI_PROGRAMS_SHIM_GRPC_CLIENT_H_
#define SHOJI_PROGRAMS_SHIM_GRPC_CLIENT_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/status.h"

namespace shoji::shim {

struct Answer {
  int code = -1;        // of gRPC; 0 is success
  std::string message;  // of a failure
  std::string body;     // the answer's message
};

class GrpcClient {
 public:
  using Done = std::function<void(const Answer&)>;

  // A connected, non-blocking socket.
  explicit GrpcClient(UniqueFd fd);
  ~GrpcClient();
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  void Call(const std::string& path, std::string_view request, Done done);

  int fd() const { return fd_.get(); }
  short events() const;
  // Receives and sends what can be. UNAVAILABLE when the connection is gone.
  Status OnReady();

 private:
  struct Stream {
    std::string request;  // with its prefix
    std::size_t sent = 0;
    std::string received;  // with its prefix
    Answer answer;
    Done done;
  };

  static int OnHeader(nghttp2_session* session, const nghttp2_frame* frame,
                      const std::uint8_t* name, std::size_t name_length, const std::uint8_t* value,
                      std::size_t value_length, std::uint8_t flags, void* self);
  static int OnData(nghttp2_session* session, std::uint8_t flags, std::int32_t id,
                    const std::uint8_t* data, std::size_t length, void* self);
  static int OnClose(nghttp2_session* session, std::int32_t id, std::uint32_t error, void* self);
  static ssize_t ReadRequest(nghttp2_session* session, std::int32_t id, std::uint8_t* buffer,
                             std::size_t length, std::uint32_t* flags, nghttp2_data_source* source,
                             void* self);

  Status Receive();
  Status Send();

  UniqueFd fd_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Stream> streams_;
  std::string waiting_;  // for the socket
  std::vector<std::uint8_t> buffer_;
};

}  // namespace shoji::shim

#endif  // SHOJI_PROGRAMS_SHIM_GRPC_CLIENT_H_
