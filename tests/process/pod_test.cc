// The whole stack in one process, on hypervisor "process": a pod of two containers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "shoji/runtime.h"

namespace shoji {
namespace {

class PodTest : public ::testing::Test {
 protected:
  PodTest() {
    char name[] = "/tmp/process-pod-test-XXXXXX";
    root_ = mkdtemp(name);
    RuntimeOptions options;
    options.config_files = {};
    options.use_environment = false;
    options.overrides = {{"root", root_},
                         {"plugins.path", SHOJI_TEST_PLUGINS},
                         {"sandbox.hypervisor", "process"},
                         {"hypervisor.process.allow_insecure", "true"},
                         {"hypervisor.process.agent", SHOJI_TEST_AGENT},
                         {"guest.kernel", "/none"},
                         {"guest.initrd", "/none"}};
    options.log_sink = [](LogLevel, const std::string&) {};
    auto runtime = Runtime::Create(std::move(options));
    EXPECT_TRUE(runtime.ok()) << runtime.status().message();
    if (runtime.ok()) runtime_ = std::move(*runtime);
  }
  ~PodTest() override {
    runtime_.reset();
    std::filesystem::remove_all(root_);
  }

  static ContainerConfig Container(const std::string& id, const std::string& script) {
    ContainerConfig config;
    config.id = id;
    config.rootfs = {SHOJI_TEST_ROOTFS, "", false, true};
    config.cmd.args = {"sh", "-c", script};
    config.cmd.envs = {"PATH=/bin:/usr/bin:/sbin:/usr/sbin"};
    return config;
  }
  static std::string Output(Sandbox& sandbox, const std::string& container,
                            const std::string& process) {
    auto io = sandbox.IOStream(container, process);
    EXPECT_TRUE(io.ok()) << io.status().message();
    std::string out;
    char buffer[4096];
    while (io.ok()) {
      const auto n = (*io)->ReadStdout(buffer, sizeof buffer);
      if (!n.ok() || *n == 0) break;
      out.append(buffer, *n);
    }
    return out;
  }

  const std::string id_ = "pod" + std::to_string(getpid());
  std::string root_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(PodTest, TwoContainersShareThePod) {
  SandboxConfig config;
  config.id = id_;
  config.hostname = "shared";
  config.containers = {Container(id_ + "a", "sleep 1000"),
                       Container(id_ + "b", "hostname; cat /proc/net/dev | grep -c :")};
  auto sandbox = runtime_->RunSandbox(config);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status().message();
  const std::string b = id_ + "b";
  EXPECT_EQ(Output(**sandbox, b, b), "shared\n1\n");
  const auto status = (*sandbox)->WaitProcess(b, b);
  ASSERT_TRUE(status.ok()) << status.status().message();
  EXPECT_EQ(*status, 0);
  const std::string a = id_ + "a";
  Cmd see;
  see.args = {"sh", "-c", "hostname; readlink /proc/self/ns/net"};
  see.envs = {"PATH=/bin:/usr/bin"};
  const auto exec = (*sandbox)->EnterContainer(a, see);
  ASSERT_TRUE(exec.ok()) << exec.status().message();
  char own[64] = {};
  ASSERT_GT(readlink("/proc/self/ns/net", own, sizeof own - 1), 0);
  const std::string seen = Output(**sandbox, a, *exec);
  EXPECT_TRUE(seen.starts_with("shared\nnet:[")) << seen;
  EXPECT_EQ(seen.find(own), std::string::npos) << "the host's network: " << seen;
  EXPECT_TRUE((*sandbox)->StopContainer(a, true).ok());
  const auto gone = (*sandbox)->Delete();
  EXPECT_TRUE(gone.ok()) << gone.message();
}

// One after the other: what is made for a container later appears in the running agent.
TEST_F(PodTest, ContainersComeLater) {
  SandboxConfig config;
  config.id = id_;
  auto sandbox = runtime_->RunSandbox(config);
  ASSERT_TRUE(sandbox.ok()) << sandbox.status().message();
  for (const char* name : {"x", "y", "z"}) {
    const std::string id = id_ + name;
    const auto made = (*sandbox)->CreateContainer(Container(id, std::string("echo ") + name));
    ASSERT_TRUE(made.ok()) << made.status().message();
    const auto started = (*sandbox)->StartContainer(id);
    ASSERT_TRUE(started.ok()) << started.message();
    EXPECT_EQ(Output(**sandbox, id, id), std::string(name) + "\n");
    EXPECT_TRUE((*sandbox)->WaitProcess(id, id).ok());
    EXPECT_TRUE((*sandbox)->StopContainer(id, true).ok());
    const auto gone = (*sandbox)->DeleteContainer(id);
    EXPECT_TRUE(gone.ok()) << gone.message();
  }
  const auto gone = (*sandbox)->Delete();
  EXPECT_TRUE(gone.ok()) << gone.message();
}

}  // namespace
}  // namespace shoji
