#include "rpc/call.h"

#include <array>
#include <utility>

#include "rpc/wire.h"

namespace shoji::agent {

void Call::Send(const Status& status, Buffer framed) {
  Owner* owner = std::exchange(owner_, nullptr);
  on_gone_ = nullptr;
  if (owner != nullptr) owner->Answer(stream_, status, std::move(framed));
}

void Call::Reply(const google::protobuf::MessageLite& reply) {
  if (!open()) return;
  const std::size_t size = reply.ByteSizeLong();
  Buffer encoded(kPrefixBytes, size);
  if (!reply.SerializeToArray(encoded.end(), static_cast<int>(size))) {
    return Send(Internal("reply cannot be encoded"), {});
  }
  encoded.Grow(size);
  ReplyEncoded(std::move(encoded));
}

void Call::ReplyEncoded(Buffer encoded) {
  std::array<char, kPrefixBytes> prefix{};
  WritePrefix(encoded.size(), prefix.data());
  encoded.Prepend({prefix.data(), prefix.size()});
  Send(OkStatus(), std::move(encoded));
}

void Call::Finish(const Status& status) {
  if (status.ok()) return ReplyEncoded(Buffer(kPrefixBytes, 0));
  Send(status, {});
}

void Call::Abandon() {
  owner_ = nullptr;
  if (auto task = std::exchange(on_gone_, nullptr)) task();
}

void Call::Expire() {
  auto task = std::exchange(on_gone_, nullptr);
  Send(DeadlineExceeded("time limit of the call passed"), {});
  if (task) task();
}

}  // namespace shoji::agent
