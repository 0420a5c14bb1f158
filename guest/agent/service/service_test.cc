// Containers by the calls of a host, without a VM.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "testing/guest.h"

namespace shoji::agent {
namespace {

using grpc::StatusCode;
using testing::Guest;

class Service : public ::testing::Test {
 protected:
  void SetUp() override {
    const grpc::Status made = guest_.CreateSandbox();
    ASSERT_TRUE(made.ok()) << made.error_message();
  }

  grpc::Status Write(const std::string& id, const std::string& data, unsigned* length) {
    grpc::ClientContext context;
    grpc::WriteStreamRequest request;
    grpc::WriteStreamResponse reply;
    request.set_container_id(id);
    request.set_exec_id(id);
    request.set_data(data);
    const grpc::Status status = guest_.agent().WriteStdin(&context, request, &reply);
    *length = reply.len();
    return status;
  }
  grpc::Status CloseStdin(const std::string& id) {
    grpc::ClientContext context;
    grpc::CloseStdinRequest request;
    google::protobuf::Empty empty;
    request.set_container_id(id);
    request.set_exec_id(id);
    return guest_.agent().CloseStdin(&context, request, &empty);
  }
  grpc::Status Resize(const std::string& id, unsigned rows, unsigned columns) {
    grpc::ClientContext context;
    grpc::TtyWinResizeRequest request;
    google::protobuf::Empty empty;
    request.set_container_id(id);
    request.set_exec_id(id);
    request.set_row(rows);
    request.set_column(columns);
    return guest_.agent().TtyWinResize(&context, request, &empty);
  }

  Guest guest_;
};

TEST_F(Service, RunsAContainer) {
  const grpc::Status run = guest_.Run("c", {"sh", "-c", "echo out; echo err >&2; exit 7"});
  ASSERT_TRUE(run.ok()) << run.error_message();
  EXPECT_EQ(guest_.ReadAll("c", "c"), "out\n");
  EXPECT_EQ(guest_.ReadAll("c", "c", true), "err\n");
  EXPECT_EQ(guest_.Wait("c", "c"), 7);
  EXPECT_EQ(guest_.Wait("c", "c"), 7) << "the end of init may be asked for again";
  EXPECT_TRUE(guest_.Remove("c").ok());
  EXPECT_EQ(guest_.Remove("c").error_code(), StatusCode::NOT_FOUND);
}

TEST_F(Service, TellsWhatIsWrong) {
  EXPECT_EQ(guest_.CreateSandbox().error_code(), StatusCode::ALREADY_EXISTS);
  ASSERT_TRUE(guest_.Create(guest_.Request("c", {"sleep", "1000"})).ok());
  EXPECT_EQ(guest_.Create(guest_.Request("c", {"true"})).error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(guest_.Exec("c", "e", {"true"}).error_code(), StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(guest_.Start("c").ok());
  EXPECT_EQ(guest_.Start("c").error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(guest_.Start("d").error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(guest_.Wait("c", "nobody"), -1 - StatusCode::NOT_FOUND);
  EXPECT_EQ(Resize("c", 1, 1).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(guest_.Signal("c", "", 999).error_code(), StatusCode::INVALID_ARGUMENT);

  auto pid = guest_.Request("p", {"true"});
  pid.mutable_oci()->mutable_linux()->add_namespaces()->set_type("pid");
  EXPECT_EQ(guest_.Create(pid).error_code(), StatusCode::FAILED_PRECONDITION);
  auto storage = guest_.Request("s", {"true"});
  storage.add_storages()->set_driver("floppy");
  EXPECT_EQ(guest_.Create(storage).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(guest_.Create(guest_.Request("../x", {"true"})).error_code(),
            StatusCode::INVALID_ARGUMENT);
}

TEST_F(Service, ACommandThatDoesNotExistFailsTheStart) {
  ASSERT_TRUE(guest_.Create(guest_.Request("c", {"/no/such"})).ok());
  EXPECT_EQ(guest_.Start("c").error_code(), StatusCode::NOT_FOUND);
  EXPECT_TRUE(guest_.Remove("c").ok());
}

TEST_F(Service, LosesNoOutputOfAProcessThatEndsAtOnce) {
  const std::string script = "dd if=/dev/zero bs=1000 count=900 2>/dev/null; exit 3";
  ASSERT_TRUE(guest_.Run("c", {"sh", "-c", script}).ok());
  EXPECT_EQ(guest_.Wait("c", "c"), 3);
  EXPECT_EQ(guest_.ReadAll("c", "c").size(), 900000U);
}

// The count that goes before the bytes takes more of them at each of these.
TEST_F(Service, OutputOfEveryLengthIsWhole) {
  for (const std::size_t length : {1U, 127U, 128U, 16383U, 16384U, 65536U, 1048576U}) {
    const std::string id = "c" + std::to_string(length);
    // Written before it is read, so that one read may take it all.
    const std::string script =
        "yes 0123456789abcde | head -c " + std::to_string(length) + " | dd bs=1M 2>/dev/null";
    ASSERT_TRUE(guest_.Run(id, {"sh", "-c", script}).ok());
    EXPECT_EQ(guest_.Wait(id, id), 0);
    const std::string all = guest_.ReadAll(id, id);
    ASSERT_EQ(all.size(), length);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i], "0123456789abcde\n"[i % 16]) << length << " at " << i;
    }
    EXPECT_TRUE(guest_.Remove(id).ok());
  }
}

TEST_F(Service, ExecIsToldOnceAndReadToItsEnd) {
  ASSERT_TRUE(guest_.Run("c", {"sleep", "1000"}).ok());
  for (int round = 0; round < 20; ++round) {
    const grpc::Status made = guest_.Exec("c", "e", {"sh", "-c", "echo hello; exit 5"});
    ASSERT_TRUE(made.ok()) << round << made.error_message();
    EXPECT_EQ(guest_.Wait("c", "e"), 5);
    EXPECT_EQ(guest_.Wait("c", "e"), -1 - StatusCode::NOT_FOUND);
    EXPECT_EQ(guest_.ReadAll("c", "e"), "hello\n");
  }
  ASSERT_TRUE(guest_.Exec("c", "f", {"sleep", "1000"}).ok());
  EXPECT_EQ(guest_.Exec("c", "f", {"true"}).error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(guest_.Exec("c", "c", {"true"}).error_code(), StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(guest_.Exec("c", "g", {"/no/such"}).error_code(), StatusCode::NOT_FOUND);
}

TEST_F(Service, SeveralWaitersHearTheEnd) {
  ASSERT_TRUE(guest_.Run("c", {"cat"}).ok());
  std::atomic<int> heard = 0;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.emplace_back([&] { heard += guest_.Wait("c", "c") == 0 ? 1 : 0; });
  }
  EXPECT_TRUE(CloseStdin("c").ok());
  for (std::thread& waiter : waiters) waiter.join();
  EXPECT_EQ(heard, 4);
}

TEST_F(Service, StdinWaitsForRoomAndEnds) {
  ASSERT_TRUE(guest_.Run("c", {"cat"}).ok());
  const std::string data(3U << 20U, 'x');
  std::string echoed;
  std::thread reader([&] { echoed = guest_.ReadAll("c", "c"); });
  unsigned length = 0;
  EXPECT_TRUE(Write("c", data, &length).ok());
  EXPECT_EQ(length, data.size());
  EXPECT_TRUE(CloseStdin("c").ok());
  reader.join();
  EXPECT_EQ(echoed, data);
  EXPECT_TRUE(Write("c", "late", &length).ok());
  EXPECT_EQ(length, 0U);
  EXPECT_EQ(guest_.Wait("c", "c"), 0);
}

TEST_F(Service, Signals) {
  ASSERT_TRUE(guest_.Run("plain", {"sleep", "1000"}).ok());
  EXPECT_TRUE(guest_.Signal("plain", "plain", SIGTERM).ok());
  EXPECT_EQ(guest_.Wait("plain", "plain"), 128 + SIGKILL) << "init handles no SIGTERM";
  EXPECT_TRUE(guest_.Signal("plain", "plain", SIGTERM).ok()) << "dropped";
  EXPECT_TRUE(guest_.Signal("plain", "", SIGKILL).ok()) << "dropped";

  // A shell looks at its traps between commands: one that never ended could miss a signal
  // that came just before it.
  const std::string script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
  ASSERT_TRUE(guest_.Run("trap", {"sh", "-c", script}).ok());
  grpc::ClientContext context;
  grpc::ReadStreamRequest request;
  grpc::ReadStreamResponse reply;
  request.set_container_id("trap");
  request.set_exec_id("trap");
  request.set_len(100);
  ASSERT_TRUE(guest_.agent().ReadStdout(&context, request, &reply).ok());
  EXPECT_TRUE(guest_.Signal("trap", "", SIGTERM).ok());
  EXPECT_EQ(guest_.Wait("trap", "trap"), 9);
}

TEST_F(Service, ReadOfNothingSendsTheWaitingReadersHome) {
  ASSERT_TRUE(guest_.Run("c", {"sh", "-c", "read line; echo $line"}).ok());
  grpc::ReadStreamRequest request;
  request.set_container_id("c");
  request.set_exec_id("c");
  std::atomic<bool> home = false;
  std::thread reader([&] {
    grpc::ClientContext context;
    grpc::ReadStreamRequest waits = request;
    grpc::ReadStreamResponse reply;
    waits.set_len(10);
    EXPECT_TRUE(guest_.agent().ReadStdout(&context, waits, &reply).ok());
    EXPECT_EQ(reply.data(), "");
    home = true;
  });
  while (!home) {  // it may not wait yet
    grpc::ClientContext context;
    grpc::ReadStreamResponse reply;
    EXPECT_TRUE(guest_.agent().ReadStdout(&context, request, &reply).ok());
    EXPECT_EQ(reply.data(), "");
  }
  reader.join();
  unsigned length = 0;
  EXPECT_TRUE(Write("c", "all of it\n", &length).ok());
  EXPECT_EQ(guest_.ReadAll("c", "c"), "all of it\n");
}

TEST_F(Service, Terminal) {
  auto request = guest_.Request("t", {"sh", "-c", "tty >/dev/null && cat"});
  request.mutable_oci()->mutable_process()->set_terminal(true);
  for (const auto& [type, where] : {std::pair("tmpfs", "/dev"), std::pair("devpts", "/dev/pts")}) {
    grpc::Mount* mount = request.mutable_oci()->add_mounts();
    mount->set_destination(where);
    mount->set_type(type);
    mount->set_source(type);
  }
  const grpc::Status created = guest_.Create(request);
  ASSERT_TRUE(created.ok()) << created.error_message();
  EXPECT_TRUE(Resize("t", 33, 111).ok());
  ASSERT_TRUE(guest_.Start("t").ok());
  unsigned length = 0;
  EXPECT_TRUE(Write("t", "hi\n", &length).ok());
  EXPECT_TRUE(CloseStdin("t").ok());
  EXPECT_EQ(guest_.ReadAll("t", "t"), "hi\r\nhi\r\n");
  EXPECT_EQ(guest_.Wait("t", "t"), 0);
}

TEST_F(Service, RemoveEndsARunningContainerAndWhoWaits) {
  ASSERT_TRUE(guest_.Run("c", {"sleep", "1000"}).ok());
  ASSERT_TRUE(guest_.Exec("c", "e", {"sleep", "1000"}).ok());
  std::thread reader([&] {
    grpc::ClientContext context;
    grpc::ReadStreamRequest request;
    grpc::ReadStreamResponse reply;
    request.set_container_id("c");
    request.set_exec_id("e");
    request.set_len(10);
    // The latter when the removal is faster than the call.
    EXPECT_THAT(guest_.agent().ReadStdout(&context, request, &reply).error_code(),
                ::testing::AnyOf(StatusCode::OUT_OF_RANGE, StatusCode::NOT_FOUND));
  });
  EXPECT_TRUE(guest_.Remove("c", 10).ok());
  reader.join();
  ASSERT_TRUE(guest_.Run("c", {"true"}).ok()) << "the id is free again";
}

TEST_F(Service, DestroyAndCreateAgain) {
  ASSERT_TRUE(guest_.Run("c", {"sleep", "1000"}).ok());
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    google::protobuf::Empty empty;
    const grpc::Status status = guest_.agent().DestroySandbox(&context, {}, &empty);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_TRUE(guest_.CreateSandbox().ok());
}

TEST_F(Service, StoragesAreSharedAndGoWithTheLastUser) {
  auto first = guest_.Request("a", {"sleep", "1000"});
  grpc::Storage* storage = first.add_storages();
  storage->set_driver("ephemeral");
  storage->set_source("tmpfs");
  storage->set_fstype("tmpfs");
  storage->set_mount_point("/run/kata-containers/sandbox/ephemeral/x");
  grpc::Mount* mount = first.mutable_oci()->add_mounts();
  mount->set_destination("/tmp");
  mount->set_type("bind");
  mount->set_source(storage->mount_point());
  mount->add_options("rbind");
  auto second = first;
  second.set_container_id("b");
  second.set_exec_id("b");
  second.mutable_oci()->mutable_process()->set_args(1, "1000");
  ASSERT_TRUE(guest_.Create(first).ok());
  ASSERT_TRUE(guest_.Start("a").ok());
  ASSERT_TRUE(guest_.Create(second).ok());
  ASSERT_TRUE(guest_.Start("b").ok());
  ASSERT_TRUE(guest_.Exec("a", "w", {"sh", "-c", "echo shared > /tmp/f"}).ok());
  EXPECT_EQ(guest_.Wait("a", "w"), 0);
  EXPECT_TRUE(guest_.Remove("a").ok());
  ASSERT_TRUE(guest_.Exec("b", "r", {"cat", "/tmp/f"}).ok());
  EXPECT_EQ(guest_.ReadAll("b", "r"), "shared\n");
  EXPECT_TRUE(guest_.Remove("b").ok());
}

// An engine may learn only from its second container that processes are shared.
TEST_F(Service, SharedProcessNamespaceIsMadeForTheFirstWhoAsks) {
  auto first = guest_.Request("c", {"sleep", "1000"});
  first.set_sandbox_pidns(true);
  auto second = guest_.Request("d", {"sleep", "1000"});
  second.set_sandbox_pidns(true);
  ASSERT_TRUE(guest_.Create(first).ok());
  ASSERT_TRUE(guest_.Start("c").ok());
  const auto pid_namespace = [this](const std::string& id) {
    EXPECT_TRUE(guest_.Exec(id, "ns", {"busybox", "readlink", "/proc/self/ns/pid"}).ok());
    const std::string text = guest_.ReadAll(id, "ns");
    EXPECT_EQ(guest_.Wait(id, "ns"), 0);
    return text;
  };
  ASSERT_TRUE(guest_.Create(second).ok());
  ASSERT_TRUE(guest_.Start("d").ok());
  const std::string shared = pid_namespace("c");
  EXPECT_THAT(shared, ::testing::StartsWith("pid:["));
  EXPECT_EQ(pid_namespace("d"), shared);
}

TEST_F(Service, ListsProcesses) {
  ASSERT_TRUE(guest_.Run("c", {"sleep", "1000"}).ok());
  const auto list = [this](const std::string& format) {
    grpc::ClientContext context;
    grpc::ListProcessesRequest request;
    grpc::ListProcessesResponse reply;
    request.set_container_id("c");
    request.set_format(format);
    const grpc::Status status = guest_.agent().ListProcesses(&context, request, &reply);
    return status.ok() ? reply.process_list() : "error " + std::to_string(status.error_code());
  };
  EXPECT_THAT(list("json"), ::testing::MatchesRegex("\\[[0-9]+\\]"));
  EXPECT_THAT(list("table"), ::testing::HasSubstr("sleep 1000\n"));
  EXPECT_EQ(list("xml"), "error 3");
}

TEST_F(Service, CopiesFilesInPieces) {
  const auto copy = [this](const std::string& path, std::int64_t offset, const std::string& data) {
    grpc::ClientContext context;
    grpc::CopyFileRequest request;
    google::protobuf::Empty empty;
    request.set_path(path);
    request.set_file_size(6);
    request.set_file_mode(0640);
    request.set_dir_mode(0755);
    request.set_offset(offset);
    request.set_data(data);
    return guest_.agent().CopyFile(&context, request, &empty).error_code();
  };
  const std::string path = "/run/kata-containers/shared/containers/d/file";
  EXPECT_EQ(copy(path, 0, "abc"), StatusCode::OK);
  EXPECT_EQ(copy(path, 3, "def"), StatusCode::OK);
  EXPECT_EQ(copy("/etc/x", 0, "abcdef"), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(copy("/run/../etc/x", 0, "abcdef"), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(copy(path, 5, "abc"), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(copy(path, -1, "abc"), StatusCode::INVALID_ARGUMENT);

  auto request = guest_.Request("c", {"cat", "/tmp/file"});
  grpc::Mount* mount = request.mutable_oci()->add_mounts();
  mount->set_destination("/tmp");
  mount->set_type("bind");
  mount->set_source("/run/kata-containers/shared/containers/d");
  mount->add_options("rbind");
  ASSERT_TRUE(guest_.Create(request).ok());
  ASSERT_TRUE(guest_.Start("c").ok());
  EXPECT_EQ(guest_.ReadAll("c", "c"), "abcdef");
}

TEST_F(Service, StatsOfAContainer) {
  ASSERT_TRUE(guest_.Run("c", {"sleep", "1000"}).ok());
  grpc::ClientContext context;
  grpc::StatsContainerRequest request;
  grpc::StatsContainerResponse reply;
  request.set_container_id("c");
  const grpc::Status status = guest_.agent().StatsContainer(&context, request, &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_GE(reply.network_stats_size(), 1);
  EXPECT_EQ(reply.network_stats(0).name(), "lo");
}

TEST_F(Service, GuestDetails) {
  grpc::ClientContext context;
  grpc::GuestDetailsResponse reply;
  ASSERT_TRUE(guest_.agent().GetGuestDetails(&context, {}, &reply).ok());
  EXPECT_THAT(reply.agent_details().storage_handlers(), ::testing::Contains("9p"));
  EXPECT_TRUE(reply.agent_details().init_daemon());
}

}  // namespace
}  // namespace shoji::agent
