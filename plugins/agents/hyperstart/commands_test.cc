#include "commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoji/sdk/plugin.h"

namespace shoji::agent_hyperstart {
namespace {

using ::testing::HasSubstr;

std::string Spec(const std::string& mounts, const std::string& root = "/c/rootfs") {
  return R"({"root":{"path":"/run/kata-containers/shared/containers)" + root +
         R"("},"process":{"args":["sh","-c","a b"],"env":["A=b=c","bad"],"cwd":"/w",)"
         R"("terminal":true,"user":{"uid":7,"gid":8,"additionalGids":[1,2]}},"mounts":[)" +
         mounts + "]}";
}

TEST(CommandsTest, NewContainer) {
  const auto json =
      NewContainerJson("c", Spec(R"({"destination":"/proc","type":"proc","source":"proc"},)"
                                 R"({"destination":"/dev/shm","type":"bind",)"
                                 R"("source":"/run/kata-containers/sandbox/shm"},)"
                                 R"({"destination":"/data","type":"bind","options":["rbind","ro"],)"
                                 R"("source":"/run/kata-containers/shared/containers/c-0-data"})"));
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ(*json, R"({"id":"c","image":"c","rootfs":"rootfs","fsmap":[{"source":"c-0-data",)"
                   R"("path":"/data","readOnly":true,"dockerVolume":false}],"process":{"id":"c",)"
                   R"("user":"7","group":"8","additionalGroups":["1","2"],"terminal":true,)"
                   R"("args":["sh","-c","a b"],"envs":[{"env":"A","value":"b=c"}],"workdir":"/w"},)"
                   R"("restartPolicy":"never","initialize":false})");
}

TEST(CommandsTest, WhatItCannotMountIsNamed) {
  for (const char* mount :
       {R"({"destination":"/t","type":"tmpfs","source":"tmpfs"})",
        R"({"destination":"/t","type":"bind","source":"/host"})",
        R"({"destination":"/t","type":"bind","source":"/run/kata-containers/shared/other"})"}) {
    const auto json = NewContainerJson("c", Spec(mount));
    EXPECT_EQ(json.status().code(), StatusCode::kUnimplemented) << mount;
    EXPECT_THAT(json.status().message(), HasSubstr("on /t"));
  }
  EXPECT_EQ(NewContainerJson("c", Spec("", "")).status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(NewContainerJson("c", Spec("", "/rootfs")).status().code(), StatusCode::kUnimplemented);
}

TEST(CommandsTest, SpecificationsThatAreNone) {
  for (const char* text : {"", "{", "[]", "7", "{}", R"({"root":{}})", R"({"root":{"path":7}})"}) {
    EXPECT_EQ(NewContainerJson("c", text).status().code(), StatusCode::kInvalidArgument) << text;
  }
  for (const char* text : {"", "null", "{}", R"({"args":"ls"})", R"({"args":["ls"],"cwd":1})",
                           R"({"args":["ls"],"user":{"uid":"root"}})"}) {
    EXPECT_EQ(ExecJson("c", "e", text).status().code(), StatusCode::kInvalidArgument) << text;
  }
}

TEST(CommandsTest, StartSandbox) {
  const auto storage = [](const char* source, const char* target) {
    shoji_storage out{};
    out.struct_size = sizeof out;
    out.source = sdk::ToStr(source);
    out.mount_point = sdk::ToStr(target);
    return out;
  };
  const shoji_storage share =
      storage("/shares/kataShared", "/run/kata-containers/shared/containers");
  const shoji_storage shm = storage("shm", "/run/kata-containers/sandbox/shm");
  const shoji_storage other = storage("disk", "/mnt");
  const shoji_storage* storages[] = {&share, &shm, &other};
  const shoji_str dns[] = {sdk::ToStr("nameserver 1.1.1.1")};
  shoji_sandbox_request request{};
  request.struct_size = sizeof request;
  request.hostname = sdk::ToStr("pod");
  request.dns = dns;
  request.dns_count = 1;
  request.storages = storages;
  request.storage_count = 2;
  EXPECT_EQ(*StartSandboxJson(request),
            R"({"hostname":"pod","dns":["nameserver 1.1.1.1"],"containers":[],)"
            R"("shareDir":"kataShared"})");
  request.storage_count = 3;
  EXPECT_THAT(StartSandboxJson(request).status().message(), HasSubstr("\"disk\" on /mnt"));
  request.storage_count = 0;
  request.flags = SHOJI_SANDBOX_SHARED_PIDNS;
  EXPECT_EQ(StartSandboxJson(request).status().code(), StatusCode::kUnimplemented);
  request.flags = 0;
  request.guest_hook_path = sdk::ToStr("/hooks");
  EXPECT_EQ(StartSandboxJson(request).status().code(), StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace shoji::agent_hyperstart
