// The host that the kit shows to a plugin.
//
// Purpose  Offers every service, older or newer than the plugin, complete or not, and keeps
//          everything that the plugin says to it.
// Threads  Safe.
// Life     Outlives the plugin that was opened with it.
// Example
//     KitHost host({.abi_min = 7, .abi_max = 8});
//     KitError error;
//     const std::int32_t code = open(host.raw(), &plugin, error.raw());
//     if (auto defect = error.Defect(code)) return Fail("open: " + *defect);
#ifndef SHOJI_VALIDATE_KIT_HOST_H_
#define SHOJI_VALIDATE_KIT_HOST_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/plugin/base.h"
#include "shoji/plugin/services.h"
#include "shoji/sdk/testing/fake_host.h"

namespace shoji::validate {

// Sizes in the first release of ABI 1. Frozen.
inline constexpr std::uint32_t kFirstHostSize = 56;
inline constexpr std::uint32_t kFirstPluginSize = 32;

inline shoji_str Str(std::string_view text) { return {text.data(), text.size()}; }
std::string Text(shoji_str text);

// What a plugin says of a failure.
class KitError {
 public:
  KitError() = default;
  KitError(const KitError&) = delete;
  KitError& operator=(const KitError&) = delete;

  shoji_error* raw() { return error_.raw(); }
  const std::string& message() const { return error_.message; }
  std::string detail(const std::string& name) const;
  const std::map<std::string, std::string>& details() const { return error_.details; }

  // "NOT_FOUND: there is no key" for people.
  std::string Describe(std::int32_t returned) const;
  // What breaks the rules of failing with code `returned`: an unknown code, no message,
  // several lines. Nothing when `returned` is OK.
  std::optional<std::string> BadCode(std::int32_t returned) const;
  std::optional<std::string> BadMessage(std::int32_t returned) const;
  std::optional<std::string> Defect(std::int32_t returned) const;
  // The machine cannot, says the plugin; that is no defect.
  bool IsSkip() const { return detail("reason") == "skip"; }

 private:
  // What error_set() fills: StoreChecks() brings its own.
  sdk::testing::FakeError error_;
};

// "NOT_FOUND" for 5; defined in store_checks_handle.cc.
std::string CodeName(std::int32_t code);

// A piece of memory that ends where the next page cannot be read or written.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t size);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  void* get() const { return data_; }

 private:
  void* map_;
  std::size_t map_size_;
  void* data_;
};

class KitHost {
 public:
  struct Options {
    std::uint32_t abi_min = SHOJI_ABI_VERSION;
    std::uint32_t abi_max = SHOJI_ABI_VERSION;
    std::uint32_t surplus = 0;  // bytes behind what the first release had, all poison
    bool guarded = false;       // what follows cannot be read, instead of being zero
    bool services = true;
    std::set<std::string> missing{};  // service ids that are not offered
    std::string scratch{};            // where shoji.dirs/1 points to
  };
  explicit KitHost(Options options);
  KitHost(const KitHost&) = delete;
  KitHost& operator=(const KitHost&) = delete;

  const shoji_host* raw() const { return static_cast<const shoji_host*>(memory_.get()); }

  // Everything said so far: log lines, fields, spans, metrics, errors.
  std::vector<std::string> Heard() const;
  // Calls of services that break their contract.
  std::vector<std::string> Misuses() const;

  static const std::vector<std::string>& ServiceIds();

 private:
  friend struct Services;
  void Hear(std::string text) const;
  void Misuse(std::string text) const;
  static KitHost* Of(const shoji_host* host) { return static_cast<KitHost*>(host->ctx); }
  static const void* GetService(const shoji_host* host, const char* id);
  static void ErrorSet(shoji_error* err, std::int32_t code, std::int32_t sys_errno,
                       shoji_str message);
  static void ErrorDetail(shoji_error* err, shoji_str name, shoji_str value);

  Options options_;
  GuardedMemory memory_;
  mutable Mutex mutex_;
  mutable std::vector<std::string> heard_ SHOJI_GUARDED_BY(mutex_);
  mutable std::vector<std::string> misuses_ SHOJI_GUARDED_BY(mutex_);
};

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_KIT_HOST_H_
