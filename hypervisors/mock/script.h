// What goes wrong when: the option `script` of the mock.
//
// Purpose  A script is a list of faults with ";" between them, each SLOT:CALLS:FAULT[:TEXT].
//            SLOT   name of a slot of the tables, see SlotNames(); of shoji.hypervisor.hotplug/1
//                   attach_device and detach_device
//            CALLS  "2" the second call of this slot, "2-4" those, "2+" from the second on, "*"
//            all.
//                   Each open hypervisor counts its own calls, from 1, of all its VMs together
//            FAULT  a code such as UNAVAILABLE   fails at once, nothing is done
//                   late-CODE                    does all, then reports failure
//                   hang                         until the call is cancelled or its time is up
//                   partial                      gives back the first half of its result
//                   kill                         kills the VM's processes, then goes on
//                   kill-after                   does all, then kills the VM's processes
//            TEXT   the message of a failure; has no ";"
//          Blanks around the parts do not matter. Of faults for one call the first counts.
// Threads  Script: safe. Faults are values.
// Example
//     SHOJI_ASSIGN_OR_RETURN(auto script, Script::Parse("start:2:UNAVAILABLE:no; stop:1:hang"));
//     if (const auto fault = script->Next("start")) ...
#ifndef SHOJI_HYPERVISORS_MOCK_SCRIPT_H_
#define SHOJI_HYPERVISORS_MOCK_SCRIPT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/thread_annotations.h"
#include "shoji/status.h"

namespace shoji::mock {

enum class Effect { kFail, kLate, kHang, kPartial, kKill, kKillAfter };

struct Fault {
  Effect effect = Effect::kFail;
  StatusCode code = StatusCode::kUnknown;  // of kFail and kLate
  std::string text;                        // the message
};

class Script {
 public:
  // INVALID_ARGUMENT names the place, counted from 1, and what is wrong there.
  static Result<std::unique_ptr<Script>> Parse(std::string_view text);

  // Counts a call of `slot`: its fault, if there is one.
  std::optional<Fault> Next(std::string_view slot) SHOJI_EXCLUDES(mutex_);

 private:
  struct Line {
    std::string slot;
    std::uint64_t first = 1;
    std::uint64_t last = UINT64_MAX;
    Fault fault;
  };
  class Parser;

  std::vector<Line> lines_;
  Mutex mutex_;
  std::map<std::string, std::uint64_t, std::less<>> calls_ SHOJI_GUARDED_BY(mutex_);
};

// All slots that a script may name.
std::vector<std::string> SlotNames();

}  // namespace shoji::mock

#endif  // SHOJI_HYPERVISORS_MOCK_SCRIPT_H_
