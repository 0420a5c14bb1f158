// Base for plugins of kind "shim".
//
// Purpose  Write a class with two or three static functions, get the C table.
// Threads  They may be called from any thread at any time.
// Example
//     struct MyShim {
//       static Result<std::int32_t> Start(const Host&, const shoji_options*, const shoji_call*,
//                                         const shoji_shim_params&);
//       static Status Stop(const Host&, const shoji_call*, std::int32_t pid);
//       // Where shims can: interface minor 2 in the note.
//       static Status Signal(const Host&, const shoji_options*, const shoji_call*,
//                            const shoji_shim_params&, std::int32_t pid, std::int32_t signal);
//     };
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_SHIM_V1, shoji::sdk::ShimTable<MyShim>());
//     });
#ifndef SHOJI_SDK_SHIM_H_
#define SHOJI_SDK_SHIM_H_

#include "shoji/plugin/shim.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk {
namespace internal {

template <typename T>
class ShimTrampolines {
  static std::int32_t Start(void* plugin, const shoji_options* options, const shoji_call* call,
                            const shoji_shim_params* params, std::int32_t* ret_pid,
                            shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      if (!SHOJI_HAS(shoji_shim_params, params, console)) return TooShort("shoji_shim_params");
      SHOJI_RETURN_IF_ERROR(
          CheckFlags("a shim", params->flags, SHOJI_SHIM_TERMINAL | SHOJI_SHIM_DETACH));
      SHOJI_ASSIGN_OR_RETURN(*ret_pid, T::Start(host, options, call, *params));
      return OkStatus();
    });
  }
  static std::int32_t Stop(void* plugin, const shoji_call* call, std::int32_t pid,
                           shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status { return T::Stop(host, call, pid); });
  }

  static std::int32_t Signal(void* plugin, const shoji_options* options, const shoji_call* call,
                             const shoji_shim_params* params, std::int32_t pid, std::int32_t signal,
                             shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      if (!SHOJI_HAS(shoji_shim_params, params, exec_id)) return TooShort("shoji_shim_params");
      return T::Signal(host, options, call, *params, pid, signal);
    });
  }
  static constexpr shoji_shim_v1 Table() {
    shoji_shim_v1 table = {sizeof(shoji_shim_v1), 0, Start, Stop, nullptr};
    if constexpr (requires { &T::Signal; }) table.signal = Signal;
    return table;
  }

 public:
  static constexpr shoji_shim_v1 kTable = Table();
};

}  // namespace internal

// The C table of shim class T.
template <typename T>
const shoji_shim_v1* ShimTable() {
  return &internal::ShimTrampolines<T>::kTable;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_SHIM_H_
