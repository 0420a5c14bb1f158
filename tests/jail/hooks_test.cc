// The hooks of a specification: when, where, with what on stdin, and what a failure does.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "jail/test_bed.h"
#include "shoji/base/file.h"

namespace shoji::jail {
namespace {

using Json = nlohmann::json;

class HooksTest : public Bed {
 protected:
  void SetUp() override {
    Bed::SetUp();
    std::filesystem::create_directories(out());
    environment_.warn = [this](const std::string& text) { warnings_.push_back(text); };
  }
  std::string out() const { return dir() + "/out"; }

  // A hook that runs a script; $0 is `name`, $1 where to write.
  static void Add(google::protobuf::RepeatedPtrField<grpc::Hook>* list, const std::string& name,
                  const std::string& directory, const std::string& script) {
    grpc::Hook* const hook = list->Add();
    hook->set_path("/bin/sh");
    for (const std::string& arg : {std::string("sh"), std::string("-c"), script, name, directory})
      hook->add_args(arg);
    hook->add_env("PATH=/bin:/usr/bin");
    hook->add_env("HOOK=" + name);
  }
  // One at each moment, all of which write down what they see.
  grpc::Spec SpecWithAll() {
    static constexpr char kScript[] =
        "cat > $1/$HOOK.state; echo $HOOK >> $1/order; readlink /proc/self/ns/mnt > $1/$HOOK.mnt; "
        "readlink /proc/self/ns/uts > $1/$HOOK.uts; readlink /proc/self/ns/pid > $1/$HOOK.pid; "
        "echo $0 > $1/$HOOK.name";
    grpc::Spec spec = Spec({"sh", "-c", "echo program >> /out/order"});
    AddMount(&spec, "/out", "bind", out(), {"rbind"});
    (*spec.mutable_annotations())["key\"\n"] = "va\\lue";
    grpc::Hooks* const hooks = spec.mutable_hooks();
    Add(hooks->mutable_prestart(), "prestart", out(), kScript);
    Add(hooks->mutable_createruntime(), "createRuntime", out(), kScript);
    Add(hooks->mutable_createcontainer(), "createContainer", out(), kScript);
    Add(hooks->mutable_startcontainer(), "startContainer", "/out", kScript);
    Add(hooks->mutable_poststart(), "poststart", out(), kScript);
    Add(hooks->mutable_poststop(), "poststop", out(), kScript);
    return spec;
  }
  std::string File(const std::string& name) const { return ReadText(out() + "/" + name); }
  static std::string Own(const char* kind) {
    char text[64] = {};
    EXPECT_GT(readlink((std::string("/proc/self/ns/") + kind).c_str(), text, sizeof text - 1), 0);
    return std::string(text) + "\n";
  }
  std::vector<std::string> warnings_;
};

TEST_F(HooksTest, RunInOrderInTheRightNamespacesWithTheState) {
  auto made = Create(SpecWithAll());
  ASSERT_TRUE(made.ok()) << made.status().message();
  const pid_t pid = made->init.pid;
  EXPECT_EQ(File("order"), "prestart\ncreateRuntime\ncreateContainer\n");
  const Status started = made->container->Start();
  ASSERT_TRUE(started.ok()) << started.message();
  EXPECT_EQ(Finish(std::move(made->init)).code, 0);
  End(*made);
  // "poststart" runs beside the program.
  const std::string order = File("order");
  EXPECT_NE(order.find("program\n"), std::string::npos) << order;
  EXPECT_NE(order.find("createContainer\nstartContainer\n"), std::string::npos) << order;
  EXPECT_EQ(order.substr(order.size() - 9), "poststop\n") << order;
  for (const char* name : {"prestart", "createRuntime", "poststart", "poststop"}) {
    EXPECT_EQ(File(std::string(name) + ".mnt"), Own("mnt")) << name;
    EXPECT_EQ(File(std::string(name) + ".pid"), Own("pid")) << name;
  }
  for (const char* name : {"createContainer", "startContainer"}) {
    for (const char* kind : {"mnt", "uts", "pid"})
      EXPECT_NE(File(std::string(name) + "." + kind), Own(kind)) << name;
    EXPECT_EQ(File(std::string(name) + ".mnt"), File("createContainer.mnt"));
  }
  const char* const statuses[][2] = {{"prestart", "creating"},        {"createRuntime", "creating"},
                                     {"createContainer", "creating"}, {"startContainer", "created"},
                                     {"poststart", "running"},        {"poststop", "stopped"}};
  for (const auto& [name, status] : statuses) {
    const Json state = Json::parse(File(std::string(name) + ".state"), nullptr, false);
    ASSERT_TRUE(state.is_object()) << name;
    EXPECT_EQ(state["ociVersion"], "1.0.2");
    EXPECT_EQ(state["status"], status) << name;
    EXPECT_EQ(state["bundle"], dir());
    EXPECT_EQ(state["annotations"]["key\"\n"], "va\\lue");
    EXPECT_EQ(state.value("pid", 0), std::string(name) == "poststop" ? 0 : pid) << name;
    EXPECT_EQ(File(std::string(name) + ".name"), std::string(name) + "\n");
  }
  EXPECT_TRUE(warnings_.empty());
}

struct FailingHook {
  const char* name;
  google::protobuf::RepeatedPtrField<grpc::Hook>* (grpc::Hooks::*list)();
};

class FailingHooks : public HooksTest, public ::testing::WithParamInterface<FailingHook> {};

TEST_P(FailingHooks, EndTheContainerWithTheirWordsAndRunPoststop) {
  grpc::Spec spec = Spec({"true"});
  Add((spec.mutable_hooks()->*GetParam().list)(), "bad", "", "echo went wrong >&2; exit 3");
  Add(spec.mutable_hooks()->mutable_poststop(), "stop", out(), "echo stopped > $1/stopped");
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(outcome.status.message(),
            std::string("hooks.") + GetParam().name + ": \"/bin/sh\": it ended with 3: went wrong");
  EXPECT_EQ(File("stopped"), "stopped\n");
}

TEST_P(FailingHooks, ThatTakeTooLongAreKilledWithTheirChildren) {
  grpc::Spec spec = Spec({"true"});
  auto* const list = (spec.mutable_hooks()->*GetParam().list)();
  Add(list, "slow", "", "sleep 1000 & wait");
  list->Mutable(0)->set_timeout(1);
  const auto begin = std::chrono::steady_clock::now();
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.code(), StatusCode::kDeadlineExceeded) << outcome.status.message();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  // As the agent does with orphans: here they fall to the test, which is process 1.
  while (waitpid(-1, nullptr, 0) > 0) {
  }
}

TEST_P(FailingHooks, ThatAreNotThereAreNamed) {
  grpc::Spec spec = Spec({"true"});
  (spec.mutable_hooks()->*GetParam().list)()->Add()->set_path("/no/such/hook");
  const Outcome outcome = Run(spec);
  EXPECT_EQ(outcome.status.code(), StatusCode::kNotFound);
  EXPECT_NE(outcome.status.message().find("\"/no/such/hook\""), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    All, FailingHooks,
    ::testing::Values(FailingHook{"prestart", &grpc::Hooks::mutable_prestart},
                      FailingHook{"createRuntime", &grpc::Hooks::mutable_createruntime},
                      FailingHook{"createContainer", &grpc::Hooks::mutable_createcontainer},
                      FailingHook{"startContainer", &grpc::Hooks::mutable_startcontainer}),
    [](const auto& param) { return param.param.name; });

TEST_F(HooksTest, AFailureAfterTheStartIsOnlyAWarningAndTheRestRuns) {
  grpc::Spec spec = Spec({"true"});
  grpc::Hooks* const hooks = spec.mutable_hooks();
  for (auto* list : {hooks->mutable_poststart(), hooks->mutable_poststop()}) {
    Add(list, "bad", out(), "exit 4");
    Add(list, "good", out(), "echo more >> $1/more");
  }
  const Outcome outcome = Run(spec);
  EXPECT_TRUE(outcome.status.ok()) << outcome.status.message();
  EXPECT_EQ(File("more"), "more\nmore\n");
  EXPECT_EQ(warnings_, std::vector<std::string>({"hooks.poststart: \"/bin/sh\": it ended with 4",
                                                 "hooks.poststop: \"/bin/sh\": it ended with 4"}));
}

TEST_F(HooksTest, NonsenseIsNamed) {
  grpc::Spec spec = Spec({"true"});
  spec.mutable_hooks()->add_poststop()->set_path("relative");
  EXPECT_EQ(Run(spec).status.message(), "hooks.poststop: path \"relative\" is not absolute");
  spec.mutable_hooks()->mutable_poststop(0)->set_path("/bin/true");
  spec.mutable_hooks()->mutable_poststop(0)->set_timeout(-1);
  EXPECT_EQ(Run(spec).status.code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoji::jail
