// For tests: an agent over a connector that leads to a scripted guest.
#ifndef SHOJI_AGENT_KATA_AGENT_FIXTURE_H_
#define SHOJI_AGENT_KATA_AGENT_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "agent.h"
#include "fake_agent.h"
#include "shoji-kata/agent.pb.h"
#include "shoji/base/deadline.h"

namespace shoji::agent_kata {

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() : guest_(std::make_unique<FakeAgent>()) {
    shoji_connector connector{};
    connector.struct_size = sizeof connector;
    connector.ctx = this;
    connector.connect = [](void* self, const shoji_call*, std::int32_t* fd, shoji_error*) {
      return static_cast<AgentTest*>(self)->Connect(fd);
    };
    connector.release = [](void* self) { ++static_cast<AgentTest*>(self)->released_; };
    connector_ = connector;
    agent_ = std::make_unique<KataAgent>(sdk::Connector(connector));
  }
  // An agent with other limits in the place of the first.
  void Reopen(Patience patience) {
    agent_ = nullptr;
    released_ = 0;
    agent_ = std::make_unique<KataAgent>(sdk::Connector(connector_), patience);
  }
  ~AgentTest() override {
    agent_.reset();
    EXPECT_EQ(released_, 1);
  }

  std::int32_t Connect(std::int32_t* fd) {
    if (guest_ == nullptr) return SHOJI_UNAVAILABLE;
    ++connects_;
    *fd = guest_->Connect().release();
    return SHOJI_OK;
  }
  static shoji_call Within(std::chrono::nanoseconds time, int cancel_fd = -1) {
    shoji_call call{};
    call.struct_size = sizeof call;
    call.cancel_fd = cancel_fd;
    call.deadline_ns = Deadline::After(time).nanos();
    return call;
  }

  shoji_connector connector_{};
  std::atomic<int> connects_ = 0;
  int released_ = 0;
  std::unique_ptr<FakeAgent> guest_;
  std::unique_ptr<KataAgent> agent_;
  grpc::DestroySandboxRequest nothing_;
  const sdk::ProcessRef process_{"c1", "e1"};
};

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_AGENT_FIXTURE_H_
