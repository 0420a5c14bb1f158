// Which plugin this thread runs, for the last words of a program that crashes.
//
// Purpose  A plugin that aborts or reads wild memory takes the program with it. A handler of
//          SIGSEGV or SIGABRT may then ask which one it was. The library installs no handler;
//          `shoji` does.
// Threads  Each thread has its own mark. CurrentPlugin() is async-signal-safe.
// Example
//     const PluginMark mark("store kv", "/usr/lib/kv.so", "in open()");
//     table->open(...);
#ifndef SHOJI_CORE_PLUGIN_CURRENT_PLUGIN_H_
#define SHOJI_CORE_PLUGIN_CURRENT_PLUGIN_H_

namespace shoji {

// Sets the mark for a scope; inside another one the inner counts. The texts are borrowed.
class PluginMark {
 public:
  PluginMark(const char* name, const char* path, const char* where);
  ~PluginMark();
  PluginMark(const PluginMark&) = delete;
  PluginMark& operator=(const PluginMark&) = delete;

  const char* name() const { return name_; }
  const char* path() const { return path_; }
  const char* where() const { return where_; }

 private:
  const char* name_;
  const char* path_;
  const char* where_;
  const PluginMark* outer_;
};

// The plugin that the calling thread runs, or null.
const PluginMark* CurrentPlugin();

// A plugin that hangs keeps its thread, and what the thread holds: it may be the dynamic
// loader's lock, without which exit() does not return. A program that sees true here ends
// with _exit().
bool SomePluginWasGivenUp();
void NotePluginGivenUp();

}  // namespace shoji

#endif  // SHOJI_CORE_PLUGIN_CURRENT_PLUGIN_H_
