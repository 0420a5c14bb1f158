// Runs one command in a virtual machine of its own: create, watch, start, stream, wait, delete.
//
//     embedder ROOTFS COMMAND [ARGUMENT...]
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

#include "shoji/runtime.h"

namespace {

int Fail(const char* what, const shoji::Status& status) {
  fprintf(stderr, "embedder: %s: %s: %s\n", what,
          std::string(shoji::StatusCodeName(status.code())).c_str(), status.message().c_str());
  return 125;
}

shoji::SandboxConfig ConfigOf(int argc, char** argv) {
  shoji::ContainerConfig container;
  container.id = "embedded";  // unique on this host, like the id of the sandbox
  container.rootfs.source = argv[1];
  container.rootfs.read_only = true;
  container.cmd.args.assign(argv + 2, argv + argc);
  shoji::SandboxConfig config;
  config.id = "embedded";
  config.containers.push_back(container);
  return config;
}

// Until the streams end; each stream has a thread of its own.
void Copy(shoji::ProcessIo& io) {
  std::thread errors([&io] {
    char buffer[65536];
    for (;;) {
      const auto count = io.ReadStderr(buffer, sizeof(buffer));
      if (!count.ok() || *count == 0) return;
      fwrite(buffer, 1, *count, stderr);
    }
  });
  char buffer[65536];
  for (;;) {
    const auto count = io.ReadStdout(buffer, sizeof(buffer));
    if (!count.ok() || *count == 0) break;
    fwrite(buffer, 1, *count, stdout);
  }
  errors.join();
  fflush(stdout);
}

// Tells of the death of the VM, and of the end of containers, until it is cancelled.
void Watch(shoji::SandboxMonitor& monitor) {
  for (auto event = monitor.Next(); event.ok(); event = monitor.Next()) {
    if (event->kind == shoji::SandboxEvent::Kind::kVmEnded) {
      fprintf(stderr, "embedder: the VM has ended: %s\n", event->text.c_str());
    }
  }
}

int Use(shoji::Sandbox& sandbox) {
  auto monitor = sandbox.Monitor();
  std::thread watcher;
  if (monitor.ok()) {
    watcher = std::thread([&monitor] { Watch(**monitor); });
  } else {
    Fail("it is not watched", monitor.status());
  }
  int result = 0;
  auto io = sandbox.IOStream("embedded", "embedded");  // before the start: nothing is missed
  if (const shoji::Status started = sandbox.Start(); !started.ok()) {
    result = Fail("cannot start", started);
  } else if (!io.ok()) {
    result = Fail("no streams", io.status());
  } else {
    (void)(*io)->CloseStdin();
    Copy(**io);  // to the end, before the exit status is asked for
    const auto exit = sandbox.WaitProcess("embedded", "embedded");
    result = exit.ok() ? *exit : Fail("cannot wait", exit.status());
  }
  if (monitor.ok()) (*monitor)->Cancel();
  if (watcher.joinable()) watcher.join();
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: embedder ROOTFS COMMAND [ARGUMENT...]\n");
    return 125;
  }
  auto runtime = shoji::Runtime::Create({});
  if (!runtime.ok()) return Fail("cannot read the configuration", runtime.status());
  const auto sandbox = (*runtime)->CreateSandbox(ConfigOf(argc, argv));
  if (!sandbox.ok()) return Fail("cannot create", sandbox.status());
  const int result = Use(**sandbox);
  if (const shoji::Status deleted = (*sandbox)->Delete(); !deleted.ok()) {
    return Fail("cannot delete", deleted);
  }
  return result;
}
