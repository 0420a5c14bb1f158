#include "kit_host.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "services.h"

namespace shoji::validate {
namespace {

static_assert(kFirstHostSize == offsetof(shoji_host, error_detail) + sizeof(void*));
static_assert(kFirstPluginSize == offsetof(shoji_plugin, shutdown) + sizeof(void*));

// An address that no process has: reading through it is caught.
constexpr unsigned char kPoison = 0xd5;
// Zeroes behind a host that is not guarded: one check tells who reads them, not all.
constexpr std::size_t kMargin = 256;

bool IsKnownCode(std::int32_t code) {
  return code >= SHOJI_CANCELLED && code <= SHOJI_UNAUTHENTICATED;
}

bool HasLineBreak(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

std::string Text(shoji_str text) {
  return text.data == nullptr ? std::string()
                              : std::string(text.data, static_cast<std::size_t>(text.size));
}

std::string KitError::detail(const std::string& name) const {
  const auto found = error_.details.find(name);
  return found == error_.details.end() ? std::string() : found->second;
}

std::string KitError::Describe(std::int32_t returned) const {
  return CodeName(returned) + (error_.message.empty() ? "" : ": " + error_.message);
}

std::optional<std::string> KitError::BadCode(std::int32_t returned) const {
  if (returned == SHOJI_OK) return std::nullopt;
  if (!IsKnownCode(returned)) {
    return "fails with " + std::to_string(returned) + ", which is none of the 16 codes";
  }
  if (error_.code == returned || error_.code == SHOJI_OK) return std::nullopt;
  return "returns " + CodeName(returned) + ", but its error says " + CodeName(error_.code);
}

std::optional<std::string> KitError::BadMessage(std::int32_t returned) const {
  if (returned == SHOJI_OK) return std::nullopt;
  if (error_.message.empty()) return "fails with " + CodeName(returned) + " and no message";
  if (HasLineBreak(error_.message))
    return "the message of its failure is not one line: " + error_.message;
  return std::nullopt;
}

std::optional<std::string> KitError::Defect(std::int32_t returned) const {
  if (auto bad = BadCode(returned)) return bad;
  return BadMessage(returned);
}

GuardedMemory::GuardedMemory(std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  // Aligned to 8 at its front, so that the last bytes touch the guard.
  const std::size_t room = (size + page - 1) / page * page;
  map_size_ = room + page;
  map_ = mmap(nullptr, map_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map_ == MAP_FAILED) throw std::bad_alloc();
  mprotect(static_cast<char*>(map_) + room, page, PROT_NONE);
  data_ = static_cast<char*>(map_) + room - size;
}

GuardedMemory::~GuardedMemory() { munmap(map_, map_size_); }

KitHost::KitHost(Options options)
    : options_(std::move(options)),
      memory_(kFirstHostSize + options_.surplus + (options_.guarded ? 0 : kMargin)) {
  std::memset(memory_.get(), kPoison, kFirstHostSize + options_.surplus);
  const shoji_host host = {kFirstHostSize + options_.surplus,
                           options_.abi_min,
                           options_.abi_max,
                           0,
                           this,
                           "0.0.0-validate",
                           GetService,
                           ErrorSet,
                           ErrorDetail};
  std::memcpy(memory_.get(), &host, kFirstHostSize);
}

std::vector<std::string> KitHost::Heard() const {
  const MutexLock lock(mutex_);
  return heard_;
}

std::vector<std::string> KitHost::Misuses() const {
  const MutexLock lock(mutex_);
  return misuses_;
}

void KitHost::Hear(std::string text) const {
  const MutexLock lock(mutex_);
  heard_.push_back(std::move(text));
}

void KitHost::Misuse(std::string text) const {
  const MutexLock lock(mutex_);
  misuses_.push_back(std::move(text));
}

const std::vector<std::string>& KitHost::ServiceIds() {
  static const std::vector<std::string> kIds = {SHOJI_LOG_V1,    SHOJI_SPAWN_V1,   SHOJI_DIRS_V1,
                                                SHOJI_TRACE_V1,  SHOJI_SECRETS_V1, SHOJI_METRICS_V1,
                                                SHOJI_PLUGINS_V1};
  return kIds;
}

const void* KitHost::GetService(const shoji_host* host, const char* id) {
  const Options& options = Of(host)->options_;
  if (!options.services || options.missing.count(id) > 0) return nullptr;
  return Services::Find(id);
}

void KitHost::ErrorSet(shoji_error* err, std::int32_t code, std::int32_t sys_errno,
                       shoji_str message) {
  if (err == nullptr) return;
  *reinterpret_cast<sdk::testing::FakeError*>(err) = {code, sys_errno, Text(message), {}};
}

void KitHost::ErrorDetail(shoji_error* err, shoji_str name, shoji_str value) {
  if (err == nullptr) return;
  reinterpret_cast<sdk::testing::FakeError*>(err)->details[Text(name)] = Text(value);
}

}  // namespace shoji::validate
