// QmpClient against a real QEMU that runs no machine.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoji/base/socket.h"
#include "shoji/qmp/client.h"
#include "shoji/spawn/spawn.h"

namespace shoji {
namespace {

using std::chrono::seconds;

class QmpQemuTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = SocketPair();
    ASSERT_TRUE(pair.ok());
    SpawnOptions options;
    options.argv = {"qemu-system-x86_64",
                    "-nodefaults",
                    "-no-user-config",
                    "-display",
                    "none",
                    "-machine",
                    "none",
                    "-chardev",
                    "socket,id=qmp,fd=3",
                    "-mon",
                    "chardev=qmp,mode=control"};
    options.fds = {{pair->second.get(), 3}};
    auto child = Spawn(options);
    ASSERT_TRUE(child.ok()) << child.status().message();
    child_ = std::move(*child);
    pair->second.reset();
    auto client = QmpClient::Open(std::move(pair->first), Limit());
    ASSERT_TRUE(client.ok()) << client.status().message();
    client_ = std::move(*client);
  }
  void TearDown() override {
    if (child_.pid() > 0) (void)child_.Kill().ok();
  }
  static QmpLimit Limit() { return {Deadline::After(seconds(60))}; }

  Child child_;
  std::unique_ptr<QmpClient> client_;
};

TEST_F(QmpQemuTest, AnswersRefusesAndQuits) {
  EXPECT_GE(client_->version().major, 7);
  EXPECT_THAT(client_->Execute("query-status", "", Limit()).value(), testing::HasSubstr("running"));
  const Status unknown = client_->Execute("no-such-command", "", Limit()).status();
  EXPECT_EQ(unknown.code(), StatusCode::kUnimplemented);
  const Status wrong = client_->Execute("device_del", "{\"id\":\"nope\"}", Limit()).status();
  EXPECT_EQ(wrong.code(), StatusCode::kNotFound) << wrong.message();
  EXPECT_TRUE(client_->Execute("quit", "", Limit()).ok());
  EXPECT_TRUE(client_->WaitEvent("SHUTDOWN", Limit()).ok());
  EXPECT_EQ(child_.Wait(Limit().deadline)->code, 0);
}

TEST_F(QmpQemuTest, TakesDescriptors) {
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(client_->SendFd("spare", null.get(), Limit()).ok());
  EXPECT_TRUE(client_->Execute("closefd", "{\"fdname\":\"spare\"}", Limit()).ok());
  EXPECT_FALSE(client_->Execute("closefd", "{\"fdname\":\"spare\"}", Limit()).ok());
}

TEST_F(QmpQemuTest, KilledQemuIsUnavailable) {
  ASSERT_TRUE(child_.Kill().ok());
  const Status status = client_->Execute("query-status", "", Limit()).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.message();
}

}  // namespace
}  // namespace shoji
