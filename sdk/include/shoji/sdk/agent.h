// Base class for plugins of kind "agent".
//
// Purpose  Write a class, get the C table; the connector is released exactly once by itself.
// Threads  The virtual functions may be called side by side; the destructor comes last and
//          is close(): it cancels what is under way.
// Example
//     class MyAgent : public shoji::sdk::AgentBase {
//      public:
//       static Result<std::unique_ptr<AgentBase>> Open(const Host&, const shoji_options*,
//                                                      Connector connector);
//       Status Check(const shoji_call*) override; ...
//     };
//     SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& i) {
//       i.Add(SHOJI_AGENT_V1, shoji::sdk::AgentTable<MyAgent>());
//     });
#ifndef SHOJI_SDK_AGENT_H_
#define SHOJI_SDK_AGENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "shoji/plugin/agent.h"
#include "shoji/sdk/plugin.h"

namespace shoji::sdk {

// The way to the guest; releases what the host lent with it.
class Connector {
 public:
  explicit Connector(const shoji_connector& raw) : raw_(raw) {}
  Connector(Connector&& other) noexcept : raw_(std::exchange(other.raw_, {})) {}
  Connector& operator=(Connector&&) = delete;
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;
  ~Connector() {
    if (raw_.release != nullptr) raw_.release(raw_.ctx);
  }
  // The code of the host's connect(); `*ret_fd` belongs to the caller. `error` may be null.
  std::int32_t Connect(const shoji_call* call, std::int32_t* ret_fd, shoji_error* error) const {
    return raw_.connect(raw_.ctx, call, ret_fd, error);
  }

 private:
  shoji_connector raw_;
};

// A process in the guest.
struct ProcessRef {
  std::string_view container_id;
  std::string_view exec_id;
};

class AgentBase {
 public:
  virtual ~AgentBase() = default;
  virtual Status Check(const shoji_call* call) = 0;
  virtual Result<std::string> GuestDetails(const shoji_call* call) = 0;
  virtual Status CreateSandbox(const shoji_call* call, const shoji_sandbox_request& request) = 0;
  virtual Status DestroySandbox(const shoji_call* call) = 0;
  virtual Status CreateContainer(const shoji_call* call,
                                 const shoji_container_request& request) = 0;
  virtual Status StartContainer(const shoji_call* call, std::string_view container_id) = 0;
  virtual Status RemoveContainer(const shoji_call* call, std::string_view container_id,
                                 std::uint32_t timeout_s) = 0;
  virtual Status ExecProcess(const shoji_call* call, const shoji_exec_request& request) = 0;
  virtual Status SignalProcess(const shoji_call* call, ProcessRef process,
                               std::uint32_t signal) = 0;
  virtual Result<std::int32_t> WaitProcess(const shoji_call* call, ProcessRef process) = 0;
  virtual Result<std::uint64_t> WriteStdin(const shoji_call* call, ProcessRef process,
                                           std::string_view data) = 0;
  virtual Status CloseStdin(const shoji_call* call, ProcessRef process) = 0;
  // Writes to the sink itself: output is not copied on its way.
  virtual Status ReadStdout(const shoji_call* call, ProcessRef process, std::uint32_t max_bytes,
                            const shoji_sink* data) = 0;
  virtual Status ReadStderr(const shoji_call* call, ProcessRef process, std::uint32_t max_bytes,
                            const shoji_sink* data) = 0;
  virtual Status TtyWinResize(const shoji_call* call, ProcessRef process, std::uint32_t rows,
                              std::uint32_t columns) = 0;
  virtual Status ReseedRandom(const shoji_call* call, std::string_view data) = 0;
  virtual Status SetTime(const shoji_call* call, std::int64_t seconds,
                         std::int64_t microseconds) = 0;
  // The table of an optional interface, or null.
  virtual const void* GetExtension(const char* /*id*/) { return nullptr; }
};

namespace internal {

struct AgentHandle {
  Host host;
  std::unique_ptr<AgentBase> agent;
};
inline AgentHandle* OfAgent(shoji_agent* agent) { return reinterpret_cast<AgentHandle*>(agent); }

template <typename T>
class AgentTrampolines {
  using Handle = AgentHandle;
  static Handle* From(shoji_agent* agent) { return OfAgent(agent); }
  static ProcessRef Ref(shoji_process_ref process) {
    return {View(process.container_id), View(process.exec_id)};
  }
  // Runs `body` with the object.
  template <typename Body>
  static std::int32_t On(shoji_agent* self, shoji_error* error, Body&& body) noexcept {
    Handle* handle = From(self);
    return handle->host.Guard(error, [&]() -> Status { return body(*handle->agent); });
  }

  static std::int32_t Open(void* plugin, const shoji_options* options,
                           const shoji_connector* connector, shoji_agent** ret_agent,
                           shoji_error* error) noexcept {
    const Host& host = HostOf(plugin);
    return host.Guard(error, [&]() -> Status {
      if (!SHOJI_HAS(shoji_connector, connector, release)) return TooShort("shoji_connector");
      SHOJI_ASSIGN_OR_RETURN(
          std::unique_ptr<AgentBase> agent,
          NotNull<AgentBase>(T::Open(host, options, Connector(*connector)), "Open"));
      *ret_agent = reinterpret_cast<shoji_agent*>(new Handle{host, std::move(agent)});
      return OkStatus();
    });
  }
  static void Close(shoji_agent* self) noexcept { delete From(self); }
  static std::int32_t Check(shoji_agent* self, const shoji_call* call, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.Check(call); });
  }
  static std::int32_t GuestDetails(shoji_agent* self, const shoji_call* call,
                                   const shoji_sink* ret_json, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) -> Status {
      SHOJI_ASSIGN_OR_RETURN(const std::string json, a.GuestDetails(call));
      return Put(ret_json, json);
    });
  }
  static std::int32_t CreateSandbox(shoji_agent* self, const shoji_call* call,
                                    const shoji_sandbox_request* request, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) -> Status {
      if (!SHOJI_HAS(shoji_sandbox_request, request, guest_hook_path)) {
        return TooShort("shoji_sandbox_request");
      }
      SHOJI_RETURN_IF_ERROR(
          CheckFlags("a sandbox request", request->flags, SHOJI_SANDBOX_SHARED_PIDNS));
      return a.CreateSandbox(call, *request);
    });
  }
  static std::int32_t DestroySandbox(shoji_agent* self, const shoji_call* call,
                                     shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.DestroySandbox(call); });
  }
  static std::int32_t CreateContainer(shoji_agent* self, const shoji_call* call,
                                      const shoji_container_request* request,
                                      shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) -> Status {
      if (!SHOJI_HAS(shoji_container_request, request, device_count)) {
        return TooShort("shoji_container_request");
      }
      SHOJI_RETURN_IF_ERROR(
          CheckFlags("a container request", request->flags, SHOJI_SANDBOX_SHARED_PIDNS));
      return a.CreateContainer(call, *request);
    });
  }
  static std::int32_t StartContainer(shoji_agent* self, const shoji_call* call, shoji_str id,
                                     shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.StartContainer(call, View(id)); });
  }
  static std::int32_t RemoveContainer(shoji_agent* self, const shoji_call* call, shoji_str id,
                                      std::uint32_t timeout_s, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.RemoveContainer(call, View(id), timeout_s); });
  }
  static std::int32_t ExecProcess(shoji_agent* self, const shoji_call* call,
                                  const shoji_exec_request* request, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) -> Status {
      if (!SHOJI_HAS(shoji_exec_request, request, process_json)) {
        return TooShort("shoji_exec_request");
      }
      return a.ExecProcess(call, *request);
    });
  }
  static std::int32_t SignalProcess(shoji_agent* self, const shoji_call* call,
                                    shoji_process_ref process, std::uint32_t signal,
                                    shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.SignalProcess(call, Ref(process), signal); });
  }
  static std::int32_t WaitProcess(shoji_agent* self, const shoji_call* call,
                                  shoji_process_ref process, std::int32_t* ret_status,
                                  shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) -> Status {
      SHOJI_ASSIGN_OR_RETURN(*ret_status, a.WaitProcess(call, Ref(process)));
      return OkStatus();
    });
  }
  static std::int32_t WriteStdin(shoji_agent* self, const shoji_call* call,
                                 shoji_process_ref process, shoji_str data,
                                 std::uint64_t* ret_written, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) -> Status {
      SHOJI_ASSIGN_OR_RETURN(*ret_written, a.WriteStdin(call, Ref(process), View(data)));
      return OkStatus();
    });
  }
  static std::int32_t CloseStdin(shoji_agent* self, const shoji_call* call,
                                 shoji_process_ref process, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.CloseStdin(call, Ref(process)); });
  }
  static std::int32_t ReadStdout(shoji_agent* self, const shoji_call* call,
                                 shoji_process_ref process, std::uint32_t max_bytes,
                                 const shoji_sink* data, shoji_error* e) noexcept {
    return On(self, e,
              [&](AgentBase& a) { return a.ReadStdout(call, Ref(process), max_bytes, data); });
  }
  static std::int32_t ReadStderr(shoji_agent* self, const shoji_call* call,
                                 shoji_process_ref process, std::uint32_t max_bytes,
                                 const shoji_sink* data, shoji_error* e) noexcept {
    return On(self, e,
              [&](AgentBase& a) { return a.ReadStderr(call, Ref(process), max_bytes, data); });
  }
  static std::int32_t TtyWinResize(shoji_agent* self, const shoji_call* call,
                                   shoji_process_ref process, std::uint32_t rows,
                                   std::uint32_t columns, shoji_error* e) noexcept {
    return On(self, e,
              [&](AgentBase& a) { return a.TtyWinResize(call, Ref(process), rows, columns); });
  }
  static std::int32_t ReseedRandom(shoji_agent* self, const shoji_call* call, shoji_str data,
                                   shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.ReseedRandom(call, View(data)); });
  }
  static std::int32_t SetTime(shoji_agent* self, const shoji_call* call, std::int64_t seconds,
                              std::int64_t microseconds, shoji_error* e) noexcept {
    return On(self, e, [&](AgentBase& a) { return a.SetTime(call, seconds, microseconds); });
  }
  static const void* GetExtension(shoji_agent* self, const char* id) noexcept {
    try {
      return From(self)->agent->GetExtension(id);
    } catch (...) {
      return nullptr;
    }
  }

 public:
  static constexpr shoji_agent_v1 kTable = {sizeof(shoji_agent_v1),
                                            0,
                                            Open,
                                            Close,
                                            Check,
                                            GuestDetails,
                                            CreateSandbox,
                                            DestroySandbox,
                                            CreateContainer,
                                            StartContainer,
                                            RemoveContainer,
                                            ExecProcess,
                                            SignalProcess,
                                            WaitProcess,
                                            WriteStdin,
                                            CloseStdin,
                                            ReadStdout,
                                            ReadStderr,
                                            TtyWinResize,
                                            ReseedRandom,
                                            SetTime,
                                            GetExtension};
};

}  // namespace internal

// The C table of agent class T.
template <typename T>
const shoji_agent_v1* AgentTable() {
  return &internal::AgentTrampolines<T>::kTable;
}

}  // namespace shoji::sdk

#endif  // SHOJI_SDK_AGENT_H_
