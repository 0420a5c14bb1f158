#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "host/devices.h"
#include "host/log_tail.h"
#include "host/options.h"
#include "host/process_limits.h"
#include "host/world.h"
#include "shoji/base/file.h"

namespace shoji::agent {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kFds = {"--agent-fd=3", "--keeper-fd=4", "--report-fd=5"};

Result<HostOptions> Parse(const std::vector<std::string>& more) {
  std::vector<std::string> args = kFds;
  args.insert(args.end(), more.begin(), more.end());
  return ParseHostOptions(args);
}

class HostTest : public ::testing::Test {
 protected:
  HostTest() {
    char dir[] = "/tmp/agent-host-test-XXXXXX";
    dir_ = mkdtemp(dir);
  }
  ~HostTest() override { std::filesystem::remove_all(dir_); }
  std::string dir_;
};

TEST(HostOptionsTest, TakesAllOptions) {
  const auto options = Parse({"--hostname=h", "--agent-port=1024", "--log=/l", "--cgroup=/c",
                              "--share=a=/x=y", "--share-ro=b=/z", "agent.log=debug", "quiet"});
  ASSERT_TRUE(options.ok()) << options.status().message();
  EXPECT_EQ(options->agent_fd, 3);
  EXPECT_EQ(options->keeper_fd, 4);
  EXPECT_EQ(options->report_fd, 5);
  EXPECT_EQ(options->hostname, "h");
  EXPECT_EQ(options->agent_port, 1024U);
  EXPECT_EQ(options->log, "/l");
  EXPECT_EQ(options->cgroup, "/c");
  ASSERT_EQ(options->shares.size(), 2U);
  EXPECT_EQ(options->shares[0].path, "/x=y");
  EXPECT_FALSE(options->shares[0].read_only);
  EXPECT_EQ(options->shares[1].tag, "b");
  EXPECT_TRUE(options->shares[1].read_only);
  EXPECT_EQ(options->words, "agent.log=debug quiet ");
}

TEST(HostOptionsTest, RefusesNonsense) {
  EXPECT_THAT(ParseHostOptions({}).status().message(), HasSubstr("--agent-fd"));
  for (const char* arg : {"--what", "--share", "--share=a", "--share==/x", "--share=../a=/x",
                          "--share=a=x", "--log=l", "--cgroup=", "--agent-fd=0", "--agent-fd=x"}) {
    const auto options = Parse({arg});
    EXPECT_EQ(options.status().code(), StatusCode::kInvalidArgument) << arg;
    EXPECT_THAT(options.status().message(), HasSubstr(arg));
  }
}

TEST_F(HostTest, LogKeepsItsEnd) {
  const std::string path = dir_ + "/log";
  LogTail tail(path);
  const std::string line(999, 'x');
  for (int i = 0; i < 300; ++i) {
    tail.Add(line + "\n");
    ASSERT_LE(std::filesystem::file_size(path), LogTail::kMaxFile);
  }
  tail.Add("the end\n");
  const auto text = ReadFile(path);
  ASSERT_TRUE(text.ok());
  EXPECT_TRUE(text->ends_with("x\nthe end\n"));
  EXPECT_GE(text->size(), LogTail::kKept);
}

TEST_F(HostTest, ConsoleHasOneReaderAndHoldsNobodyUp) {
  LogTail tail("");
  tail.Add("before\n");
  auto console = tail.OpenConsole();
  ASSERT_TRUE(console.ok());
  tail.Add("after\n");
  char text[64] = {};
  EXPECT_EQ(recv(console->get(), text, sizeof text, 0), 13);
  EXPECT_STREQ(text, "before\nafter\n");
  EXPECT_EQ(tail.OpenConsole().status().code(), StatusCode::kAborted);
  for (int i = 0; i < 2000; ++i) tail.Add(std::string(1024, 'x'));  // nobody reads
  console->reset();
  EXPECT_TRUE(tail.OpenConsole().ok());
}

TEST(HostDevicesTest, RefusesRequestsWithoutSense) {
  HostDevices devices(getpid());
  for (const auto& fields :
       std::vector<std::vector<std::string>>{{"disk"},
                                             {"what", "id"},
                                             {"disk", "id", "/x"},
                                             {"nic", "id", "mac", "0"},
                                             {"disk", "id", "/x", "many"},
                                             {"share", "id", "..", "/tmp", "rw"}}) {
    EXPECT_EQ(devices.Serve({fields, {}}).status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(devices.Serve({{"disk", "id", "/nowhere/x", "0"}, {}}).status().code(),
            StatusCode::kNotFound);
  EXPECT_TRUE(devices.Serve({{"detach", "id"}, {}}).ok()) << "there is none";
}

TEST(HostDevicesTest, CardNeedsATapAndAnAddress) {
  HostDevices devices(getpid());
  keeper::Message request{{"nic", "n", "02:00:00:00:00:01", "1500"}, {}};
  request.fds.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC));
  const auto refused = devices.Serve(std::move(request));
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("no tap device"));
  keeper::Message other{{"nic", "n", "02:00:00:00:00", "1500"}, {}};
  other.fds.emplace_back(open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_THAT(devices.Serve(std::move(other)).status().message(), HasSubstr("hardware address"));
}

TEST(HostLimitsTest, LowersToWhatThereIs) {
  rlimit most{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &most), 0);
  grpc::Process process;
  const auto add = [&](const char* type, std::uint64_t soft, std::uint64_t hard) {
    auto* limit = process.add_rlimits();
    limit->set_type(type);
    limit->set_soft(soft);
    limit->set_hard(hard);
  };
  add("RLIMIT_NOFILE", most.rlim_max + 5, most.rlim_max + 10);
  add("RLIMIT_CORE", 0, 0);
  add("RLIMIT_WHAT", 1, UINT64_MAX);
  LowerLimits(&process);
  EXPECT_EQ(process.rlimits(0).hard(), most.rlim_max);
  EXPECT_EQ(process.rlimits(0).soft(), most.rlim_max);
  EXPECT_EQ(process.rlimits(1).hard(), 0U);
  EXPECT_EQ(process.rlimits(2).hard(), UINT64_MAX) << "to be refused later";
}

TEST_F(HostTest, CgroupThatIsGoneIsRemoved) {
  EXPECT_TRUE(RemoveCgroup(dir_ + "/none").ok());
  std::filesystem::create_directories(dir_ + "/group/a/b");
  EXPECT_TRUE(RemoveCgroup(dir_ + "/group").ok());
  EXPECT_FALSE(PathExists(dir_ + "/group"));
}

}  // namespace
}  // namespace shoji::agent
