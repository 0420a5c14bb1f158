// Fake tables for devices, sizes and networks: a machine that remembers what it has.
//
// Threads  Safe.
// Example
//     world.machine().Has("data");
//     world.machine().Calls();   // {"attach data", "update_interface eth0", ...}
#ifndef SHOJI_CORE_TESTING_FAKE_HOTPLUG_H_
#define SHOJI_CORE_TESTING_FAKE_HOTPLUG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugin/interfaces.h"
#include "shoji/base/thread_annotations.h"
#include "shoji/plugin/base.h"

namespace shoji::testing {

class FakeWorld;

class FakeMachine {
 public:
  // A new VM with these devices and this size.
  void Boot(const VmConfig& config) SHOJI_EXCLUDES(mutex_);
  // The VM takes no notice of devices at boot.
  void IgnoreBootDevices() SHOJI_EXCLUDES(mutex_);
  void NoResize() SHOJI_EXCLUDES(mutex_);
  void ShareMount(const std::string& json) SHOJI_EXCLUDES(mutex_);  // empty: not offered

  bool Has(const std::string& device) SHOJI_EXCLUDES(mutex_);
  std::size_t DeviceCount() SHOJI_EXCLUDES(mutex_);
  std::uint64_t Limit(const std::string& device) SHOJI_EXCLUDES(mutex_);  // bytes/s
  VmSize Size() SHOJI_EXCLUDES(mutex_);
  std::vector<std::string> Calls() SHOJI_EXCLUDES(mutex_);
  void Note(const std::string& call) SHOJI_EXCLUDES(mutex_);
  // Interfaces of the namespace that the plugin has joined; those it finds at first.
  std::vector<std::string> Nics() SHOJI_EXCLUDES(mutex_);
  void SetFound(std::vector<std::string> names) SHOJI_EXCLUDES(mutex_);
  int Joined() SHOJI_EXCLUDES(mutex_);

  // For the tables.
  std::int32_t Attach(const shoji_device& device, std::string* json) SHOJI_EXCLUDES(mutex_);
  void Detach(const std::string& id) SHOJI_EXCLUDES(mutex_);
  bool SetLimit(const std::string& id, std::uint64_t bytes) SHOJI_EXCLUDES(mutex_);
  VmSize SetVcpus(std::uint32_t vcpus) SHOJI_EXCLUDES(mutex_);
  VmSize SetMemory(std::uint64_t bytes, std::uint64_t block) SHOJI_EXCLUDES(mutex_);
  bool CanResize() SHOJI_EXCLUDES(mutex_);
  std::string ShareText() SHOJI_EXCLUDES(mutex_);
  bool Join() SHOJI_EXCLUDES(mutex_);
  void Leave() SHOJI_EXCLUDES(mutex_);
  bool AddNic(const std::string& name) SHOJI_EXCLUDES(mutex_);
  void RemoveNic(const std::string& name) SHOJI_EXCLUDES(mutex_);

 private:
  struct Device {
    std::string content;
    std::string json;
    std::uint64_t limit = 0;
  };
  Mutex mutex_;
  std::map<std::string, Device> devices_ SHOJI_GUARDED_BY(mutex_);
  std::vector<std::string> calls_ SHOJI_GUARDED_BY(mutex_);
  std::vector<std::string> found_ SHOJI_GUARDED_BY(mutex_) = {"eth0"};
  std::vector<std::string> nics_ SHOJI_GUARDED_BY(mutex_);
  VmSize size_ SHOJI_GUARDED_BY(mutex_);
  std::string share_ SHOJI_GUARDED_BY(mutex_);
  int joined_ SHOJI_GUARDED_BY(mutex_) = 0;
  int next_slot_ SHOJI_GUARDED_BY(mutex_) = 1;
  bool ignore_ SHOJI_GUARDED_BY(mutex_) = false;
  bool resize_ SHOJI_GUARDED_BY(mutex_) = true;
};

// What get_extension() of a fake VM and a fake agent answers.
const void* HotplugExtension(shoji_vm* vm, const char* id);
const void* GuestExtension(shoji_agent* agent, const char* id);
std::int32_t FakeGuestDetails(shoji_agent* agent, const shoji_call* call, const shoji_sink* out,
                              shoji_error* error);
// Notes what a guest is to mount and the devices it is to wait for: "mount blk 02/01 /path".
void NoteMounts(FakeMachine& machine, const shoji_storage* const* storages, std::uint32_t count);
void NoteDevices(FakeMachine& machine, const shoji_container_request& request);
std::unique_ptr<Network> MakeFakeNetwork(FakeWorld& world);
std::string FakeMac(const std::string& nic);  // "02:00:00:00:00:XX"

}  // namespace shoji::testing

#endif  // SHOJI_CORE_TESTING_FAKE_HOTPLUG_H_
