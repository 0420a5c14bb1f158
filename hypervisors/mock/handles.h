// What the mock's handles stand for, and how a fault is carried out.
//
// Threads  Perform() is safe; handles are used as shoji/plugin/hypervisor.h says.
// Example  return Perform(*vm->hypervisor, "start", vm, call, err, [&] { return inner_start(); });
#ifndef SHOJI_HYPERVISORS_MOCK_HANDLES_H_
#define SHOJI_HYPERVISORS_MOCK_HANDLES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "script.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/plugin/hypervisor.h"
#include "shoji/sdk/other_plugin.h"
#include "shoji/sdk/plugin.h"

namespace shoji::mock {

// An open mock. The plugin behind it is found and opened when it is needed first.
class Mock {
 public:
  Mock(const sdk::Host& host, std::string over, std::unique_ptr<Script> script)
      : host_(host), over_(std::move(over)), script_(std::move(script)) {}
  ~Mock();
  Mock(const Mock&) = delete;
  Mock& operator=(const Mock&) = delete;

  const sdk::Host& host() const { return host_; }
  const std::string& over() const { return over_; }
  Script& script() { return *script_; }
  // The other plugin's table, once Inner() has succeeded.
  const shoji_hypervisor_v1* table() const { return other_.table; }
  // The other plugin's handle. A failure has filled `err`.
  Result<shoji_hypervisor*> Inner(shoji_error* err) SHOJI_EXCLUDES(mutex_);

 private:
  const sdk::Host host_;
  const std::string over_;
  const std::unique_ptr<Script> script_;
  sdk::OtherPlugin<shoji_hypervisor_v1> other_;
  Mutex mutex_;
  shoji_hypervisor* inner_ SHOJI_GUARDED_BY(mutex_) = nullptr;
};

// A VM of the other plugin, under the mock.
struct MockVm {
  Mock* mock;
  shoji_vm* inner;
};

inline Mock* Of(shoji_hypervisor* h) { return reinterpret_cast<Mock*>(h); }
inline MockVm* Of(shoji_vm* vm) { return reinterpret_cast<MockVm*>(vm); }

// The slots of the other plugin give codes and fill `err` themselves.
using Work = std::function<std::int32_t()>;

// Does the work of `slot` with the fault that the script has for this call. `vm` null: none yet.
// `undo` takes back what the work did when it is to look as if it had failed.
std::int32_t Perform(Mock& mock, std::string_view slot, const MockVm* vm, const shoji_call* call,
                     shoji_error* err, const Work& work,
                     const std::function<void()>& undo = nullptr) noexcept;

// The same for a slot that writes to `sink`: `work` gets the sink it is to write to.
std::int32_t PerformWriting(Mock& mock, std::string_view slot, const MockVm* vm,
                            const shoji_call* call, const shoji_sink* sink, shoji_error* err,
                            const std::function<std::int32_t(const shoji_sink*)>& work) noexcept;

// The mock's table for optional interface `id` of the VM; null when the other plugin has none, or
// the mock does not know it.
const void* ExtensionOf(shoji_vm* vm, const char* id);

}  // namespace shoji::mock

#endif  // SHOJI_HYPERVISORS_MOCK_HANDLES_H_
