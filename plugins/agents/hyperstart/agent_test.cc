#include "agent.h"

#include <gmock/gmock.h>

#include "fake_proxy.h"
#include "shoji/plugin/agent_ext.h"
#include "shoji/plugin/agent_shim.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::agent_hyperstart {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kSpec =
    R"({"root":{"path":"/run/kata-containers/shared/containers/c/rootfs"},)"
    R"("process":{"args":["true"]}})";

class HyperstartTest : public ::testing::Test {
 protected:
  HyperstartTest() {
    shoji_connector connector{};
    connector.struct_size = sizeof connector;
    connector.ctx = this;
    connector.connect = [](void* self, const shoji_call*, std::int32_t* fd, shoji_error*) {
      return static_cast<HyperstartTest*>(self)->Connect(fd);
    };
    connector.release = [](void* self) { ++static_cast<HyperstartTest*>(self)->released_; };
    agent_ = std::move(
        *HyperstartAgent::Open(sdk::Host(host_.raw()), nullptr, sdk::Connector(connector)));
  }
  ~HyperstartTest() override {
    agent_.reset();
    EXPECT_EQ(released_, 1);
  }
  std::int32_t Connect(std::int32_t* fd) {
    if (gone_) return SHOJI_UNAVAILABLE;
    *fd = proxy_.Connect();
    return SHOJI_OK;
  }

  Status CreateSandbox() {
    shoji_sandbox_request request{};
    request.struct_size = sizeof request;
    request.sandbox_id = request.hostname = sdk::ToStr("pod");
    return agent_->CreateSandbox(nullptr, request);
  }
  Status CreateContainer() {
    shoji_container_request request{};
    request.struct_size = sizeof request;
    request.container_id = request.exec_id = sdk::ToStr("c");
    request.spec_json = sdk::ToStr(kSpec);
    return agent_->CreateContainer(nullptr, request);
  }
  Status Exec(const char* container = "c") {
    shoji_exec_request request{};
    request.struct_size = sizeof request;
    request.container_id = sdk::ToStr(container);
    request.exec_id = sdk::ToStr("e");
    request.process_json = sdk::ToStr(R"({"args":["ls"]})");
    return agent_->ExecProcess(nullptr, request);
  }
  Result<std::string> Token(const char* exec) {
    return static_cast<HyperstartAgent&>(*agent_).ShimToken(nullptr, {"c", exec});
  }
  void Run() {
    ASSERT_TRUE(CreateSandbox().ok());
    ASSERT_TRUE(CreateContainer().ok());
    ASSERT_TRUE(agent_->StartContainer(nullptr, "c").ok());
    (void)proxy_.Asked();
  }

  sdk::testing::FakeHost host_;
  FakeProxy proxy_;
  bool gone_ = false;
  int released_ = 0;
  std::unique_ptr<sdk::AgentBase> agent_;
};

TEST_F(HyperstartTest, AContainerFromItsSandboxToItsEnd) {
  EXPECT_TRUE(agent_->Check(nullptr).ok());
  EXPECT_TRUE(CreateSandbox().ok());
  EXPECT_THAT(
      proxy_.Asked(),
      ElementsAre("ping [] null", R"(startsandbox [] {"hostname":"pod","dns":[],"containers":[],)"
                                  R"("shareDir":""})"));
  EXPECT_TRUE(CreateContainer().ok());
  EXPECT_THAT(proxy_.Asked(), ElementsAre("AttachVM pod 1")) << "it would run at once";
  EXPECT_EQ(*Token("c"), "t1");
  EXPECT_EQ(*Token("c"), "t1");
  EXPECT_TRUE(agent_->StartContainer(nullptr, "c").ok());
  EXPECT_THAT(proxy_.Asked(),
              ElementsAre(StartsWith(R"(newcontainer ["t1"] {"id":"c","image":"c",)")));
  EXPECT_EQ(agent_->StartContainer(nullptr, "c").code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(agent_->SignalProcess(nullptr, {"c", "c"}, 15).ok());
  EXPECT_TRUE(agent_->SignalProcess(nullptr, {"c", ""}, 9).ok());
  EXPECT_TRUE(agent_->RemoveContainer(nullptr, "c", 5).ok());
  EXPECT_TRUE(agent_->RemoveContainer(nullptr, "c", 5).ok()) << "it is gone";
  EXPECT_TRUE(agent_->DestroySandbox(nullptr).ok());
  EXPECT_TRUE(agent_->DestroySandbox(nullptr).ok()) << "there is none";
  EXPECT_THAT(proxy_.Asked(),
              ElementsAre(R"(killcontainer [] {"container":"c","signal":15,"allProcesses":false})",
                          R"(killcontainer [] {"container":"c","signal":9,"allProcesses":true})",
                          R"(killcontainer [] {"container":"c","signal":9,"allProcesses":true})",
                          R"(removecontainer [] {"container":"c"})", "destroysandbox [] null"));
}

TEST_F(HyperstartTest, AnExecHasATokenOfItsOwn) {
  Run();
  EXPECT_EQ(*Token("e"), "t2");
  EXPECT_EQ(*Token("e"), "t2");
  EXPECT_TRUE(Exec().ok());
  EXPECT_THAT(proxy_.Asked(),
              ElementsAre("AttachVM pod 1",
                          StartsWith(R"(execcmd ["t2"] {"container":"c","process":{"id":"e",)")));
  EXPECT_EQ(*Token("e"), "t3") << "that of the next one";
}

TEST_F(HyperstartTest, OnlyOneOfEach) {
  ASSERT_TRUE(CreateSandbox().ok());
  EXPECT_EQ(CreateSandbox().code(), StatusCode::kAlreadyExists);
  ASSERT_TRUE(CreateContainer().ok());
  EXPECT_EQ(CreateContainer().code(), StatusCode::kAlreadyExists);
}

TEST_F(HyperstartTest, WhatThereIsNot) {
  EXPECT_EQ(CreateContainer().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(agent_->StartContainer(nullptr, "c").code(), StatusCode::kNotFound);
  EXPECT_EQ(Token("c").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Exec("other").code(), StatusCode::kNotFound);
  EXPECT_EQ(agent_->WaitProcess(nullptr, {"c", "c"}).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(CreateSandbox().ok());
  ASSERT_TRUE(CreateContainer().ok());
  // Made, but hyperstart does not know of it.
  EXPECT_EQ(agent_->SignalProcess(nullptr, {"c", "c"}, 9).code(), StatusCode::kNotFound);
  EXPECT_EQ(agent_->WaitProcess(nullptr, {"c", "c"}).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(Exec().code(), StatusCode::kFailedPrecondition);
  (void)proxy_.Asked();
  EXPECT_TRUE(agent_->RemoveContainer(nullptr, "c", 0).ok());
  EXPECT_THAT(proxy_.Asked(), IsEmpty());
}

TEST_F(HyperstartTest, RefusalsChangeNothing) {
  proxy_.Refuse("startsandbox", "no memory");
  EXPECT_THAT(CreateSandbox().message(), HasSubstr("hyperstart's startsandbox: cc-proxy refuses "
                                                   "Hyper: no memory"));
  proxy_.Refuse("newcontainer", "no such program");
  proxy_.Refuse("execcmd", "no such program");
  EXPECT_EQ(CreateContainer().code(), StatusCode::kFailedPrecondition) << "there is no sandbox";
}

TEST_F(HyperstartTest, AContainerThatCannotRunMayBeRemoved) {
  ASSERT_TRUE(CreateSandbox().ok());
  ASSERT_TRUE(CreateContainer().ok());
  proxy_.Refuse("newcontainer", "no such program");
  EXPECT_THAT(agent_->StartContainer(nullptr, "c").message(), HasSubstr("no such program"));
  EXPECT_TRUE(agent_->RemoveContainer(nullptr, "c", 1).ok());
}

TEST_F(HyperstartTest, KillingWhatHasEndedIsNoReasonToKeepIt) {
  Run();
  proxy_.Refuse("killcontainer", "it has ended");
  EXPECT_TRUE(agent_->RemoveContainer(nullptr, "c", 1).ok());
}

TEST_F(HyperstartTest, WhatIsLeftToTheShim) {
  Run();
  const sdk::ProcessRef process{"c", "c"};
  const std::vector<Status> all = {agent_->WaitProcess(nullptr, process).status(),
                                   agent_->WriteStdin(nullptr, process, "x").status(),
                                   agent_->CloseStdin(nullptr, process),
                                   agent_->ReadStdout(nullptr, process, 1, nullptr),
                                   agent_->ReadStderr(nullptr, process, 1, nullptr),
                                   agent_->TtyWinResize(nullptr, process, 1, 1),
                                   agent_->SignalProcess(nullptr, {"c", "e"}, 15),
                                   agent_->ReseedRandom(nullptr, "x"),
                                   agent_->SetTime(nullptr, 1, 1)};
  for (const Status& status : all) {
    EXPECT_EQ(status.code(), StatusCode::kUnimplemented);
    EXPECT_THAT(status.message(), StartsWith("hyperstart "));
  }
}

TEST_F(HyperstartTest, GoneGuest) {
  Run();
  gone_ = true;
  EXPECT_EQ(agent_->Check(nullptr).code(), StatusCode::kUnavailable);
  EXPECT_EQ(agent_->GuestDetails(nullptr).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(agent_->WaitProcess(nullptr, {"c", "c"}).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(agent_->DestroySandbox(nullptr).code(), StatusCode::kUnavailable);
}

TEST_F(HyperstartTest, OffersTokensAndNothingElse) {
  EXPECT_NE(agent_->GetExtension(SHOJI_AGENT_SHIM_V1), nullptr);
  for (const char* id : {SHOJI_AGENT_PAUSE_V1, SHOJI_AGENT_STATS_V1, SHOJI_AGENT_UPDATE_V1,
                         SHOJI_AGENT_NETWORK_V1, SHOJI_AGENT_HOTPLUG_V1, "shoji.agent.shim/2"}) {
    EXPECT_EQ(agent_->GetExtension(id), nullptr) << id;
  }
}

}  // namespace
}  // namespace shoji::agent_hyperstart
