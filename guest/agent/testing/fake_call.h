// For tests: a client's end of one call, without a connection.
//
// Threads  One.
// Example  FakeOwner owner; auto call = owner.MakeCall(); ...; EXPECT_TRUE(owner.answered);
#ifndef SHOJI_GUEST_AGENT_TESTING_FAKE_CALL_H_
#define SHOJI_GUEST_AGENT_TESTING_FAKE_CALL_H_

#include <memory>
#include <string>
#include <string_view>

#include "rpc/buffer.h"
#include "rpc/call.h"
#include "rpc/wire.h"

namespace shoji::agent::testing {

struct FakeOwner final : Call::Owner {
  void Answer(std::int32_t /*stream*/, const Status& said, Buffer framed) override {
    answered = true;
    status = said;
    const std::string_view bytes = framed.view();
    message = bytes.size() > kPrefixBytes ? std::string(bytes.substr(kPrefixBytes)) : "";
  }
  bool Congested() const override { return false; }
  CallPtr MakeCall() { return std::make_shared<Call>(this, 1); }

  bool answered = false;
  Status status;
  std::string message;  // of the reply
};

}  // namespace shoji::agent::testing

#endif  // SHOJI_GUEST_AGENT_TESTING_FAKE_CALL_H_
