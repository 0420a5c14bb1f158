#include "shim.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shoji::katashimbuiltin {
namespace {

shoji_shim_params Params() {
  shoji_shim_params params{};
  params.struct_size = sizeof params;
  params.sandbox_id = sdk::ToStr("s1");
  params.container_id = sdk::ToStr("c1");
  params.exec_id = sdk::ToStr("c1");
  return params;
}

Result<std::int32_t> Start(const shoji_shim_params& params) {
  return KataShimBuiltin::Start(sdk::Host(nullptr), nullptr, nullptr, params);
}

TEST(KataShimBuiltin, StartsNothing) {
  shoji_shim_params params = Params();
  params.flags = SHOJI_SHIM_TERMINAL | SHOJI_SHIM_DETACH;
  const Result<std::int32_t> pid = Start(params);
  ASSERT_TRUE(pid.ok()) << pid.status().message();
  EXPECT_EQ(*pid, SHOJI_SHIM_BUILT_IN);
  EXPECT_TRUE(KataShimBuiltin::Stop(sdk::Host(nullptr), nullptr, *pid).ok());
}

TEST(KataShimBuiltin, BadParameters) {
  for (shoji_str shoji_shim_params::*field :
       {&shoji_shim_params::sandbox_id, &shoji_shim_params::container_id,
        &shoji_shim_params::exec_id}) {
    shoji_shim_params params = Params();
    params.*field = {nullptr, 0};
    EXPECT_EQ(Start(params).status().code(), StatusCode::kInvalidArgument);
  }
  shoji_shim_params params = Params();
  params.flags = 4;
  EXPECT_EQ(Start(params).status().code(), StatusCode::kInvalidArgument);
}

TEST(KataShimBuiltin, WhatIsGoneIsStopped) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  EXPECT_TRUE(KataShimBuiltin::Stop(sdk::Host(nullptr), nullptr, pid).ok());
  EXPECT_EQ(KataShimBuiltin::Stop(sdk::Host(nullptr), nullptr, 0).code(),
            StatusCode::kInvalidArgument);
}

TEST(KataShimBuiltin, StopsNoForeignProcess) {
  EXPECT_EQ(KataShimBuiltin::Stop(sdk::Host(nullptr), nullptr, 1).code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::katashimbuiltin
