// Names of what lies in a VM's run directory.
//
// Threads  Constants.
// Example  ConnectUnix(run_dir + "/" + kAgentSocket)
#ifndef SHOJI_HYPERVISORS_QEMU_NAMES_H_
#define SHOJI_HYPERVISORS_QEMU_NAMES_H_

namespace shoji::qemu {

inline constexpr char kMonitorSocket[] = "qmp.sock";
inline constexpr char kOtherMonitorSocket[] = "qmp-any.sock";
inline constexpr char kAgentSocket[] = "kata.sock";
inline constexpr char kConsoleSocket[] = "console.sock";         // QEMU's, for one client
inline constexpr char kConsoleTeeSocket[] = "console-tee.sock";  // the owner's, for readers

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_NAMES_H_
