// The factory with a hypervisor of files: what is made when, what falls back, what is left.
#include "template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "testing/fake_world.h"
#include "workshop.h"

namespace shoji::templates {
namespace {

using namespace testing;  // NOLINT: the fakes
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Steps = std::vector<std::string>;

const Steps kMake = {"start", "await_agent_port", "pause", "save", "destroy"};
const Steps kWake = {"restore", "resume", "proxy", "agent", "check", "reseed 512", "time"};
const Steps kBoot = {"create", "start", "proxy", "agent", "check", "reseed 512"};

class TemplateFactoryTest : public ::testing::Test {
 protected:
  TemplateFactoryTest() {
    world = &world_;
    char name[] = "/tmp/template_test.XXXXXX";
    dir_ = mkdtemp(name);
    host_.SetDir(SHOJI_DIR_RUN, dir_ + "/run");
    for (const char* file : {"kernel", "initrd", "vmm"}) {
      EXPECT_TRUE(WriteFile(Path(file), file).ok());
    }
    host_.AddPlugin("hypervisor", "fake", SHOJI_HYPERVISOR_V1, &hypervisor_table_, nullptr,
                    options_.raw());
    host_.AddPlugin("proxy", "", SHOJI_PROXY_V1, &proxy_table_);
    host_.AddPlugin("agent", "", SHOJI_AGENT_V1, &agent_table_);
    config_.struct_size = sizeof config_;
    config_.id = sdk::ToStr("one");
    run_dir_ = Path("vm");
    config_.run_dir = sdk::ToStr(run_dir_);
    kernel_ = Path("kernel");
    config_.kernel = sdk::ToStr(kernel_);
    initrd_ = Path("initrd");
    config_.initrd = sdk::ToStr(initrd_);
    share_ = {sizeof share_, 0, sdk::ToStr("share"), sdk::ToStr("/tmp")};
    config_.shares = shares_;
    config_.share_count = 1;
    request_.struct_size = sizeof request_;
    request_.hypervisor_id = sdk::ToStr("fake");
    request_.hypervisor = reinterpret_cast<shoji_hypervisor*>(&world_);
    request_.config = &config_;
    OpenFactory({});
  }
  ~TemplateFactoryTest() override {
    for (shoji_vm* vm : vms_) hypervisor_table_.close_vm(vm);
    std::filesystem::remove_all(dir_);
  }

  std::string Path(const std::string& name) const { return dir_ + "/" + name; }
  std::string Shelf() const { return Path("run/template"); }
  void OpenFactory(std::map<std::string, std::string> values) {
    std::vector<std::pair<std::string, std::string>> all = {
        {"dir", ""}, {"max_templates", "2"}, {"min_free", "0"}};
    for (auto& [name, value] : all) {
      if (values.count(name) > 0) value = values[name];
    }
    const FakeOptions options(all);
    auto opened = TemplateFactory::Open(sdk_host_, options.raw());
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    factory_ = std::move(*opened);
  }

  // Steps of one more VM; what it was made with in made_.
  Steps NewVm() {
    world_.log.clear();
    const auto made = factory_->Make(call_.raw(), request_, error_.raw());
    status_ = made.status();
    made_ = made.ok() ? *made : sdk::NewVm{};
    if (made.ok()) vms_.push_back(made->vm);
    return world_.log;
  }
  void EndVms() {
    for (shoji_vm* vm : vms_) hypervisor_table_.close_vm(vm);
    vms_.clear();
  }
  static Steps Probed(const Steps& more, const Steps& last = {}) {
    Steps all = {"create"};
    all.insert(all.end(), more.begin(), more.end());
    all.insert(all.end(), last.begin(), last.end());
    return all;
  }
  static Steps Created(const Steps& make) {
    Steps all = {"create"};
    all.insert(all.end(), make.begin(), make.end());
    return all;
  }
  void ExpectClone() {
    EXPECT_EQ(NewVm(), Probed(kWake)) << "one that is there is used";
    EXPECT_EQ(made_.flags, SHOJI_NEW_VM_CLONED);
  }
  void ExpectMade() {
    EXPECT_EQ(NewVm(), Probed(Created(kMake), kWake)) << "a template is made";
    EXPECT_EQ(made_.flags, SHOJI_NEW_VM_CLONED);
  }
  // The VM is whole, and the log says why it is no clone.
  void ExpectBooted(const std::string& reason) {
    const Steps steps = NewVm();
    EXPECT_TRUE(status_.ok()) << status_.message();
    ASSERT_GE(steps.size(), kBoot.size());
    EXPECT_EQ(Steps(steps.end() - static_cast<std::ptrdiff_t>(kBoot.size()), steps.end()), kBoot);
    EXPECT_EQ(made_.flags, 0U);
    EXPECT_EQ(made_.boot_vcpus, 0U);
    ASSERT_FALSE(host_.logs().empty());
    EXPECT_EQ(host_.logs().back().first, SHOJI_LOG_INFO);
    EXPECT_THAT(host_.logs().back().second, HasSubstr("VM \"one\" is booted and not cloned"));
    EXPECT_THAT(host_.logs().back().second, HasSubstr(reason));
  }
  // Nothing but whole templates.
  void ExpectTemplates(std::size_t count) {
    const auto names = ListDir(Shelf());
    EXPECT_EQ(names.ok() ? names->size() : 0, count);
    const auto held = ListDir(Path("run/factory"));
    EXPECT_TRUE(!held.ok() || held->empty()) << "a workshop is left";
  }
  std::string OnlyTemplate() {
    const auto names = ListDir(Shelf());
    EXPECT_EQ(names->size(), 1U);
    return Shelf() + "/" + names->front();
  }

  FakeWorld world_;
  FakeHost host_;
  const sdk::Host sdk_host_{host_.raw()};
  std::string dir_;
  const shoji_hypervisor_v1 hypervisor_table_ = FakeHypervisor();
  const shoji_proxy_v1 proxy_table_ = FakeProxy();
  const shoji_agent_v1 agent_table_ = FakeAgent();
  const std::string vmm_ = std::string();
  const FakeOptions options_{{{"machine", "pc"}, {"vcpus", "1"}, {"memory", "1048576"}}};
  std::string run_dir_;
  std::string kernel_;
  std::string initrd_;
  shoji_share share_{};
  const shoji_share* shares_[1] = {&share_};
  shoji_vm_config config_{};
  shoji_vm_request request_{};
  FakeCall call_;
  FakeError error_;
  Status status_;
  sdk::NewVm made_;
  std::vector<shoji_vm*> vms_;
  std::unique_ptr<sdk::FactoryBase> factory_;
};

TEST_F(TemplateFactoryTest, FirstUseMakesItTheOthersAreClones) {
  ExpectMade();
  EXPECT_EQ(world_.last_id, "one");
  ExpectTemplates(1);
  config_.id = sdk::ToStr("two");
  share_.host_path = sdk::ToStr("/var");
  ExpectClone();
  EXPECT_EQ(world_.last_id, "two");
  EXPECT_NE(made_.vm, nullptr);
  EXPECT_NE(made_.proxy, nullptr);
  EXPECT_NE(made_.agent, nullptr);
  EXPECT_THAT(host_.spans(), Contains("template.make"));
  EXPECT_THAT(host_.spans(), Contains("guest.wake"));
}

TEST_F(TemplateFactoryTest, AnyDifferenceIsAnotherTemplate) {
  OpenFactory({{"max_templates", "9"}});
  ExpectMade();
  const auto changes = std::vector<std::function<void()>>{
      [&] { EXPECT_TRUE(WriteFile(kernel_, "kerneL").ok()); },
      [&] { EXPECT_TRUE(WriteFileAtomic(initrd_, "initrd").ok()); },
      [&] { config_.kernel_params = sdk::ToStr("debug"); },
      [&] { share_.tag = sdk::ToStr("other"); },
      [&] { share_.flags = SHOJI_SHARE_READONLY; },
      [&] { config_.share_count = 0; },
      [&] { config_.image = config_.initrd; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    changes[i]();
    SCOPED_TRACE("change " + std::to_string(i));
    ExpectMade();
    ExpectClone();
  }
}

TEST_F(TemplateFactoryTest, OptionsAndTheVmmItselfShapeAVm) {
  ExpectMade();
  const FakeOptions other({{"machine", "other"}, {"path", Path("vmm")}});
  host_.AddPlugin("hypervisor", "fake", SHOJI_HYPERVISOR_V1, &hypervisor_table_, nullptr,
                  other.raw());
  ExpectMade();
  ExpectClone();
  EndVms();
  EXPECT_TRUE(WriteFile(Path("vmm"), "of tomorrow").ok());
  ExpectMade();
  ExpectTemplates(2);  // that of the VMM of yesterday is collected
}

TEST_F(TemplateFactoryTest, SizesComeLaterWhereTheyCan) {
  ExpectMade();
  EXPECT_EQ(made_.boot_vcpus, 0U);
  config_.vcpus = 3;
  config_.memory_bytes = 4U << 20U;
  ExpectClone();
  EXPECT_EQ(made_.boot_vcpus, 1U);
  EXPECT_EQ(made_.boot_memory_bytes, 1U << 20U);
  config_.memory_bytes = 512U << 10U;  // nothing shrinks
  ExpectMade();
  EXPECT_EQ(made_.boot_memory_bytes, 512U << 10U);
  world_.resize = false;
  EndVms();
  ExpectMade();
  EXPECT_EQ(made_.boot_vcpus, 0U) << "as asked";
}

TEST_F(TemplateFactoryTest, DevicesArePluggedIntoTheClone) {
  ExpectMade();
  shoji_device device{};
  device.struct_size = sizeof device;
  device.id = sdk::ToStr("nic");
  const shoji_device* const devices[] = {&device};
  config_.devices = devices;
  config_.device_count = 1;
  EXPECT_THAT(NewVm(), Contains("attach nic"));
  EXPECT_EQ(made_.flags, SHOJI_NEW_VM_CLONED);
  world_.fail = "attach nic";
  ExpectBooted("attach nic failed");
  world_.fail.clear();
  world_.hotplug = false;
  ExpectBooted("1 devices (disks, network) only at boot");
}

TEST_F(TemplateFactoryTest, EveryFailureFallsBackAndLeavesNothing) {
  for (const std::string step : {"await_agent_port", "pause", "save"}) {
    world_.fail = step;
    ExpectBooted(step + " failed");
    ExpectTemplates(0);
  }
  for (const std::string step : {"resume", "time"}) {
    world_.fail = step;
    ExpectBooted(step + " failed");
    ExpectTemplates(1);
  }
  world_.fail = "restore";  // not for what is wrong with the template
  ExpectBooted("restore failed");
  world_.fail.clear();
  ExpectClone();
}

TEST_F(TemplateFactoryTest, WhatCannotBeClonedIsBooted) {
  config_.flags = SHOJI_VM_MEMORY_FILE;
  ExpectBooted("a memory file of its own");
  config_.flags = 0;
  world_.snapshots = false;
  ExpectBooted("\"fake\" cannot save VMs");
  world_.snapshots = true;
  OpenFactory({{"min_free", "1000000000000000"}});
  ExpectBooted("MiB are free in");
  OpenFactory({{"dir", Path("open")}});
  ASSERT_TRUE(MakeDirs(Path("open")).ok());
  std::filesystem::permissions(Path("open"), std::filesystem::perms::all);
  ExpectBooted("is not ours alone");
  OpenFactory({{"dir", kernel_ + "/x"}});
  ExpectBooted("kernel");
  ExpectTemplates(0);
}

TEST_F(TemplateFactoryTest, ADamagedTemplateIsMadeAgain) {
  ExpectMade();
  const std::string dir = OnlyTemplate();
  const auto damages = std::vector<std::function<void()>>{
      [&] { std::filesystem::resize_file(dir + "/memory", 100); },
      [&] { EXPECT_TRUE(WriteFile(dir + "/memory", std::string(8192, 'x')).ok()); },
      [&] { std::filesystem::remove(dir + "/memory"); },
      [&] { EXPECT_TRUE(WriteFile(dir + "/template.json", "{").ok()); },
      [&] { std::filesystem::remove(dir + "/template.json"); }};
  for (std::size_t i = 0; i < damages.size(); ++i) {
    SCOPED_TRACE("damage " + std::to_string(i));
    damages[i]();
    ExpectMade();
    ExpectClone();
  }
  // What only the hypervisor sees: it has tried.
  EXPECT_TRUE(WriteFile(dir + "/state/state", "torn").ok());
  EXPECT_EQ(NewVm().at(1), "restore");
  EXPECT_EQ(made_.flags, SHOJI_NEW_VM_CLONED);
  EXPECT_EQ(world_.Count("save"), 1U);
  ExpectClone();
}

TEST_F(TemplateFactoryTest, BoundedAndCollectedWhenUnused) {
  ExpectMade();
  for (const char* params : {"a", "b", "c"}) {
    EndVms();
    config_.kernel_params = sdk::ToStr(params);
    ExpectMade();
    ExpectClone();
  }
  ExpectTemplates(2);  // b and c: the longest not used went first
  config_.kernel_params = sdk::ToStr("b");
  ExpectClone();
  config_.kernel_params = sdk::ToStr("d");
  ExpectBooted("2 templates are in use; raise factory.template.max_templates");
  EXPECT_TRUE(factory_->Destroy(call_.raw()).ok());
  ExpectTemplates(2);
  EndVms();
  ExpectMade();
  EndVms();
  EXPECT_TRUE(factory_->Destroy(call_.raw()).ok());
  EXPECT_FALSE(PathExists(Shelf()));
  EXPECT_TRUE(factory_->Destroy(call_.raw()).ok());
}

TEST_F(TemplateFactoryTest, ManyAtOnceMakeOne) {
  std::vector<std::thread> threads;
  std::vector<Result<sdk::NewVm>> made(6, Result<sdk::NewVm>(sdk::NewVm{}));
  for (auto& one : made) {
    threads.emplace_back([&] {
      FakeError error;
      one = factory_->Make(call_.raw(), request_, error.raw());
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& one : made) {
    ASSERT_TRUE(one.ok()) << one.status().message();
    EXPECT_EQ(one->flags, SHOJI_NEW_VM_CLONED);
    vms_.push_back(one->vm);
  }
  EXPECT_EQ(world_.Count("save"), 1U);
  ExpectTemplates(1);
}

TEST_F(TemplateFactoryTest, CancelledIsNotBooted) {
  world_.hang = "await_agent_port";
  std::thread caller([&] { call_.Cancel(); });
  EXPECT_THAT(NewVm(), ::testing::Not(Contains("proxy")));
  caller.join();
  EXPECT_EQ(status_.code(), StatusCode::kCancelled);
  ExpectTemplates(0);
}

TEST_F(TemplateFactoryTest, ACloneThatHangsLeavesTimeToBoot) {
  ExpectMade();
  world_.hang = "check";
  const FakeCall brief{std::chrono::milliseconds(400)};
  world_.log.clear();
  const auto made = factory_->Make(brief.raw(), request_, error_.raw());
  EXPECT_FALSE(made.ok()) << "it hangs when it is booted, too";
  EXPECT_EQ(world_.Count("start"), 1U) << "but that was tried";
  EXPECT_EQ(world_.Count("destroy"), 2U);
}

TEST_F(TemplateFactoryTest, StatusAndPrepare) {
  config_.id = {};
  config_.run_dir = {};
  share_.host_path = {};
  ASSERT_TRUE(factory_->Prepare(call_.raw(), request_, error_.raw()).ok()) << error_.message;
  EXPECT_TRUE(factory_->Prepare(call_.raw(), request_, error_.raw()).ok());
  EXPECT_EQ(world_.Count("save"), 1U);
  const auto status = [&] { return nlohmann::json::parse(*factory_->StatusJson(call_.raw())); };
  EXPECT_EQ(status()["ready"], 1);
  EXPECT_EQ(status()["templates"][0]["clones"], 0);
  EXPECT_EQ(status()["templates"][0]["path"], OnlyTemplate());
  EXPECT_GT(status()["templates"][0]["bytes"], 4096);
  config_.id = sdk::ToStr("one");
  ExpectClone();
  world_.snapshots = false;
  EXPECT_EQ(factory_->Prepare(call_.raw(), request_, error_.raw()).code(),
            StatusCode::kUnimplemented)
      << "what cannot be prepared is told, not booted";
}

// What a maker leaves that is killed in the middle: processes, directories, a half template.
class KilledMakerTest : public TemplateFactoryTest {
 protected:
  void KillAMaker() {
    int ready[2];
    ASSERT_EQ(pipe(ready), 0);
    const pid_t maker = fork();
    if (maker == 0) Live(ready[1]);
    close(ready[1]);
    ASSERT_EQ(read(ready[0], &vmm_pid_, sizeof vmm_pid_), static_cast<ssize_t>(sizeof vmm_pid_));
    close(ready[0]);
    kill(maker, SIGKILL);
    waitpid(maker, nullptr, 0);
    EXPECT_EQ(kill(vmm_pid_, 0), 0);
    EXPECT_TRUE(PathExists(begun_ + "/memory"));
  }
  [[noreturn]] void Live(int ready) {
    static_cast<void>(MakeDirs(begun_).ok());
    const auto shop = Workshop::Open(Path("run"), begun_);
    static_cast<void>(WriteFile(begun_ + "/memory", "half").ok());
    const pid_t vmm = fork();
    if (vmm == 0) {
      const std::string mark = "SHOJI_SANDBOX_DIR=" + Path("run/factory/") + shop->id();
      const char* const argv[] = {"sleep", "1000", nullptr};
      const char* const envp[] = {"A=b", mark.c_str(), nullptr};
      dup2(open("/dev/null", O_RDWR), 1);
      close(ready);
      execve("/bin/sleep", const_cast<char**>(argv), const_cast<char**>(envp));
      _exit(127);
    }
    // Its environment is what counts: only when the program runs it is there.
    const std::string path = "/proc/" + std::to_string(vmm) + "/comm";
    while (ReadFile(path).value() != "sleep\n") sched_yield();
    if (write(ready, &vmm, sizeof vmm) < 0) _exit(1);
    pause();
    _exit(0);
  }
  void ExpectNothingOfIt() {
    EXPECT_FALSE(PathExists(begun_));
    const auto stat = ReadFile("/proc/" + std::to_string(vmm_pid_) + "/cmdline");
    EXPECT_TRUE(!stat.ok() || stat->empty()) << "its VM still runs";
    EXPECT_THAT(ListDir(Path("run/factory")).value(), IsEmpty());
  }

  const std::string begun_ = dir_ + "/run/template/0123456789abcdef.new";
  pid_t vmm_pid_ = 0;
};

TEST_F(KilledMakerTest, TheNextOneClearsUp) {
  KillAMaker();
  ExpectMade();
  ExpectNothingOfIt();
}

TEST_F(KilledMakerTest, DestroyClearsUp) {
  KillAMaker();
  EXPECT_TRUE(factory_->Destroy(call_.raw()).ok());
  ExpectNothingOfIt();
  EXPECT_FALSE(PathExists(Shelf()));
}

TEST_F(KilledMakerTest, ALivingOneIsLeftAlone) {
  const auto shop = Workshop::Open(Path("run"), begun_);
  ASSERT_TRUE(shop.ok());
  ASSERT_TRUE(MakeDirs(begun_).ok());
  const auto lock = Lock::Try(Shelf() + "/0123456789abcdef.lock");
  ASSERT_TRUE(lock.ok() && lock->has_value());
  ClearDeadWorkshops(Path("run"));
  EXPECT_TRUE(factory_->Destroy(call_.raw()).ok());
  EXPECT_TRUE(PathExists(begun_));
  EXPECT_TRUE(PathExists(shop->vm_dir()));
}

TEST(TemplateOptionsTest, BadOnesAreNamed) {
  FakeHost host;
  const sdk::Host sdk_host(host.raw());
  const auto open = [&](const std::string& dir, const std::string& most) {
    const FakeOptions options({{"dir", dir}, {"max_templates", most}, {"min_free", "0"}});
    return TemplateFactory::Open(sdk_host, options.raw()).status();
  };
  EXPECT_TRUE(open("", "4").ok());
  EXPECT_THAT(open("here", "4").message(), HasSubstr("\"here\" is not an absolute path"));
  EXPECT_THAT(open("", "0").message(), HasSubstr("max_templates 0 is not 1 to 64"));
  EXPECT_FALSE(open("", "x").ok());
}

}  // namespace
}  // namespace shoji::templates
