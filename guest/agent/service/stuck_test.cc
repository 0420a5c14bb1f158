// Children of the jail that do not come to their end: they hold up their own caller, nobody else.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <future>
#include <string>

#include "shoji/base/file.h"
#include "shoji/base/unique_fd.h"
#include "testing/files.h"
#include "testing/guest.h"

namespace shoji::agent {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;
using testing::Guest;

constexpr milliseconds kLong{60000};
constexpr milliseconds kShort{300};

class Stuck : public ::testing::Test {
 protected:
  explicit Stuck(const testing::GuestOptions& options = {}) : guest_(options) {}

  void SetUp() override {
    ASSERT_TRUE(guest_.CreateSandbox().ok());
    ASSERT_TRUE(guest_.Run("other", {"cat"}).ok());
    before_ = Children();
    fifo_ = guest_.dir() + "/rootfs/tmp/stuck";
    ASSERT_EQ(mkfifo(fifo_.c_str(), 0666), 0);
  }

  std::size_t Children() const {
    const std::string dir = "/proc/" + std::to_string(guest_.pid());
    const auto text = ReadFile(dir + "/task/" + std::to_string(guest_.pid()) + "/children");
    return text.ok() ? static_cast<std::size_t>(std::count(text->begin(), text->end(), ' ')) : 0;
  }
  // A hook that says that it runs and never ends.
  static void Never(grpc::Hook* hook, const std::string& shell, const std::string& fifo) {
    hook->set_path(shell);
    for (const std::string& arg : {std::string("sh"), std::string("-c"),
                                   "echo > " + fifo + "; " + "while :; do sleep 1000; done"})
      hook->add_args(arg);
    hook->add_env("PATH=/bin");
  }
  // Returns when the hook runs.
  void AwaitHook() const {
    const UniqueFd fd(open(fifo_.c_str(), O_RDONLY | O_CLOEXEC));
    char c = 0;
    EXPECT_EQ(read(fd.get(), &c, 1), 1);
  }

  grpc::CreateContainerRequest StuckInCreation() {
    auto request = guest_.Request("stuck", {"true"});
    Never(request.mutable_oci()->mutable_hooks()->add_createcontainer(), "/bin/busybox", fifo_);
    return request;
  }
  std::future<grpc::Status> Create(const grpc::CreateContainerRequest& request,
                                   milliseconds limit) {
    return std::async(std::launch::async, [this, request, limit] {
      grpc::ClientContext context;
      google::protobuf::Empty empty;
      context.set_deadline(std::chrono::system_clock::now() + limit);
      return guest_.agent().CreateContainer(&context, request, &empty);
    });
  }
  std::future<grpc::Status> Start(const std::string& id, milliseconds limit) {
    return std::async(std::launch::async, [this, id, limit] {
      grpc::ClientContext context;
      google::protobuf::Empty empty;
      grpc::StartContainerRequest request;
      request.set_container_id(id);
      context.set_deadline(std::chrono::system_clock::now() + limit);
      return guest_.agent().StartContainer(&context, request, &empty);
    });
  }
  std::future<grpc::Status> Exec(const std::string& id, milliseconds limit) {
    return std::async(std::launch::async, [this, id, limit] {
      grpc::ClientContext context;
      google::protobuf::Empty empty;
      grpc::ExecProcessRequest request;
      request.set_container_id(id);
      request.set_exec_id("e");
      request.mutable_process()->add_args("/bin/true");
      request.mutable_process()->set_cwd("/");
      context.set_deadline(std::chrono::system_clock::now() + limit);
      return guest_.agent().ExecProcess(&context, request, &empty);
    });
  }

  void ExpectHealth() {
    grpc::ClientContext context;
    grpc::HealthCheckResponse reply;
    context.set_deadline(std::chrono::system_clock::now() + kLong);
    EXPECT_TRUE(guest_.health().Check(&context, {}, &reply).ok());
  }
  // Health answers, and another container works.
  void ExpectOthersGoOn(const std::string& exec_id) {
    ExpectHealth();
    EXPECT_TRUE(guest_.Exec("other", exec_id, {"echo", "here"}).ok());
    EXPECT_EQ(guest_.ReadAll("other", exec_id), "here\n");
    EXPECT_EQ(guest_.Wait("other", exec_id), 0);
  }
  // The killed child may be reaped a moment later; each call lets the agent do so.
  void ExpectNothingLeft() {
    for (int i = 0; i < 10000 && Children() > before_; ++i) ExpectHealth();
    EXPECT_EQ(Children(), before_);
  }

  Guest guest_;
  std::size_t before_ = 0;
  std::string fifo_;
};

TEST_F(Stuck, ACreationHoldsUpNobodyAndCanBeRemoved) {
  auto created = Create(StuckInCreation(), kLong);
  AwaitHook();
  ExpectOthersGoOn("e");
  EXPECT_EQ(guest_.Create(guest_.Request("stuck", {"true"})).error_code(),
            StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(guest_.Start("stuck").error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(guest_.Run("third", {"true"}).ok());
  EXPECT_EQ(guest_.Wait("third", "third"), 0);
  EXPECT_TRUE(guest_.Remove("stuck").ok());
  EXPECT_EQ(created.get().error_code(), StatusCode::NOT_FOUND);
  ExpectNothingLeft();
  EXPECT_TRUE(guest_.Run("stuck", {"true"}).ok()) << "the id is free again";
}

TEST_F(Stuck, ACreationEndsWithItsCallersPatience) {
  auto created = Create(StuckInCreation(), kShort);
  AwaitHook();
  EXPECT_EQ(created.get().error_code(), StatusCode::DEADLINE_EXCEEDED);
  ExpectNothingLeft();
  EXPECT_TRUE(guest_.Run("stuck", {"true"}).ok());
}

TEST_F(Stuck, ASandboxIsDestroyedWithWhatIsBeingMade) {
  auto created = Create(StuckInCreation(), kLong);
  AwaitHook();
  grpc::ClientContext context;
  google::protobuf::Empty empty;
  EXPECT_TRUE(guest_.agent().DestroySandbox(&context, {}, &empty).ok());
  EXPECT_EQ(created.get().error_code(), StatusCode::NOT_FOUND);
  before_ = 0;
  ExpectNothingLeft();
}

TEST_F(Stuck, AStartHoldsUpNobodyAndIsKilledWithItsCallersPatience) {
  auto request = guest_.Request("stuck", {"true"});
  Never(request.mutable_oci()->mutable_hooks()->add_startcontainer(), "/bin/sh", "/tmp/stuck");
  ASSERT_TRUE(guest_.Create(request).ok());
  auto started = Start("stuck", kShort);
  AwaitHook();
  ExpectOthersGoOn("e");
  EXPECT_EQ(started.get().error_code(), StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(guest_.Wait("stuck", "stuck"), 128 + SIGKILL);
  EXPECT_TRUE(guest_.Remove("stuck").ok());
  ExpectNothingLeft();
}

TEST_F(Stuck, AContainerIsRemovedWhileItIsStarted) {
  auto request = guest_.Request("stuck", {"true"});
  Never(request.mutable_oci()->mutable_hooks()->add_startcontainer(), "/bin/sh", "/tmp/stuck");
  ASSERT_TRUE(guest_.Create(request).ok());
  auto started = Start("stuck", kLong);
  AwaitHook();
  EXPECT_TRUE(guest_.Remove("stuck").ok());
  EXPECT_EQ(started.get().error_code(), StatusCode::NOT_FOUND);
  ExpectNothingLeft();
}

// In a frozen group a process does not even begin.
class StuckGroup : public Stuck {
 protected:
  StuckGroup() : Stuck({"", {}, true}) {}

  std::string Group() const {
    return "/proc/" + std::to_string(guest_.pid()) + "/root/sys/fs/cgroup/" + id_;
  }
  void Freeze(bool frozen) const {
    EXPECT_TRUE(WriteFile(Group() + "/cgroup.freeze", frozen ? "1" : "0").ok());
  }
  void TearDown() override {
    Freeze(false);
    EXPECT_TRUE(guest_.Remove(id_).ok());
    EXPECT_TRUE(guest_.Remove("other").ok());
  }
  std::string id_ = "agent-test-" + std::to_string(getpid());
};

TEST_F(StuckGroup, AProcessHoldsUpNobodyAndIsKilledWithItsCallersPatience) {
  ASSERT_TRUE(guest_.Run(id_, {"cat"}).ok());
  before_ = Children();
  Freeze(true);
  auto executed = Exec(id_, kLong);
  while (Children() == before_) ExpectOthersGoOn("begin");
  ExpectOthersGoOn("e");
  EXPECT_EQ(guest_.Wait(id_, "e"), -1 - StatusCode::NOT_FOUND) << "it does not run yet";
  EXPECT_EQ(Exec(id_, kLong).get().error_code(), StatusCode::ALREADY_EXISTS);
  Freeze(false);
  EXPECT_TRUE(executed.get().ok());
  EXPECT_EQ(guest_.Wait(id_, "e"), 0);

  Freeze(true);
  EXPECT_EQ(Exec(id_, kShort).get().error_code(), StatusCode::DEADLINE_EXCEEDED);
  ExpectNothingLeft();  // or it would go on when the group does
  Freeze(false);
  EXPECT_TRUE(guest_.Exec(id_, "e", {"true"}).ok()) << "the container goes on";
}

// A file system whose server does not answer, as a share whose host is gone.
class DeadServer {
 public:
  explicit DeadServer(const std::string& point)
      : point_(point), server_(open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
    const std::string data =
        "fd=" + std::to_string(server_.get()) + ",rootmode=40000,user_id=0,group_id=0";
    mounted_ = mkdir(point.c_str(), 0755) == 0 && server_ &&
               mount("dead", point.c_str(), "fuse", 0, data.c_str()) == 0;
  }
  ~DeadServer() {
    server_.reset();
    if (mounted_) umount2(point_.c_str(), MNT_DETACH);
  }
  DeadServer(const DeadServer&) = delete;
  DeadServer& operator=(const DeadServer&) = delete;
  bool mounted() const { return mounted_; }

 private:
  std::string point_;
  UniqueFd server_;
  bool mounted_ = false;
};

TEST(StuckFileSystem, HoldsUpNobody) {
  const testing::TempDir dir;
  const std::string point = dir.path() + "/dead";
  const DeadServer dead(point);
  if (!dead.mounted()) GTEST_SKIP() << "this machine has no FUSE";
  Guest guest;
  ASSERT_TRUE(guest.CreateSandbox().ok());
  auto request = guest.Request("stuck", {"true"});
  grpc::Mount* const mount = request.mutable_oci()->add_mounts();
  mount->set_destination("/dead");
  mount->set_type("bind");
  mount->set_source(point);
  mount->add_options("rbind");
  auto created = std::async(std::launch::async, [&] { return guest.Create(request); });
  // The call is at work when its id is taken.
  while (guest.Start("stuck").error_code() == StatusCode::NOT_FOUND) {
  }
  EXPECT_TRUE(guest.Run("other", {"true"}).ok());
  EXPECT_EQ(guest.Wait("other", "other"), 0);
  EXPECT_TRUE(guest.Remove("stuck").ok());
  EXPECT_EQ(created.get().error_code(), StatusCode::NOT_FOUND);
  EXPECT_TRUE(guest.Run("stuck", {"true"}).ok());
}

}  // namespace
}  // namespace shoji::agent
