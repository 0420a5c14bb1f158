// A store in memory that also shows what the host offers. Keys "host/..." call services.
#include <cstdlib>
#include <map>
#include <mutex>

#include "shoji/sdk/plugin.h"
#include "shoji/sdk/store.h"

#ifndef TEST_ID
#define TEST_ID "good"
#endif

SHOJI_PLUGIN_NOTE(SHOJI_NOTE_PLUGIN("store", TEST_ID, "1.2.3", "Tester", "MIT")
                      SHOJI_NOTE_ABI("1", "2") SHOJI_NOTE_INTERFACE("shoji.store/1", "0")
                          SHOJI_NOTE_OPTION("size", "size", "1K", "", "A size")
                              SHOJI_NOTE_OPTION("token", "string", TEST_TOKEN, TEST_FLAGS,
                                                "A secret") "future\trecord\n");

namespace {

using shoji::OkStatus;
using shoji::Result;
using shoji::Status;

std::int32_t Append(void* ctx, const void* data, std::uint64_t size) {
  static_cast<std::string*>(ctx)->append(static_cast<const char*>(data), size);
  return SHOJI_OK;
}

class Memory {
 public:
  static Result<std::unique_ptr<Memory>> Open(const shoji::sdk::Host& host,
                                              const shoji::sdk::OptionMap& options) {
    auto memory = std::make_unique<Memory>(host);
    memory->values_["option/size"] = options.Get("size");
    return memory;
  }
  explicit Memory(const shoji::sdk::Host& host) : host_(host) {}

  Status Save(const shoji_call*, std::string_view key, std::string_view value) {
    if (key == "fail/detail") {
      return shoji::NotFound("first line\nsecond.").WithDetail("reason", "skip").WithErrno(2);
    }
    if (key == "fail/mute") return shoji::NotFound("");
    if (key == "fail/code") return Status(static_cast<shoji::StatusCode>(99), "odd");
    if (key == "fail/throw") throw std::runtime_error("thrown");
    if (key == "host/log") host_.Log(SHOJI_LOG_WARN, value);
    if (key == "host/span") host_.Span(value, 1, 2);
    if (key == "host/metrics") Measure();
    const std::lock_guard<std::mutex> lock(mutex_);
    values_[std::string(key)] = value;
    return OkStatus();
  }
  Result<std::string> Load(const shoji_call*, std::string_view key) {
    if (key == "host/run_dir") return RunDir();
    if (key == "host/find_self") return FindSelf();
    if (key == "host/spawn") return SpawnEnv();
    if (key.substr(0, 7) == "secret/") return ReadSecret(std::string(key.substr(7)));
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto it = values_.find(std::string(key));
    if (it == values_.end()) return shoji::NotFound("there is no record");
    return it->second;
  }
  Status Remove(const shoji_call*, std::string_view) { return OkStatus(); }

 private:
  Result<std::string> RunDir() {
    const auto* dirs = host_.Service<shoji_dirs_v1>(SHOJI_DIRS_V1);
    std::string path;
    const shoji_sink sink = {sizeof(shoji_sink), 0, &path, Append};
    if (dirs->path(host_.raw(), SHOJI_DIR_RUN, &sink, nullptr) != SHOJI_OK) path = "failed";
    if (dirs->path(host_.raw(), 77, &sink, nullptr) != SHOJI_INVALID_ARGUMENT) path = "unchecked";
    return path;
  }
  void Measure() {
    const auto* metrics = host_.Service<shoji_metrics_v1>(SHOJI_METRICS_V1);
    metrics->count(host_.raw(), shoji::sdk::ToStr("saves"), 2);
    metrics->count(host_.raw(), shoji::sdk::ToStr("saves"), 3);
    metrics->gauge(host_.raw(), shoji::sdk::ToStr("open"), -7);
    metrics->observe(host_.raw(), shoji::sdk::ToStr("save_ns"), 1000);
    metrics->gauge(host_.raw(), shoji::sdk::ToStr("saves"), 1);  // it is a counter
  }
  // The name of a variable that holds the reference: keys of a store may not look like one.
  Result<std::string> ReadSecret(const std::string& variable) {
    const auto* secrets = host_.Service<shoji_secrets_v1>(SHOJI_SECRETS_V1);
    std::string secret;
    const shoji_sink sink = {sizeof(shoji_sink), 0, &secret, Append};
    const char* reference = getenv(variable.c_str());
    const std::int32_t code =
        secrets->read(host_.raw(), shoji::sdk::ToStr(reference), &sink, nullptr);
    if (code != SHOJI_OK) return Status(static_cast<shoji::StatusCode>(code), "no secret");
    return secret;
  }
  Result<std::string> FindSelf() {
    const auto* plugins = host_.Service<shoji_plugins_v1>(SHOJI_PLUGINS_V1);
    const void* table = nullptr;
    void* plugin = nullptr;
    const shoji_options* options = nullptr;
    const std::int32_t code =
        plugins->find(host_.raw(), shoji::sdk::ToStr("store"), shoji::sdk::ToStr(TEST_ID),
                      SHOJI_STORE_V1, &table, &plugin, &options, nullptr);
    if (code != SHOJI_OK || options == nullptr || options->count != 2) return std::string("no");
    return std::string(table == shoji::sdk::StoreTable<Memory>() ? "same" : "other");
  }
  // A process that writes its mark to a pipe of ours.
  Result<std::string> SpawnEnv();

  const shoji::sdk::Host& host_;
  std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

}  // namespace

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

Result<std::string> Memory::SpawnEnv() {
  const auto* spawn = host_.Service<shoji_spawn_v1>(SHOJI_SPAWN_V1);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return shoji::Internal("no pipe");
  const shoji_str argv[] = {shoji::sdk::ToStr("/bin/sh"), shoji::sdk::ToStr("-c"),
                            shoji::sdk::ToStr("printf %s \"$SHOJI_SANDBOX_DIR\"")};
  const shoji_fd_map fd = {ends[1], 1};
  shoji_spawn_args args{};
  args.struct_size = sizeof(args);
  args.sandbox_id = shoji::sdk::ToStr("box");
  args.argv = argv;
  args.argc = 3;
  args.fds = &fd;
  args.fd_count = 1;
  std::int32_t pid = 0;
  std::int32_t pidfd = -1;
  const std::int32_t code = spawn->spawn(host_.raw(), &args, &pid, &pidfd, nullptr);
  close(ends[1]);
  char buffer[256];
  const ssize_t n = code == SHOJI_OK ? read(ends[0], buffer, sizeof(buffer)) : 0;
  close(ends[0]);
  if (code == SHOJI_OK) {
    siginfo_t info;
    waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED);
    close(pidfd);
  }
  return std::string(buffer, static_cast<std::size_t>(n < 0 ? 0 : n));
}

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  interfaces.Add(SHOJI_STORE_V1, shoji::sdk::StoreTable<Memory>());
});
