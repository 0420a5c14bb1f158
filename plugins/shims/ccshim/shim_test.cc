// The plugin with a program of the test's own in place of cc-shim. What both plugins of processes
// share is tested with katashim.
#include "shim.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <string>

#include "shoji/base/file.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::ccshim {
namespace {

using sdk::testing::FakeHost;
using sdk::testing::FakeOptions;
using ::testing::HasSubstr;

class CcShimTest : public ::testing::Test {
 protected:
  CcShimTest() {
    char name[] = "/tmp/ccshim.XXXXXX";
    dir_ = mkdtemp(name);
    program_ = dir_ + "/cc-shim";
    params_.struct_size = sizeof params_;
    params_.sandbox_id = params_.container_id = sdk::ToStr("c1");
    params_.exec_id = sdk::ToStr("e1");
    params_.proxy_url = sdk::ToStr("unix:///run/proxy.sock");
    params_.token = sdk::ToStr("dG9rZW4_-");
    params_.flags = SHOJI_SHIM_DETACH;
  }
  ~CcShimTest() override { std::filesystem::remove_all(dir_); }

  void SetUp() override {
    const std::string see = "#!/bin/sh\n{ echo \"$@\"; echo pid $$; env; } > " + dir_ + "/out\n";
    ASSERT_TRUE(WriteFile(program_, see + "exit 7\n", 0700).ok());
  }
  Result<std::int32_t> Start() {
    const FakeOptions options({{"path", program_}, {"debug", debug_}});
    return CcShim::Start(sdk::Host(host_.raw()), options.raw(), nullptr, params_);
  }
  // What it saw, when it has ended.
  std::string Seen() {
    const auto pid = Start();
    EXPECT_TRUE(pid.ok()) << pid.status().message();
    int status = 0;
    EXPECT_EQ(waitpid(pid.ok() ? *pid : 0, &status, 0), pid.ok() ? *pid : 0);
    EXPECT_EQ(WEXITSTATUS(status), 7);
    EXPECT_TRUE(CcShim::Stop(sdk::Host(host_.raw()), nullptr, *pid).ok());
    return *ReadFile(dir_ + "/out");
  }

  FakeHost host_;
  std::string dir_;
  std::string program_;
  std::string debug_ = "false";
  shoji_shim_params params_{};
};

TEST_F(CcShimTest, StartsItWithTheFlagsOfCcShim) {
  const std::string seen = Seen();
  EXPECT_THAT(seen, HasSubstr("-c c1 -t dG9rZW4_- -u unix:///run/proxy.sock\n"));
  EXPECT_THAT(seen, HasSubstr("pid 1\n")) << "process 1 of its own namespace";
  EXPECT_THAT(seen, HasSubstr("SHOJI_SANDBOX_DIR=/fake/sandboxes/c1"));
  debug_ = "true";
  EXPECT_THAT(Seen(), HasSubstr("-u unix:///run/proxy.sock -d\n"));
}

TEST_F(CcShimTest, NeedsAToken) {
  params_.token = {};
  EXPECT_EQ(Start().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Start().status().message(), HasSubstr("agent \"hyperstart\""));
  params_.token = sdk::ToStr("not to be looked at");
  params_.struct_size = offsetof(shoji_shim_params, token);
  EXPECT_EQ(Start().status().code(), StatusCode::kFailedPrecondition);
}

TEST_F(CcShimTest, NamesWhatCannotBeUsed) {
  params_.proxy_url = sdk::ToStr("vsock://3:1024");
  EXPECT_EQ(Start().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(Start().status().message(), HasSubstr("vsock://3:1024"));
  params_.proxy_url = sdk::ToStr("unix:///run/proxy.sock");
  for (const char* path : {"", "cc-shim"}) {
    program_ = path;
    EXPECT_EQ(Start().status().code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(Start().status().message(), HasSubstr("shim.ccshim.path"));
  }
  program_ = "/nonexistent/cc-shim";
  EXPECT_EQ(Start().status().code(), StatusCode::kNotFound);
  params_.exec_id = {};
  EXPECT_EQ(Start().status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::ccshim
