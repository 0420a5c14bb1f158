// shoji factory init|status|destroy|serve: what is made in advance of sandboxes.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "command.h"
#include "exit_status.h"
#include "signal_relay.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

// VMs of this factory wait in a process: who prepares them must stay.
constexpr const char* kCache = "cache";

void DescribeFactory(po::options_description& options) {
  options.add_options()("factory", po::value<std::string>()->value_name("FACTORY"),
                        "direct, template or cache; without it sandbox.factory");
}

void DescribeStatus(po::options_description& options) {
  DescribeFactory(options);
  DescribeFormat(options);
}

void DescribeServe(po::options_description& options) {
  options.add_options()("socket", po::value<std::string>()->value_name("PATH"),
                        "unix socket; without it factory.cache.socket");
}

Status NoWords(const Invocation& invocation, const char* command) {
  if (invocation.words.empty()) return OkStatus();
  return InvalidArgument(std::string("shoji factory ") + command + " takes no words");
}

int Serve(const Invocation& invocation) {
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return Fail(relay.status());
  RuntimeOptions options;
  options.cancel_fd = (*relay)->cancel_fd();
  auto runtime = OpenRuntime(WithFactory(invocation, kCache), std::move(options));
  if (!runtime.ok()) return Fail(runtime.status());
  const Status served = (*runtime)->ServeFactory(invocation.Text("socket"));
  return served.ok() ? 0 : Fail(served);
}

int RunServe(const Invocation& invocation) {
  if (const Status none = NoWords(invocation, "serve"); !none.ok()) return Fail(none);
  return Serve(invocation);
}

int RunInit(const Invocation& invocation) {
  if (const Status none = NoWords(invocation, "init"); !none.ok()) return Fail(none);
  const Invocation chosen = WithFactory(invocation, invocation.Text("factory"));
  auto relay = SignalRelay::Start();
  if (!relay.ok()) return Fail(relay.status());
  RuntimeOptions options;
  options.cancel_fd = (*relay)->cancel_fd();
  auto runtime = OpenRuntime(chosen, std::move(options));
  if (!runtime.ok()) return Fail(runtime.status());
  const auto factory = (*runtime)->Option("sandbox.factory");
  const bool stays = factory.ok() && *factory == kCache;
  const Status done = stays ? (*runtime)->ServeFactory() : (*runtime)->PrepareFactory();
  return done.ok() ? 0 : Fail(done);
}

void PrintStatus(const std::string& text) {
  const auto status = nlohmann::json::parse(text, nullptr, false);
  if (!status.is_object()) {
    puts(text.c_str());
    return;
  }
  printf("ready   %d\n", status.value("ready", 0));
  printf("detail  %s\n", status.value("detail", "").c_str());
  for (const auto& vm : status.value("vms", nlohmann::json::array())) {
    printf("VM      process %d, %d vCPUs, %llu MiB\n", vm.value("pid", 0), vm.value("vcpus", 0),
           static_cast<unsigned long long>(vm.value("memory", std::uint64_t{0}) >> 20U));
  }
}

int RunStatus(const Invocation& invocation) {
  if (const Status none = NoWords(invocation, "status"); !none.ok()) return Fail(none);
  if (const Status format = CheckFormat(invocation); !format.ok()) return Fail(format);
  auto runtime = OpenRuntime(WithFactory(invocation, invocation.Text("factory")));
  if (!runtime.ok()) return Fail(runtime.status());
  const auto status = (*runtime)->FactoryStatus();
  if (!status.ok()) return Fail(status.status());
  if (invocation.json()) {
    puts(status->c_str());
  } else {
    PrintStatus(*status);
  }
  return 0;
}

int RunDestroy(const Invocation& invocation) {
  if (const Status none = NoWords(invocation, "destroy"); !none.ok()) return Fail(none);
  auto runtime = OpenRuntime(WithFactory(invocation, invocation.Text("factory")));
  if (!runtime.ok()) return Fail(runtime.status());
  const Status destroyed = (*runtime)->DestroyFactory();
  return destroyed.ok() ? 0 : Fail(destroyed);
}

}  // namespace

const Command kFactoryInit = {"factory init", "", "Make ready what new VMs are made from.",
                              DescribeFactory, RunInit};
const Command kFactoryStatus = {"factory status", "", "Show what is ready.", DescribeStatus,
                                RunStatus};
const Command kFactoryDestroy = {"factory destroy", "", "Remove what was made ready.",
                                 DescribeFactory, RunDestroy};
const Command kFactoryServe = {"factory serve", "",
                               "Keep VMs ready for other processes, until it is ended.",
                               DescribeServe, RunServe};

}  // namespace shoji::cli
