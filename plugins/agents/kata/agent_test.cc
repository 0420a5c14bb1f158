#include "agent.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "agent_fixture.h"
#include "shoji-kata/agent.pb.h"
#include "shoji-kata/health.pb.h"
#include "shoji/base/deadline.h"

namespace shoji::agent_kata {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(AgentTest, OpensNoConnectionBeforeItIsUsed) { EXPECT_EQ(connects_, 0); }

TEST_F(AgentTest, CheckAndDetails) {
  grpc::CheckRequest check;
  grpc::HealthCheckResponse serving;
  serving.set_status(grpc::HealthCheckResponse::SERVING);
  guest_->Answer("Health/Check", &check, serving);
  EXPECT_TRUE(agent_->Check(nullptr).ok());
  grpc::VersionCheckResponse version;
  version.set_grpc_version("g");
  version.set_agent_version("1.2.3");
  guest_->Answer("Health/Version", &check, version);
  grpc::GuestDetailsRequest request;
  grpc::GuestDetailsResponse details;
  details.set_mem_block_size_bytes(1 << 27);
  details.mutable_agent_details()->set_supports_seccomp(true);
  details.mutable_agent_details()->add_storage_handlers("9p");
  details.mutable_agent_details()->add_device_handlers("blk");
  guest_->Answer("AgentService/GetGuestDetails", &request, details);
  const Result<std::string> json = agent_->GuestDetails(nullptr);
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ(nlohmann::json::parse(*json),
            nlohmann::json::parse(R"({"agent_version":"1.2.3","grpc_version":"g",
      "mem_block_size_bytes":134217728,"supports_seccomp":true,
      "storage_handlers":["9p"],"device_handlers":["blk"]})"));
  EXPECT_TRUE(request.mem_block_size());
  EXPECT_EQ(connects_, 1) << "one channel for all";
  serving.set_status(grpc::HealthCheckResponse::NOT_SERVING);
  guest_->Answer("Health/Check", &check, serving);
  EXPECT_EQ(agent_->Check(nullptr).code(), StatusCode::kUnavailable);
}

TEST_F(AgentTest, DetailsOfAGuestBefore13AreItsVersion) {
  grpc::CheckRequest check;
  grpc::VersionCheckResponse version;
  version.set_agent_version("1.0.0");
  guest_->Answer("Health/Version", &check, version);
  guest_->Refuse("AgentService/GetGuestDetails", grpc::StatusCode::UNIMPLEMENTED, "unknown method");
  const Result<std::string> json = agent_->GuestDetails(nullptr);
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ(nlohmann::json::parse(*json),
            nlohmann::json::parse(R"({"agent_version":"1.0.0","grpc_version":"",
      "mem_block_size_bytes":0,"supports_seccomp":false,
      "storage_handlers":[],"device_handlers":[]})"));
  guest_->Refuse("AgentService/GetGuestDetails", grpc::StatusCode::INTERNAL, "no sysfs");
  EXPECT_EQ(agent_->GuestDetails(nullptr).status().code(), StatusCode::kInternal);
}

TEST_F(AgentTest, CreateSandbox) {
  grpc::CreateSandboxRequest seen;
  guest_->Answer("AgentService/CreateSandbox", &seen, nothing_);
  const shoji_str option = sdk::ToStr("trans=virtio");
  shoji_storage storage{};
  storage.struct_size = sizeof storage;
  storage.driver = sdk::ToStr("9p");
  storage.source = sdk::ToStr("kataShared");
  storage.fstype = sdk::ToStr("9p");
  storage.mount_point = sdk::ToStr("/m");
  storage.options = &option;
  storage.option_count = 1;
  storage.driver_options = &option;
  storage.driver_option_count = 1;
  const shoji_storage* storages[] = {&storage};
  const shoji_str dns[] = {sdk::ToStr("nameserver 1.1.1.1"), sdk::ToStr("search x")};
  shoji_sandbox_request request{};
  request.struct_size = sizeof request;
  request.flags = SHOJI_SANDBOX_SHARED_PIDNS;
  request.sandbox_id = sdk::ToStr("s1");
  request.hostname = sdk::ToStr("h");
  request.guest_hook_path = sdk::ToStr("/hooks");
  request.dns = dns;
  request.dns_count = 2;
  request.storages = storages;
  request.storage_count = 1;
  const Status status = agent_->CreateSandbox(nullptr, request);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(seen.sandbox_id(), "s1");
  EXPECT_EQ(seen.hostname(), "h");
  EXPECT_EQ(seen.guest_hook_path(), "/hooks");
  EXPECT_TRUE(seen.sandbox_pidns());
  EXPECT_EQ(seen.dns(1), "search x");
  EXPECT_EQ(seen.storages(0).driver(), "9p");
  EXPECT_EQ(seen.storages(0).source(), "kataShared");
  EXPECT_EQ(seen.storages(0).fstype(), "9p");
  EXPECT_EQ(seen.storages(0).mount_point(), "/m");
  EXPECT_EQ(seen.storages(0).options(0), "trans=virtio");
  EXPECT_EQ(seen.storages(0).driver_options(0), "trans=virtio");
  request.flags = 2;
  EXPECT_EQ(agent_->CreateSandbox(nullptr, request).code(), StatusCode::kInvalidArgument);
}

TEST_F(AgentTest, CreateContainer) {
  grpc::CreateContainerRequest seen;
  guest_->Answer("AgentService/CreateContainer", &seen, nothing_);
  shoji_agent_device device{};
  device.struct_size = sizeof device;
  device.id = sdk::ToStr("d");
  device.type = sdk::ToStr("blk");
  device.vm_path = sdk::ToStr("/dev/vda");
  device.container_path = sdk::ToStr("/dev/x");
  const shoji_agent_device* devices[] = {&device};
  shoji_container_request request{};
  request.struct_size = sizeof request;
  request.container_id = request.exec_id = sdk::ToStr("c1");
  request.spec_json = sdk::ToStr(
      R"({"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"r"}})");
  request.devices = devices;
  request.device_count = 1;
  ASSERT_TRUE(agent_->CreateContainer(nullptr, request).ok());
  EXPECT_EQ(seen.container_id(), "c1");
  EXPECT_EQ(seen.exec_id(), "c1");
  EXPECT_EQ(seen.oci().process().args(0), "sh");
  EXPECT_EQ(seen.devices(0).vm_path(), "/dev/vda");
  EXPECT_EQ(seen.devices(0).container_path(), "/dev/x");
  EXPECT_FALSE(seen.sandbox_pidns());
  request.spec_json = sdk::ToStr("{}");
  EXPECT_EQ(agent_->CreateContainer(nullptr, request).code(), StatusCode::kInvalidArgument);
}

class SeccompTest : public AgentTest {
 protected:
  Status Create() {
    guest_->Answer("AgentService/CreateContainer", &seen_, nothing_);
    shoji_container_request request{};
    request.struct_size = sizeof request;
    request.container_id = request.exec_id = sdk::ToStr("c1");
    request.spec_json = sdk::ToStr(
        R"({"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"r"},)"
        R"("linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}})");
    return agent_->CreateContainer(nullptr, request);
  }
  void AnswerDetails(bool supports_seccomp) {
    guest_->On("AgentService/GetGuestDetails",
               [this, supports_seccomp](const std::string&, std::string* reply) {
                 ++asked_;
                 grpc::GuestDetailsResponse details;
                 details.mutable_agent_details()->set_supports_seccomp(supports_seccomp);
                 *reply = details.SerializeAsString();
                 return grpc::Status::OK;
               });
  }

  grpc::CreateContainerRequest seen_;
  std::atomic<int> asked_ = 0;
};

TEST_F(SeccompTest, IsSentToAnAgentThatFilters) {
  AnswerDetails(true);
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(seen_.oci().linux().seccomp().defaultaction(), "SCMP_ACT_ALLOW");
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(asked_, 1);
}

TEST_F(SeccompTest, IsKeptFromAnAgentThatDoesNot) {
  AnswerDetails(false);
  ASSERT_TRUE(Create().ok());
  EXPECT_FALSE(seen_.oci().linux().has_seccomp());
}

TEST_F(SeccompTest, AnAgentThatCannotBeAskedDoesNotFilter) {
  guest_->Refuse("AgentService/GetGuestDetails", grpc::StatusCode::UNIMPLEMENTED, "no");
  ASSERT_TRUE(Create().ok());
  EXPECT_FALSE(seen_.oci().linux().has_seccomp());
}

TEST_F(SeccompTest, AFailedQuestionIsNoAnswer) {
  guest_->Refuse("AgentService/GetGuestDetails", grpc::StatusCode::INTERNAL, "broken");
  EXPECT_EQ(Create().code(), StatusCode::kInternal);
  AnswerDetails(true);
  ASSERT_TRUE(Create().ok());
  EXPECT_TRUE(seen_.oci().linux().has_seccomp());
}

TEST_F(AgentTest, ProcessCalls) {
  grpc::SignalProcessRequest signal;
  guest_->Answer("AgentService/SignalProcess", &signal, nothing_);
  EXPECT_TRUE(agent_->SignalProcess(nullptr, {"c1", ""}, 15).ok());
  EXPECT_EQ(signal.container_id(), "c1");
  EXPECT_EQ(signal.exec_id(), "");
  EXPECT_EQ(signal.signal(), 15U);
  grpc::WaitProcessRequest wait;
  grpc::WaitProcessResponse ended;
  ended.set_status(137);
  guest_->Answer("AgentService/WaitProcess", &wait, ended);
  EXPECT_EQ(*agent_->WaitProcess(nullptr, process_), 137);
  EXPECT_EQ(wait.exec_id(), "e1");
  grpc::TtyWinResizeRequest resize;
  guest_->Answer("AgentService/TtyWinResize", &resize, nothing_);
  EXPECT_TRUE(agent_->TtyWinResize(nullptr, process_, 25, 80).ok());
  EXPECT_EQ(resize.row(), 25U);
  EXPECT_EQ(resize.column(), 80U);
  grpc::RemoveContainerRequest remove;
  guest_->Answer("AgentService/RemoveContainer", &remove, nothing_);
  EXPECT_TRUE(agent_->RemoveContainer(nullptr, "c1", 7).ok());
  EXPECT_EQ(remove.timeout(), 7U);
  grpc::ExecProcessRequest exec;
  guest_->Answer("AgentService/ExecProcess", &exec, nothing_);
  shoji_exec_request request{};
  request.struct_size = sizeof request;
  request.container_id = sdk::ToStr("c1");
  request.exec_id = sdk::ToStr("e1");
  request.process_json = sdk::ToStr(R"({"args":["ls"],"cwd":"/"})");
  EXPECT_TRUE(agent_->ExecProcess(nullptr, request).ok());
  EXPECT_EQ(exec.process().args(0), "ls");
  EXPECT_EQ(exec.exec_id(), "e1");
}

TEST_F(AgentTest, GuestCalls) {
  grpc::ReseedRandomDevRequest reseed;
  guest_->Answer("AgentService/ReseedRandomDev", &reseed, nothing_);
  EXPECT_TRUE(agent_->ReseedRandom(nullptr, std::string_view("a\0b", 3)).ok());
  EXPECT_EQ(reseed.data(), std::string("a\0b", 3));
  grpc::SetGuestDateTimeRequest time;
  guest_->Answer("AgentService/SetGuestDateTime", &time, nothing_);
  EXPECT_TRUE(agent_->SetTime(nullptr, 1'800'000'000, 999).ok());
  EXPECT_EQ(time.sec(), 1'800'000'000);
  EXPECT_EQ(time.usec(), 999);
  guest_->Answer("AgentService/DestroySandbox", &nothing_, nothing_);
  EXPECT_TRUE(agent_->DestroySandbox(nullptr).ok());
}

TEST_F(AgentTest, Stdio) {
  grpc::ReadStreamRequest read;
  grpc::ReadStreamResponse out;
  out.set_data("output");
  guest_->Answer("AgentService/ReadStdout", &read, out);
  std::string text;
  const shoji_sink sink = sdk::SinkTo(&text);
  EXPECT_TRUE(agent_->ReadStdout(nullptr, process_, 4U << 20U, &sink).ok());
  EXPECT_EQ(text, "output");
  EXPECT_EQ(read.len(), 1U << 20U);
  EXPECT_EQ(agent_->ReadStdout(nullptr, process_, 5, &sink).code(), StatusCode::kInternal)
      << "more than was asked for";
  EXPECT_EQ(agent_->ReadStdout(nullptr, process_, 0, &sink).code(), StatusCode::kInvalidArgument);
  guest_->Refuse("AgentService/ReadStderr", grpc::StatusCode::OUT_OF_RANGE, "EOF");
  EXPECT_EQ(agent_->ReadStderr(nullptr, process_, 10, &sink).code(), StatusCode::kOutOfRange);
  const shoji_sink refusing{sizeof refusing, 0, nullptr,
                            [](void*, const void*, std::uint64_t) { return SHOJI_ABORTED; }};
  EXPECT_EQ(agent_->ReadStdout(nullptr, process_, 100, &refusing).code(), StatusCode::kAborted);
  grpc::WriteStreamRequest write;
  grpc::WriteStreamResponse taken;
  taken.set_len(3);
  guest_->Answer("AgentService/WriteStdin", &write, taken);
  EXPECT_EQ(*agent_->WriteStdin(nullptr, process_, "input"), 3U);
  EXPECT_EQ(write.data(), "input");
  EXPECT_EQ(agent_->WriteStdin(nullptr, process_, "i").status().code(), StatusCode::kInternal);
  guest_->Answer("AgentService/CloseStdin", &nothing_, nothing_);
  EXPECT_TRUE(agent_->CloseStdin(nullptr, process_).ok());
}

TEST_F(AgentTest, BigMessages) {
  grpc::ReadStreamRequest read;
  grpc::ReadStreamResponse out;
  out.set_data(std::string(1U << 20U, 'x'));
  guest_->Answer("AgentService/ReadStdout", &read, out);
  std::string text;
  const shoji_sink sink = sdk::SinkTo(&text);
  for (int i = 0; i < 16; ++i) {
    ASSERT_TRUE(agent_->ReadStdout(nullptr, process_, 1U << 20U, &sink).ok());
  }
  EXPECT_EQ(text.size(), 16U << 20U);
}

TEST_F(AgentTest, CodesKeepTheirNumbersAndTexts) {
  for (int code = 1; code <= 16; ++code) {
    guest_->Refuse("AgentService/StartContainer", static_cast<grpc::StatusCode>(code), "so\nit is");
    const Status status = agent_->StartContainer(nullptr, "c1");
    EXPECT_EQ(static_cast<int>(status.code()), code);
    EXPECT_EQ(status.message(), "guest agent: StartContainer: so it is");
    EXPECT_EQ(status.detail("reason"), "");
  }
}

TEST_F(AgentTest, CommandThatCannotBeRun) {
  guest_->Refuse("AgentService/StartContainer", grpc::StatusCode::NOT_FOUND,
                 "exec: \"foo\": not found in $PATH");
  const Status missing = agent_->StartContainer(nullptr, "c1");
  EXPECT_EQ(missing.message(), "guest agent: StartContainer: exec: \"foo\": not found in $PATH");
  EXPECT_EQ(missing.detail("reason"), "command-not-found");
  guest_->Refuse("AgentService/StartContainer", grpc::StatusCode::PERMISSION_DENIED,
                 "exec: \"/etc\": is a directory");
  EXPECT_EQ(agent_->StartContainer(nullptr, "c1").detail("reason"), "command-not-executable");
}

TEST_F(AgentTest, DeadlineIsHonoured) {
  const shoji_call call = Within(milliseconds(50));
  EXPECT_EQ(agent_->WaitProcess(&call, process_).status().code(), StatusCode::kDeadlineExceeded);
  EXPECT_LT(Deadline::NowNanos() - call.deadline_ns, 1'000'000'000);
}

TEST_F(AgentTest, CancelDescriptorEndsEveryCallThatHasIt) {
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  const shoji_call call = Within(seconds(30), cancel.get());
  std::vector<std::thread> threads;
  std::atomic<int> cancelled = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (agent_->WaitProcess(&call, process_).status().code() == StatusCode::kCancelled) {
        ++cancelled;
      }
    });
  }
  guest_->AwaitBlocked(4);
  eventfd_write(cancel.get(), 1);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cancelled, 4);
  EXPECT_EQ(agent_->WaitProcess(&call, process_).status().code(), StatusCode::kCancelled)
      << "it is still readable";
}

// A read that waits for `answer`, which the guest gives when it is called off.
class CallOffTest : public AgentTest {
 protected:
  Status ReadAndCancel(const std::string& answer, std::string* text) {
    std::atomic<bool> called_off = false;
    std::atomic<bool> waiting = false;
    guest_->On("AgentService/ReadStdout", [&](const std::string& in, std::string* out) {
      grpc::ReadStreamRequest request;
      if (!request.ParseFromString(in)) return grpc::Status(grpc::StatusCode::INTERNAL, "parse");
      if (request.len() == 0) {
        called_off = true;
        called_off.notify_all();
        return grpc::Status::OK;
      }
      waiting = true;
      waiting.notify_all();
      called_off.wait(false);
      grpc::ReadStreamResponse reply;
      reply.set_data(answer);
      *out = reply.SerializeAsString();
      return grpc::Status::OK;
    });
    const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
    const shoji_call call = Within(seconds(30), cancel.get());
    const shoji_sink sink = sdk::SinkTo(text);
    Status status;
    std::thread reader([&] { status = agent_->ReadStdout(&call, process_, 100, &sink); });
    waiting.wait(false);
    eventfd_write(cancel.get(), 1);
    reader.join();
    return status;
  }
};

TEST_F(CallOffTest, GivesWhatHadArrived) {
  std::string text;
  EXPECT_TRUE(ReadAndCancel("last words", &text).ok());
  EXPECT_EQ(text, "last words");
}

TEST_F(CallOffTest, IsCancelledWhenThereWasNothing) {
  std::string text;
  EXPECT_EQ(ReadAndCancel("", &text).code(), StatusCode::kCancelled);
  EXPECT_EQ(text, "");
}

TEST_F(AgentTest, ReadOfAGuestThatCannotBeCalledOffIsCancelledAllTheSame) {
  const UniqueFd cancel(eventfd(0, EFD_CLOEXEC));
  const shoji_call call = Within(seconds(30), cancel.get());
  std::string text;
  const shoji_sink sink = sdk::SinkTo(&text);
  std::thread reader([&] {
    EXPECT_EQ(agent_->ReadStdout(&call, process_, 100, &sink).code(), StatusCode::kCancelled);
  });
  guest_->AwaitBlocked(1);  // as will be what calls it off
  eventfd_write(cancel.get(), 1);
  reader.join();
}

TEST_F(AgentTest, GuestDiesWhileACallBlocksThenAnotherOneComes) {
  std::int64_t died = 0;
  std::thread waiter([&] {
    EXPECT_EQ(agent_->WaitProcess(nullptr, process_).status().code(), StatusCode::kUnavailable);
    EXPECT_LT(Deadline::NowNanos() - died, 1'000'000'000);
  });
  guest_->AwaitBlocked(1);
  died = Deadline::NowNanos();
  guest_->Die();
  waiter.join();
  guest_.reset();
  EXPECT_EQ(agent_->StartContainer(nullptr, "c1").code(), StatusCode::kUnavailable);
  guest_ = std::make_unique<FakeAgent>();
  grpc::StartContainerRequest seen;
  guest_->Answer("AgentService/StartContainer", &seen, nothing_);
  EXPECT_TRUE(agent_->StartContainer(nullptr, "c1").ok());
  EXPECT_EQ(connects_, 2);
}

TEST_F(AgentTest, CloseCancelsWhatIsUnderWay) {
  std::thread waiter([this, agent = agent_.get()] {
    EXPECT_EQ(agent->WaitProcess(nullptr, process_).status().code(), StatusCode::kCancelled);
  });
  guest_->AwaitBlocked(1);
  agent_.reset();
  waiter.join();
}

TEST_F(AgentTest, CallsOfManyThreadsRunSideBySide) {
  grpc::WriteStreamResponse taken;
  taken.set_len(1);
  guest_->On("AgentService/WriteStdin",
             [text = taken.SerializeAsString()](const std::string&, std::string* out) {
               *out = text;
               return grpc::Status::OK;
             });
  std::thread blocked([this] {
    const shoji_call call = Within(seconds(60));
    EXPECT_EQ(agent_->WaitProcess(&call, process_).status().code(), StatusCode::kUnavailable);
  });
  guest_->AwaitBlocked(1);
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) {
        if (agent_->WriteStdin(nullptr, process_, "x").ok()) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 400);
  EXPECT_EQ(connects_, 1);
  guest_->Die();
  blocked.join();
}

}  // namespace
}  // namespace shoji::agent_kata
