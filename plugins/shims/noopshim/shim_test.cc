#include "shim.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shoji::noopshim {
namespace {

Status Stop(std::int32_t pid) { return NoopShim::Stop(sdk::Host(nullptr), nullptr, pid); }

TEST(NoopShim, IsProcessZero) {
  shoji_shim_params params{};
  params.struct_size = sizeof params;
  params.container_id = sdk::ToStr("c1");
  const auto pid = NoopShim::Start(sdk::Host(nullptr), nullptr, nullptr, params);
  ASSERT_TRUE(pid.ok()) << pid.status().message();
  EXPECT_EQ(*pid, 0);
  EXPECT_TRUE(Stop(*pid).ok());
  params.container_id = {nullptr, 0};
  EXPECT_EQ(NoopShim::Start(sdk::Host(nullptr), nullptr, nullptr, params).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(NoopShim, StopsNoForeignProcess) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_TRUE(Stop(pid).ok());
  EXPECT_TRUE(Stop(SHOJI_SHIM_BUILT_IN).ok());
  EXPECT_EQ(Stop(getpid()).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Stop(-7).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::noopshim
