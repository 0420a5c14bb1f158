// Base class for plugins of kind "factory".
//
// Purpose  Write a class, get the C table.
// Threads  The virtual functions may be called side by side.
// Example
//     class MyFactory : public shoji::sdk::FactoryBase {
//      public:
//       static Result<std::unique_ptr<FactoryBase>> Open(const Host&, const shoji_options*);
//       Result<NewVm> Make(const shoji_call*, const shoji_vm_request&, shoji_error*) override;
//     };
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_FACTORY_V1, shoji::sdk::FactoryTable<MyFactory>());
//       // and if it overrides Prepare() or Serve():
//       i.Add(SHOJI_FACTORY_SERVER_V1, shoji::sdk::FactoryServerTable<MyFactory>());
//     });
#ifndef SHOJI_SDK_FACTORY_H_
#define SHOJI_SDK_FACTORY_H_

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "shoji/plugin/factory.h"
#include "shoji/plugin/factory_server.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

// Handles that belong to the receiver.
struct NewVm {
  shoji_vm* vm = nullptr;
  shoji_proxy* proxy = nullptr;
  shoji_agent* agent = nullptr;
  std::uint32_t flags = 0;  // SHOJI_NEW_VM_*
  // What it was made with, where that is not what was asked for; 0: as asked.
  std::uint32_t boot_vcpus = 0;
  std::uint64_t boot_memory_bytes = 0;
};

class FactoryBase {
 public:
  virtual ~FactoryBase() = default;
  // `error` is for the plugins that are called on the way: what one of them has filled is
  // given back as Told(code).
  virtual Result<NewVm> Make(const shoji_call* call, const shoji_vm_request& request,
                             shoji_error* error) = 0;
  // JSON: {"ready": count, "detail": text}
  virtual Result<std::string> StatusJson(const shoji_call* call) = 0;
  virtual Status Destroy(const shoji_call* call) = 0;

  // shoji.factory.server/1: a class that overrides one of them adds FactoryServerTable<>.
  virtual Status Prepare(const shoji_call* /*call*/, const shoji_vm_request& /*request*/,
                         shoji_error* /*error*/) {
    return Unimplemented("this factory prepares nothing");
  }
  // Until somebody asks it to end (OK) or the call is cancelled (CANCELLED).
  virtual Status Serve(const shoji_call* /*call*/, const shoji_vm_request& /*request*/,
                       const std::string& /*socket_path*/, shoji_error* /*error*/) {
    return Unimplemented("this factory gives no VMs to other processes");
  }
};

namespace internal {

template <typename T>
class FactoryTrampolines {
  struct Handle {
    Host host;
    std::unique_ptr<FactoryBase> factory;
  };
  static Handle* From(shoji_factory* factory) { return reinterpret_cast<Handle*>(factory); }

  static std::int32_t Open(void* plugin, const shoji_options* options, shoji_factory** ret_factory,
                           shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<FactoryBase> factory,
                             NotNull<FactoryBase>(T::Open(host, options), "Open"));
      *ret_factory = reinterpret_cast<shoji_factory*>(new Handle{host, std::move(factory)});
      return OkStatus();
    });
  }
  static void Close(shoji_factory* self) noexcept { delete From(self); }
  static std::int32_t Make(shoji_factory* self, const shoji_call* call,
                           const shoji_vm_request* request, shoji_new_vm* ret_vm,
                           shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      if (!SHOJI_HAS(shoji_new_vm, ret_vm, agent)) return TooShort("shoji_new_vm");
      SHOJI_RETURN_IF_ERROR(CheckRequest(request));
      SHOJI_ASSIGN_OR_RETURN(const NewVm made, From(self)->factory->Make(call, *request, error));
      Fill(made, ret_vm);
      return OkStatus();
    });
  }
  static void Fill(const NewVm& made, shoji_new_vm* ret_vm) {
    ret_vm->flags = made.flags;
    ret_vm->vm = made.vm;
    ret_vm->proxy = made.proxy;
    ret_vm->agent = made.agent;
    if (SHOJI_HAS(shoji_new_vm, ret_vm, boot_memory_bytes)) {
      ret_vm->boot_vcpus = made.boot_vcpus;
      ret_vm->boot_memory_bytes = made.boot_memory_bytes;
    }
  }
  static std::int32_t StatusJson(shoji_factory* self, const shoji_call* call,
                                 const shoji_sink* ret_json, shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      SHOJI_ASSIGN_OR_RETURN(const std::string json, From(self)->factory->StatusJson(call));
      return Put(ret_json, json);
    });
  }
  static std::int32_t Destroy(shoji_factory* self, const shoji_call* call,
                              shoji_error* error) noexcept {
    return From(self)->host.Guard(error,
                                  [&]() -> Status { return From(self)->factory->Destroy(call); });
  }
  static Status CheckRequest(const shoji_vm_request* request) {
    if (!SHOJI_HAS(shoji_vm_request, request, config)) return TooShort("shoji_vm_request");
    return CheckFlags("a VM request", request->flags, 0);
  }
  static std::int32_t Prepare(shoji_factory* self, const shoji_call* call,
                              const shoji_vm_request* request, shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      SHOJI_RETURN_IF_ERROR(CheckRequest(request));
      return From(self)->factory->Prepare(call, *request, error);
    });
  }
  static std::int32_t Serve(shoji_factory* self, const shoji_call* call,
                            const shoji_vm_request* request, shoji_str socket_path,
                            shoji_error* error) noexcept {
    return From(self)->host.Guard(error, [&]() -> Status {
      SHOJI_RETURN_IF_ERROR(CheckRequest(request));
      return From(self)->factory->Serve(call, *request, String(socket_path), error);
    });
  }
  // A slot that T does not override is not offered.
  static constexpr bool kPrepares =
      !std::is_same_v<decltype(&T::Prepare), decltype(&FactoryBase::Prepare)>;
  static constexpr bool kServes =
      !std::is_same_v<decltype(&T::Serve), decltype(&FactoryBase::Serve)>;

 public:
  static constexpr shoji_factory_v1 kTable = {
      sizeof(shoji_factory_v1), 0, Open, Close, Make, StatusJson, Destroy};
  static constexpr shoji_factory_server_v1 kServerTable = {
      sizeof(shoji_factory_server_v1), 0, kPrepares ? Prepare : nullptr, kServes ? Serve : nullptr};
};

}  // namespace internal

// The C table of factory class T.
template <typename T>
const shoji_factory_v1* FactoryTable() {
  return &internal::FactoryTrampolines<T>::kTable;
}

// That of shoji.factory.server/1.
template <typename T>
const shoji_factory_server_v1* FactoryServerTable() {
  return &internal::FactoryTrampolines<T>::kServerTable;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_FACTORY_H_
