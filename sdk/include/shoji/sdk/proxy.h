// Base class for plugins of kind "proxy".
//
// Purpose  Write a class, get the C table: no C, no exception and no half-set result crosses.
// Threads  As shoji/plugin/proxy.h: the virtual functions may be called side by side, except
//          Stop() and the destructor.
// Example
//     class MyProxy : public shoji::sdk::ProxyBase {
//      public:
//       static Result<std::unique_ptr<ProxyBase>> Start(const Host&, const shoji_options*,
//                                                       const shoji_call*,
//                                                       const shoji_proxy_params&);
//       static Result<std::unique_ptr<ProxyBase>> Attach(const Host&, const shoji_options*,
//                                                        const shoji_call*, std::string_view
//                                                        state);
//       Result<int> Connect(const shoji_call*) override; ...
//     };
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_PROXY_V1, shoji::sdk::ProxyTable<MyProxy>());
//     });
#ifndef SHOJI_SDK_PROXY_H_
#define SHOJI_SDK_PROXY_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "shoji/plugin/proxy.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

struct ProxyInfo {
  std::int32_t pid = 0;  // the caller's own when built in, 0 when there is none
  std::string url;       // where others reach it; may be empty
};

class ProxyBase {
 public:
  virtual ~ProxyBase() = default;  // release(): drops our side only
  // A connected socket; it belongs to the caller.
  virtual Result<int> Connect(const shoji_call* call) = 0;
  virtual Result<ProxyInfo> Info() = 0;
  virtual Result<std::string> SaveState() = 0;
  // Ends the proxy; the object is destroyed afterwards, whatever comes back.
  virtual Status Stop(const shoji_call* call) = 0;
  virtual bool ConsoleWatched() { return false; }
};

namespace internal {

template <typename T>
class ProxyTrampolines {
  struct Handle {
    Host host;
    std::unique_ptr<ProxyBase> proxy;
  };
  static Handle* From(shoji_proxy* proxy) { return reinterpret_cast<Handle*>(proxy); }

  static Status Give(const Host& host, Result<std::unique_ptr<ProxyBase>> made,
                     shoji_proxy** ret_proxy) {
    SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<ProxyBase> proxy,
                           NotNull<ProxyBase>(std::move(made), "Start or Attach"));
    *ret_proxy = reinterpret_cast<shoji_proxy*>(new Handle{host, std::move(proxy)});
    return OkStatus();
  }
  static std::int32_t Start(void* plugin, const shoji_options* options, const shoji_call* call,
                            const shoji_proxy_params* params, shoji_proxy** ret_proxy,
                            shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      if (!SHOJI_HAS(shoji_proxy_params, params, console_url)) {
        return TooShort("shoji_proxy_params");
      }
      SHOJI_RETURN_IF_ERROR(CheckFlags("a proxy", params->flags, 0));
      return Give(host, T::Start(host, options, call, *params), ret_proxy);
    });
  }
  static std::int32_t Connect(shoji_proxy* self, const shoji_call* call, std::int32_t* ret_fd,
                              shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(*ret_fd, From(self)->proxy->Connect(call));
      return OkStatus();
    });
  }
  static std::int32_t Info(shoji_proxy* self, std::int32_t* ret_pid, const shoji_sink* ret_url,
                           shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const ProxyInfo info, From(self)->proxy->Info());
      SHOJI_RETURN_IF_ERROR(Put(ret_url, info.url));
      *ret_pid = info.pid;
      return OkStatus();
    });
  }
  static std::int32_t SaveState(shoji_proxy* self, const shoji_sink* ret_state,
                                shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const std::string state, From(self)->proxy->SaveState());
      return Put(ret_state, state);
    });
  }
  static std::int32_t Attach(void* plugin, const shoji_options* options, const shoji_call* call,
                             shoji_str state, shoji_proxy** ret_proxy,
                             shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      return Give(host, T::Attach(host, options, call, View(state)), ret_proxy);
    });
  }
  static std::int32_t Stop(shoji_proxy* self, const shoji_call* call, shoji_error* error) noexcept {
    if (self == nullptr) return SHOJI_OK;
    const std::unique_ptr<Handle> handle(From(self));
    return handle->host.Guard(error, [&]() -> Status { return handle->proxy->Stop(call); });
  }
  static void Release(shoji_proxy* self) noexcept { delete From(self); }
  static std::int32_t ConsoleWatched(shoji_proxy* self) noexcept {
    try {
      return From(self)->proxy->ConsoleWatched() ? 1 : 0;
    } catch (...) {
      return 0;
    }
  }

 public:
  static constexpr shoji_proxy_v1 kTable = {
      sizeof(shoji_proxy_v1), 0, Start, Connect, Info, SaveState, Attach, Stop, Release,
      ConsoleWatched};
};

}  // namespace internal

// The C table of proxy class T.
template <typename T>
const shoji_proxy_v1* ProxyTable() {
  return &internal::ProxyTrampolines<T>::kTable;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_PROXY_H_
