// Writes records into the configured store, for tests and benchmarks that need no VM.
//
//   store_seed ROOT PLUGIN_DIR COUNT          COUNT sandboxes s0, s1, ... of two containers
//   store_seed ROOT PLUGIN_DIR KEY VALUE      one key, whatever it means
#include <cstdio>
#include <string>

#include "metadata/keys.h"
#include "metadata/metadata.h"
#include "sandbox/host_plugins.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji {
namespace {

SandboxRecord Sample(const std::string& id) {
  SandboxRecord record;
  record.id = id;
  record.state = State::kStopped;
  record.created_unix_ns = 1'763'800'000'000'000'000;
  record.hypervisor = "qemu";
  record.vcpus = 1;
  record.memory_bytes = 256U << 20U;
  for (const char* name : {"a", "b"}) {
    ContainerRecord& container = record.containers.emplace_back();
    container.state = State::kStopped;
    container.args = {"/bin/httpd", "-f"};
    container.config.id = id + "-" + name;
    container.config.cmd.args = container.args;
    container.config.cmd.envs = {"PATH=/bin:/usr/bin", "TOKEN=canary"};
    container.config.mounts = {{"/srv/data", "/data", "bind", {"ro"}}};
  }
  return record;
}

Status Seed(const std::string& root, const std::string& plugins, const std::string& what,
            const std::string* value) {
  RuntimeOptions options;
  options.config_files.clear();
  options.use_environment = false;
  options.overrides = {{"root", root}, {"plugins.path", plugins}};
  SHOJI_RETURN_IF_ERROR(MakeDirs(root, 0711));
  SHOJI_ASSIGN_OR_RETURN(const auto host, HostPlugins::Load(options));
  SHOJI_ASSIGN_OR_RETURN(auto store, host->OpenStore(host->settings().store));
  if (value != nullptr) return store->Save(StoreCall(), what, *value);
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t count, ParseInt(what));
  Metadata metadata(std::move(store), root + "/index.lock");
  for (std::int64_t i = 0; i < count; ++i) {
    SHOJI_RETURN_IF_ERROR(metadata.Save(Sample("s" + std::to_string(i))));
  }
  return OkStatus();
}

}  // namespace
}  // namespace shoji

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    fprintf(stderr, "usage: store_seed ROOT PLUGIN_DIR COUNT | ROOT PLUGIN_DIR KEY VALUE\n");
    return 2;
  }
  const std::string value = argc == 5 ? argv[4] : "";
  const shoji::Status status = shoji::Seed(argv[1], argv[2], argv[3], argc == 5 ? &value : nullptr);
  if (status.ok()) return 0;
  fprintf(stderr, "store_seed: %s\n", status.message().c_str());
  return 1;
}
