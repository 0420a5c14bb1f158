#include "plugin/current_plugin.h"

#include <atomic>

namespace shoji {
namespace {

// Facts of the thread and of the process, as errno is; no state of the library.
constinit thread_local const PluginMark* current = nullptr;
constinit std::atomic<bool> given_up = false;

}  // namespace

PluginMark::PluginMark(const char* name, const char* path, const char* where)
    : name_(name), path_(path), where_(where), outer_(current) {
  // The handler runs on this thread: the compiler is all that could reorder.
  std::atomic_signal_fence(std::memory_order_release);
  current = this;
  std::atomic_signal_fence(std::memory_order_release);
}

PluginMark::~PluginMark() {
  std::atomic_signal_fence(std::memory_order_release);
  current = outer_;
}

const PluginMark* CurrentPlugin() { return current; }

bool SomePluginWasGivenUp() { return given_up; }
void NotePluginGivenUp() { given_up = true; }

}  // namespace shoji
