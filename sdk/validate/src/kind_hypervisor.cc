// Kind "hypervisor", as far as it goes without starting a VM.
#include <nlohmann/json.hpp>

#include "kinds.h"
#include "shoji/base/file.h"
#include "shoji/plugin/hypervisor.h"

namespace shoji::validate {
namespace {

constexpr std::size_t kStateMax = 64U << 10U;

TableShape Table() {
  using T = shoji_hypervisor_v1;
  return {SHOJI_HYPERVISOR_V1,
          offsetof(T, get_extension) + sizeof(void*),
          {KIT_SLOT(T, open), KIT_SLOT(T, close), KIT_SLOT(T, check), KIT_SLOT(T, create),
           KIT_SLOT(T, start), KIT_SLOT(T, stop), KIT_SLOT(T, wait_fd), KIT_SLOT(T, pids),
           KIT_SLOT(T, agent_endpoint), KIT_SLOT(T, last_words), KIT_SLOT(T, save_state),
           KIT_SLOT(T, attach), KIT_SLOT(T, close_vm), KIT_SLOT(T, destroy),
           KIT_SLOT(T, get_extension)}};
}

Result<Closing<shoji_hypervisor>> OpenHypervisor(Session& session) {
  return OpenInstance<shoji_hypervisor>(session,
                                        session.Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1));
}

Verdict Live(Session& session) {
  KIT_OPEN(const auto hypervisor, OpenHypervisor(session));
  return Pass();
}

// A configuration that is right but for what a check changes.
struct Machine {
  explicit Machine(const std::string& scratch)
      : run_dir(scratch + "/vm"), kernel(scratch + "/kernel"), initrd(scratch + "/initrd") {
    (void)MakeDirs(run_dir, 0700);
    (void)WriteFile(kernel, "no kernel");
    (void)WriteFile(initrd, "no initrd");
  }
  shoji_vm_config Config() const {
    return {sizeof(shoji_vm_config),
            1,
            128U << 20U,
            Str(id),
            Str(run_dir),
            Str(kernel),
            Str(initrd),
            Str("quiet"),
            nullptr,
            0,
            0,
            {},
            {},
            nullptr,
            0,
            0};
  }
  std::string id = "validate";
  std::string run_dir;
  std::string kernel;
  std::string initrd;
};

void ProvokeCreate(Session& session, shoji_hypervisor* hypervisor, Provoker& provoker,
                   const std::string& what, std::int32_t expected, const shoji_vm_config& config) {
  const auto* table = session.Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1);
  shoji_vm* vm = Untouched<shoji_vm>();
  const bool refused = provoker.Refused(
      "create() with " + what, {expected},
      [&](shoji_error* err) { return table->create(hypervisor, nullptr, &config, &vm, err); },
      [&] { return vm != Untouched<shoji_vm>(); });
  if (!refused && vm != Untouched<shoji_vm>()) table->close_vm(vm);
}

void Provoke(Session& session, Provoker& provoker) {
  const auto* table = session.Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1);
  auto opened = OpenHypervisor(session);
  if (!opened.ok()) return;
  shoji_hypervisor* const hypervisor = opened->get();
  Machine machine(session.target().scratch);
  shoji_vm_config config = machine.Config();
  config.flags = 0x80000000U;
  ProvokeCreate(session, hypervisor, provoker, "an unknown flag", SHOJI_INVALID_ARGUMENT, config);
  const shoji_share share = {sizeof(shoji_share), 0x80000000U, Str("tag"), Str(machine.run_dir)};
  const shoji_share* const shares[] = {&share};
  config = machine.Config();
  config.shares = shares;
  config.share_count = 1;
  ProvokeCreate(session, hypervisor, provoker, "a share with an unknown flag",
                SHOJI_INVALID_ARGUMENT, config);
  config = machine.Config();
  config.id = Str("../up");
  ProvokeCreate(session, hypervisor, provoker, "the id \"../up\"", SHOJI_INVALID_ARGUMENT, config);
  config = machine.Config();
  config.kernel = Str("/nowhere/kernel");
  ProvokeCreate(session, hypervisor, provoker, "a kernel that is not there", SHOJI_NOT_FOUND,
                config);
  provoker.MaySucceed();  // a VMM that boots none
  const std::string noise("\x01\x80\xff{\"\0\n", 7);
  for (const std::string& state : {std::string(), noise, std::string(kStateMax, '{')}) {
    shoji_vm* vm = Untouched<shoji_vm>();
    provoker.Refused(
        "attach() to a state of " + std::to_string(state.size()) + " bytes of noise",
        {SHOJI_DATA_LOSS},
        [&](shoji_error* err) { return table->attach(hypervisor, nullptr, Str(state), &vm, err); },
        [&] { return vm != Untouched<shoji_vm>(); });
  }
}

Verdict CheckReport(const std::string& text) {
  const auto report = nlohmann::json::parse(text, nullptr, false);
  KIT_EXPECT(report.is_array(), "check() writes no JSON array: " + text.substr(0, 200));
  for (const auto& item : report) {
    const bool whole = item.is_object() && item.contains("item") && item["item"].is_string() &&
                       item.contains("ok") && item["ok"].is_boolean() && item.contains("detail") &&
                       item["detail"].is_string() && item.contains("advice") &&
                       item["advice"].is_string();
    KIT_EXPECT(whole, "an item of check() is not {\"item\",\"ok\",\"detail\",\"advice\"}: " +
                          item.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return Pass();
}

Verdict ReportIsJson(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1);
  KIT_OPEN(const auto hypervisor, OpenHypervisor(*session));
  const shoji_call call = CallFor(10'000);
  KitSink sink;
  KitError error;
  const std::int32_t code = table->check(hypervisor.get(), &call, sink.raw(), error.raw());
  KIT_EXPECT(code == SHOJI_OK || (code == SHOJI_FAILED_PRECONDITION && error.IsSkip()),
             "check() fails with " + error.Describe(code) +
                 ", which is not FAILED_PRECONDITION with detail \"reason\" = \"skip\"");
  return CheckReport(sink.text());
}

// What must hold between create() and start().
Verdict BeforeStart(const shoji_hypervisor_v1* table, shoji_vm* vm) {
  KIT_EXPECT(table->wait_fd(vm) == -1, "wait_fd() gives a descriptor before start()");
  KitSink pids;
  KitSink state;
  KitError error;
  std::int32_t code = table->pids(vm, pids.raw(), error.raw());
  KIT_EXPECT(code == SHOJI_OK && pids.text().empty(),
             "pids() before start() gives " + error.Describe(code) + " \"" + pids.text() + "\"");
  code = table->save_state(vm, state.raw(), error.raw());
  KIT_EXPECT(code == SHOJI_OK, "save_state() before start() fails with " + error.Describe(code));
  KIT_EXPECT(state.text().size() <= kStateMax,
             "save_state() writes " + std::to_string(state.text().size()) + " bytes");
  for (int time = 0; time < 2; ++time) {
    code = table->stop(vm, nullptr, 0, error.raw());
    KIT_EXPECT(code == SHOJI_OK,
               "stop() of a VM that does not run fails with " + error.Describe(code));
  }
  return Pass();
}

Verdict NotStarted(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1);
  KIT_OPEN(const auto hypervisor, OpenHypervisor(*session));
  const Machine machine(target.scratch);
  const shoji_vm_config config = machine.Config();
  KitError error;
  shoji_vm* vm = nullptr;
  std::int32_t code = table->create(hypervisor.get(), nullptr, &config, &vm, error.raw());
  if (code == SHOJI_NOT_FOUND || error.IsSkip()) return Skip(error.Describe(code));
  KIT_EXPECT(code == SHOJI_OK, "create() fails with " + error.Describe(code));
  const Verdict verdict = BeforeStart(table, vm);
  code = table->destroy(vm, nullptr, error.raw());
  if (verdict.outcome != Outcome::kPass) return verdict;
  KIT_EXPECT(code == SHOJI_OK, "destroy() fails with " + error.Describe(code));
  KIT_ASSIGN(const std::vector<std::string> left, ListDir(machine.run_dir));
  KIT_EXPECT(left.empty(), "destroy() leaves " + left.front() + " in the run directory");
  return Pass();
}

Verdict StopFlags(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_hypervisor_v1>(SHOJI_HYPERVISOR_V1);
  KIT_OPEN(const auto hypervisor, OpenHypervisor(*session));
  const Machine machine(target.scratch);
  const shoji_vm_config config = machine.Config();
  KitError error;
  shoji_vm* vm = nullptr;
  std::int32_t code = table->create(hypervisor.get(), nullptr, &config, &vm, error.raw());
  if (code != SHOJI_OK) return Skip("no VM can be created: " + error.Describe(code));
  const std::int32_t stopped = table->stop(vm, nullptr, 0x80000000U, error.raw());
  table->destroy(vm, nullptr, nullptr);
  KIT_EXPECT(stopped == SHOJI_INVALID_ARGUMENT,
             "stop() with an unknown flag gives " + CodeName(stopped));
  return Pass();
}

}  // namespace

Kind HypervisorKind() { return {"hypervisor", Table(), {}, Live, Provoke, nullptr}; }

std::vector<Check> HypervisorChecks() {
  return {{"hypervisor-check-report",
           "check() writes its report as JSON, also when it cannot",
           20,
           "hypervisor",
           {kInstance},
           ReportIsJson},
          {"hypervisor-not-started",
           "a VM between create() and start() can be asked and destroyed",
           20,
           "hypervisor",
           {kInstance},
           NotStarted},
          {"hypervisor-stop-flags",
           "stop() refuses unknown flags",
           11,
           "hypervisor",
           {kInstance},
           StopFlags}};
}

}  // namespace shoji::validate
