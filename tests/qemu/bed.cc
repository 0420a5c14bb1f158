#include "bed.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "agent_line.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::qemu::testing {
namespace {

const char kImages[] = SHOJI_GUEST_IMAGES;

std::size_t OpenFds() { return ListDir("/proc/self/fd").value().size(); }

}  // namespace

void Bed::SetUp() {
  if (!PathExists(std::string(kImages) + "/vmlinux")) {
    GTEST_SKIP() << "build the target guest-image first";
  }
  char name[] = "/tmp/qemu_state_test.XXXXXX";
  dir_ = mkdtemp(name);
  library_ = dlopen(SHOJI_TEST_PLUGIN_PATH, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library_, nullptr) << dlerror();
  const auto open =
      reinterpret_cast<shoji_plugin_open_fn>(dlsym(library_, SHOJI_PLUGIN_OPEN_SYMBOL));
  ASSERT_NE(open, nullptr);
  ASSERT_EQ(open(host_.raw(), &plugin_, error_.raw()), SHOJI_OK) << error_.message;
  table_ = static_cast<const shoji_hypervisor_v1*>(
      plugin_.get_interface(plugin_.self, SHOJI_HYPERVISOR_V1));
  ASSERT_NE(table_, nullptr);
  ASSERT_EQ(Open({}), SHOJI_OK) << error_.message;
  AgentLine::OpenOnce();
  fds_before_ = OpenFds();
}

void Bed::TearDown() {
  if (library_ == nullptr) return;
  for (const auto& box : boxes_) {
    if (box->vm != nullptr && HasFailure()) {
      fprintf(stderr, "%s: %s\n", box->name.c_str(), TextOf(*box, table_->last_words).c_str());
    }
    EXPECT_EQ(Destroy(*box), SHOJI_OK) << error_.message;
    EXPECT_THAT(ListDir(box->run_dir).value(), ::testing::IsEmpty());
  }
  EXPECT_EQ(OpenFds(), fds_before_);
  siginfo_t info{};
  EXPECT_NE(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0) << "a process is left";
  table_->close(hypervisor_);
  plugin_.shutdown(plugin_.self);
  dlclose(library_);
  std::filesystem::remove_all(dir_);
}

std::int32_t Bed::Open(Options options) {
  options.insert(options.begin(), {"accel", "tcg"});
  std::vector<shoji_option> items;
  for (const auto& [name, value] : options) items.push_back({sdk::ToStr(name), sdk::ToStr(value)});
  const shoji_options given{sizeof(given), static_cast<std::uint32_t>(items.size()), items.data()};
  shoji_hypervisor* opened = nullptr;
  const std::int32_t code = table_->open(plugin_.self, &given, &opened, error_.raw());
  if (code != SHOJI_OK) return code;
  if (hypervisor_ != nullptr) table_->close(hypervisor_);
  hypervisor_ = opened;
  return code;
}

Box& Bed::NewBox(const std::string& name) {
  boxes_.push_back(std::make_unique<Box>());
  Box& box = *boxes_.back();
  box.name = name;
  box.run_dir = dir_ + "/" + name;
  EXPECT_TRUE(MakeDirs(box.run_dir, 0700).ok());
  return box;
}

void Bed::FillShare(const std::string& dir) {
  for (const char* sub : {"bin", "proc", "dev"}) {
    EXPECT_TRUE(MakeDirs(dir + "/rootfs/" + sub).ok());
  }
  EXPECT_TRUE(WriteFile(dir + "/rootfs/dev/kmsg", "").ok());
  std::filesystem::copy("/bin/busybox", dir + "/rootfs/bin/busybox");
}

template <typename Do>
std::int32_t Bed::WithConfig(const Box& box, Do action) {
  const std::string kernel = std::string(kImages) + "/vmlinux";
  const std::string initrd = std::string(kImages) + "/initrd.img";
  const shoji_share share{sizeof(share), 0, sdk::ToStr("kataShared"), sdk::ToStr(box.share)};
  const shoji_share* const shares[] = {&share};
  shoji_vm_config config{};
  config.struct_size = sizeof(config);
  config.vcpus = box.vcpus;
  config.id = sdk::ToStr(box.name);
  config.run_dir = sdk::ToStr(box.run_dir);
  config.kernel = sdk::ToStr(kernel);
  config.initrd = sdk::ToStr(initrd);
  config.kernel_params = sdk::ToStr(box.params);
  config.shares = shares;
  config.share_count = box.share.empty() ? 0 : 1;
  config.image = sdk::ToStr(box.image);
  config.memory_path = sdk::ToStr(box.memory_path);
  config.flags = box.memory_path.empty() ? 0 : SHOJI_VM_MEMORY_FILE;
  return action(config);
}

std::int32_t Bed::Create(Box& box) {
  const std::int32_t code = WithConfig(box, [&](const shoji_vm_config& config) {
    return table_->create(hypervisor_, nullptr, &config, &box.vm, error_.raw());
  });
  if (code == SHOJI_OK) {
    snapshot_ = Get<shoji_hypervisor_snapshot_v1>(box, SHOJI_HYPERVISOR_SNAPSHOT_V1);
  }
  return code;
}

std::int32_t Bed::Start(Box& box) {
  const std::int32_t code = Create(box);
  if (code != SHOJI_OK) return code;
  const shoji_call call = Call();
  return table_->start(box.vm, &call, error_.raw());
}

std::int32_t Bed::Restore(Box& box, const std::string& dir, bool shared) {
  return WithConfig(box, [&](const shoji_vm_config& config) {
    const shoji_call call = Call();
    return snapshot_->restore(hypervisor_, &call, sdk::ToStr(dir), &config,
                              shared ? SHOJI_SNAPSHOT_SHARED_MEMORY : 0U, &box.vm, error_.raw());
  });
}

std::int32_t Bed::Destroy(Box& box) {
  return table_->destroy(std::exchange(box.vm, nullptr), nullptr, error_.raw());
}

std::int32_t Bed::Attach(const std::string& state, shoji_vm** vm) {
  return table_->attach(hypervisor_, nullptr, sdk::ToStr(state), vm, error_.raw());
}

std::int32_t Bed::Pause(Box& box) {
  const shoji_call call = Call();
  return Get<shoji_hypervisor_pause_v1>(box, SHOJI_HYPERVISOR_PAUSE_V1)
      ->pause(box.vm, &call, error_.raw());
}

std::int32_t Bed::Resume(Box& box) {
  const shoji_call call = Call();
  return Get<shoji_hypervisor_pause_v1>(box, SHOJI_HYPERVISOR_PAUSE_V1)
      ->resume(box.vm, &call, error_.raw());
}

std::int32_t Bed::Save(Box& box, const std::string& dir, bool shared) {
  const shoji_call call = Call();
  return snapshot_->save(box.vm, &call, sdk::ToStr(dir), shared ? SHOJI_SNAPSHOT_SHARED_MEMORY : 0U,
                         error_.raw());
}

std::string Bed::ShareMount(Box& box, const std::string& tag) {
  sdk::testing::FakeSink sink;
  const auto* shares = Get<shoji_hypervisor_shares_v1>(box, SHOJI_HYPERVISOR_SHARES_V1);
  EXPECT_EQ(shares->share_mount(box.vm, sdk::ToStr(tag), sink.raw(), error_.raw()), SHOJI_OK)
      << error_.message;
  return sink.text();
}

std::vector<pid_t> Bed::Pids(Box& box) {
  std::vector<pid_t> pids;
  for (const std::string& word : Split(TextOf(box, table_->pids), '\n')) {
    pids.push_back(static_cast<pid_t>(ParseInt(word).value()));
  }
  return pids;
}

bool Bed::WaitForEnd(Box& box) {
  pollfd entry{table_->wait_fd(box.vm), POLLIN, 0};
  const Deadline deadline = Deadline::After(kPatience);
  int rc = 0;
  do {
    rc = poll(&entry, 1, deadline.PollTimeout());
  } while (rc < 0 && errno == EINTR);
  return rc == 1;
}

}  // namespace shoji::qemu::testing
