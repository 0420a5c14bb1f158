// What the sandbox API itself costs.
//
//   api-benchmark [--runs N] [--qemu]
//
// Without --qemu everything runs on the hypervisor `process`, whose sandboxes cost next to
// nothing, so that what is left is ours.
#include <stdlib.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "bench.h"

namespace shoji::api_benchmark {

World::World(const std::string& hypervisor, std::function<void(const Span&)> on_span) {
  const std::string prefix = SHOJI_API_PREFIX;
  root_ = "/tmp/api-benchmark-XXXXXX";
  if (mkdtemp(root_.data()) == nullptr) Need(Internal("cannot make a directory " + root_));
  RuntimeOptions options;
  options.config_files.clear();
  options.use_environment = false;
  options.overrides = {{"root", root_ + "/run"},
                       {"plugins.path", prefix + "/lib/shoji/plugins"},
                       {"guest.kernel", prefix + "/share/shoji/guest/vmlinux"},
                       {"guest.initrd", prefix + "/share/shoji/guest/initrd.img"},
                       {"sandbox.hypervisor", hypervisor},
                       {"hypervisor.process.allow_insecure", "true"},
                       {"hypervisor.process.agent", prefix + "/libexec/shoji/shoji-process-agent"},
                       {"log.level", "error"}};
  options.on_span = std::move(on_span);
  runtime_ = Need(Runtime::Create(std::move(options)));
}

World::~World() {
  const auto sandboxes = runtime_->ListSandboxes();
  for (const auto& sandbox : sandboxes.ok() ? *sandboxes : std::vector<SandboxStatus>()) {
    (void)runtime_->DeleteSandbox(sandbox.id);
  }
  runtime_.reset();
  std::error_code error;
  std::filesystem::remove_all(root_, error);
}

ContainerConfig World::Container(const std::string& id, const std::string& script) {
  ContainerConfig config;
  config.id = id;
  config.rootfs.source = std::string(SHOJI_API_PREFIX) + "/share/shoji/rootfs/busybox";
  config.rootfs.read_only = true;
  config.cmd.args = {"/bin/sh", "-c", script};
  return config;
}

SandboxConfig World::Pod(const std::string& id, std::vector<ContainerConfig> containers) {
  SandboxConfig config;
  config.id = id;
  config.containers = std::move(containers);
  return config;
}

std::string World::Image(const std::string& name) const {
  const std::string path = root_ + "/" + name;
  std::ofstream(path, std::ios::binary) << std::string(1U << 20U, '\0');
  return path;
}

namespace {

void Measure(int runs, bool qemu) {
  MeasureCalls("process", runs);
  MeasureRecords(runs);
  MeasureDevices("process", runs);
  MeasureMemory("process", 8);
  if (qemu) {
    MeasureStages(std::min(runs, 7));
    MeasureDevices("qemu", std::min(runs, 5));
    MeasureMemory("qemu", 4);
  }
}

}  // namespace

}  // namespace shoji::api_benchmark

int main(int argc, char** argv) {
  using namespace shoji::api_benchmark;
  int runs = 20;
  bool qemu = false;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--qemu") == 0) {
      qemu = true;
    } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0) {
      runs = atoi(argv[++i]);
    } else {
      fprintf(stderr, "usage: api-benchmark [--runs N] [--qemu]\n");
      return 2;
    }
  }
  try {
    Measure(runs, qemu);
  } catch (const std::exception& e) {
    fprintf(stderr, "api-benchmark: %s\n", e.what());
    return 1;
  }
  return 0;
}
