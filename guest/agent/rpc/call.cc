#include "rpc/call.h"

#include <utility>

#include "rpc/wire.h"

namespace shoji::agent {

void Call::Send(const Status& status, std::string framed) {
  Owner* owner = std::exchange(owner_, nullptr);
  on_gone_ = nullptr;
  if (owner != nullptr) owner->Answer(stream_, status, std::move(framed));
}

void Call::Reply(const google::protobuf::MessageLite& reply) {
  if (!open()) return;
  const std::size_t size = reply.ByteSizeLong();
  std::string framed;
  framed.reserve(kPrefixBytes + size);
  framed.resize(kPrefixBytes);
  WritePrefix(size, framed.data());
  if (!reply.AppendToString(&framed)) return Send(Internal("reply cannot be encoded"), {});
  Send(OkStatus(), std::move(framed));
}

void Call::Finish(const Status& status) {
  Send(status, status.ok() ? std::string(kPrefixBytes, '\0') : std::string());
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
