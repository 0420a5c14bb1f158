#include "table.h"

#include <string>
#include <utility>

#include "handles.h"
#include "shoji/sdk/hypervisor.h"

namespace shoji::mock {
namespace {

// Before the other plugin's state: a state of another plugin is told from ours.
constexpr std::string_view kStateMark = "shoji mock 1\n";

std::int32_t OpenMock(void* plugin, const shoji_options* options, shoji_hypervisor** ret,
                      shoji_error* err) noexcept {
  const sdk::Host& host = sdk::HostOf(plugin);
  return host.Guard(err, [&]() -> Status {
    const sdk::OptionMap map(options);
    SHOJI_ASSIGN_OR_RETURN(auto script, Script::Parse(map.Get("script")));
    const std::string over = map.Get("over");
    if (over.empty() || over == "mock") {
      return InvalidArgument("option \"over\" is \"" + over +
                             "\"; write the id of another hypervisor, such as process or qemu");
    }
    *ret = reinterpret_cast<shoji_hypervisor*>(new Mock(host, over, std::move(script)));
    return OkStatus();
  });
}

void CloseMock(shoji_hypervisor* h) noexcept { delete Of(h); }

// The other plugin's handle, with the code to return when there is none.
std::int32_t InnerOf(Mock* mock, shoji_hypervisor** inner, shoji_error* err) {
  const auto opened = mock->Inner(err);
  if (!opened.ok()) return mock->host().Fail(err, opened.status());
  *inner = *opened;
  return SHOJI_OK;
}

// A plugin that is not there is a machine that cannot.
std::int32_t Unusable(const Mock* mock, const shoji_sink* sink, shoji_error* err) {
  const std::string why = "hypervisor \\\"" + mock->over() + "\\\" cannot be used";
  const std::string json = R"([{"item":"over","ok":false,"detail":")" + why +
                           R"(","advice":"set hypervisor.mock.over to one that can"}])";
  const std::int32_t code = sink->write(sink->ctx, json.data(), json.size());
  if (code != SHOJI_OK) return code;
  return mock->host().Fail(
      err, FailedPrecondition("hypervisor \"" + mock->over() + "\", under the mock, cannot be used")
               .WithDetail("reason", "skip"));
}

std::int32_t Check(shoji_hypervisor* h, const shoji_call* call, const shoji_sink* sink,
                   shoji_error* err) noexcept {
  Mock* mock = Of(h);
  return PerformWriting(*mock, "check", nullptr, call, sink, err, [&](const shoji_sink* s) {
    shoji_hypervisor* inner = nullptr;
    if (InnerOf(mock, &inner, err) != SHOJI_OK) return Unusable(mock, s, err);
    return mock->table()->check(inner, call, s, err);
  });
}

void Wrap(Mock* mock, shoji_vm* inner, shoji_vm** ret) {
  *ret = reinterpret_cast<shoji_vm*>(new MockVm{mock, inner});
}

std::int32_t Create(shoji_hypervisor* h, const shoji_call* call, const shoji_vm_config* config,
                    shoji_vm** ret, shoji_error* err) noexcept {
  Mock* mock = Of(h);
  shoji_vm* made = nullptr;
  const auto work = [&]() -> std::int32_t {
    const auto checked = sdk::internal::ConfigOf(config);
    if (!checked.ok()) return mock->host().Fail(err, checked.status());
    shoji_hypervisor* inner = nullptr;
    const std::int32_t code = InnerOf(mock, &inner, err);
    return code != SHOJI_OK ? code : mock->table()->create(inner, call, config, &made, err);
  };
  const std::int32_t code =
      Perform(*mock, "create", nullptr, call, err, work, [&] { mock->table()->close_vm(made); });
  if (code == SHOJI_OK) Wrap(mock, made, ret);
  return code;
}

std::int32_t Start(shoji_vm* handle, const shoji_call* call, shoji_error* err) noexcept {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "start", vm, call, err,
                 [&] { return vm->mock->table()->start(vm->inner, call, err); });
}

std::int32_t Stop(shoji_vm* handle, const shoji_call* call, std::uint32_t flags,
                  shoji_error* err) noexcept {
  const MockVm* vm = Of(handle);
  return Perform(*vm->mock, "stop", vm, call, err,
                 [&] { return vm->mock->table()->stop(vm->inner, call, flags, err); });
}

std::int32_t WaitFd(shoji_vm* handle) noexcept {
  return Of(handle)->mock->table()->wait_fd(Of(handle)->inner);
}

// Slots that write a text and take no call.
using TextSlot = std::int32_t (*)(shoji_vm*, const shoji_sink*, shoji_error*);

std::int32_t Write(shoji_vm* handle, std::string_view name, TextSlot shoji_hypervisor_v1::*slot,
                   const shoji_sink* sink, shoji_error* err) {
  const MockVm* vm = Of(handle);
  return PerformWriting(*vm->mock, name, vm, nullptr, sink, err, [&](const shoji_sink* s) {
    return (vm->mock->table()->*slot)(vm->inner, s, err);
  });
}

std::int32_t Pids(shoji_vm* vm, const shoji_sink* sink, shoji_error* err) noexcept {
  return Write(vm, "pids", &shoji_hypervisor_v1::pids, sink, err);
}
std::int32_t AgentEndpoint(shoji_vm* vm, const shoji_sink* sink, shoji_error* err) noexcept {
  return Write(vm, "agent_endpoint", &shoji_hypervisor_v1::agent_endpoint, sink, err);
}
std::int32_t LastWords(shoji_vm* vm, const shoji_sink* sink, shoji_error* err) noexcept {
  return Write(vm, "last_words", &shoji_hypervisor_v1::last_words, sink, err);
}

std::int32_t SaveState(shoji_vm* handle, const shoji_sink* sink, shoji_error* err) noexcept {
  const MockVm* vm = Of(handle);
  return PerformWriting(*vm->mock, "save_state", vm, nullptr, sink, err, [&](const shoji_sink* s) {
    const std::int32_t code = s->write(s->ctx, kStateMark.data(), kStateMark.size());
    return code != SHOJI_OK ? code : vm->mock->table()->save_state(vm->inner, s, err);
  });
}

std::int32_t Attach(shoji_hypervisor* h, const shoji_call* call, shoji_str state, shoji_vm** ret,
                    shoji_error* err) noexcept {
  Mock* mock = Of(h);
  shoji_vm* found = nullptr;
  const auto work = [&]() -> std::int32_t {
    const std::string_view all = sdk::View(state);
    if (!all.starts_with(kStateMark)) {
      return mock->host().Fail(err, DataLoss("the saved state of the VM is not one of the mock"));
    }
    shoji_hypervisor* inner = nullptr;
    const std::int32_t code = InnerOf(mock, &inner, err);
    if (code != SHOJI_OK) return code;
    return mock->table()->attach(inner, call, sdk::ToStr(all.substr(kStateMark.size())), &found,
                                 err);
  };
  const std::int32_t code = Perform(*mock, "attach", nullptr, call, err, work, [&] {
    mock->table()->close_vm(std::exchange(found, nullptr));
  });
  // NOT_FOUND may come with a handle, to clean up with.
  if (found != nullptr) Wrap(mock, found, ret);
  return code;
}

void CloseVm(shoji_vm* handle) noexcept {
  const std::unique_ptr<MockVm> vm(Of(handle));
  if (vm != nullptr) vm->mock->table()->close_vm(vm->inner);
}

// Whatever fails, the handle is gone; a VM that was not destroyed goes on without one.
std::int32_t Destroy(shoji_vm* handle, const shoji_call* call, shoji_error* err) noexcept {
  const std::unique_ptr<MockVm> vm(Of(handle));
  if (vm == nullptr) return SHOJI_OK;
  bool destroyed = false;
  const std::int32_t code = Perform(*vm->mock, "destroy", vm.get(), call, err, [&] {
    destroyed = true;
    return vm->mock->table()->destroy(vm->inner, call, err);
  });
  if (!destroyed) vm->mock->table()->close_vm(vm->inner);
  return code;
}

}  // namespace

const shoji_hypervisor_v1* MockTable() {
  static constexpr shoji_hypervisor_v1 kTable = {sizeof(shoji_hypervisor_v1),
                                                 0,
                                                 OpenMock,
                                                 CloseMock,
                                                 Check,
                                                 Create,
                                                 Start,
                                                 Stop,
                                                 WaitFd,
                                                 Pids,
                                                 AgentEndpoint,
                                                 LastWords,
                                                 SaveState,
                                                 Attach,
                                                 CloseVm,
                                                 Destroy,
                                                 ExtensionOf};
  return &kTable;
}

}  // namespace shoji::mock
