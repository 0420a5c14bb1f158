// Lets one reader at a time follow the guest's console beside the owner, who reads it always.
//
// Purpose  QEMU serves one client on the console's socket: the owner. Readers connect to the
//          owner's socket beside it, from whatever process, and get a copy of the output from
//          then on; what they write is the guest's input. A reader that is slow loses output;
//          nobody waits for it. When the owner is gone a reader takes QEMU's socket itself,
//          and there it is QEMU that drops what is not read.
// Threads  ConsoleTee belongs to the thread of the TailReader. OpenTee() is safe.
// Example  SHOJI_ASSIGN_OR_RETURN(UniqueFd console, OpenTee(path, limit));
#ifndef SHOJI_HYPERVISORS_QEMU_CONSOLE_H_
#define SHOJI_HYPERVISORS_QEMU_CONSOLE_H_

#include <poll.h>

#include <string>
#include <string_view>
#include <vector>

#include "shoji/base/unique_fd.h"
#include "shoji/qmp/client.h"
#include "shoji/status.h"

namespace shoji::qemu {

class ConsoleTee {
 public:
  // `listener` is where readers connect; `input` is another descriptor of the console.
  ConsoleTee(UniqueFd listener, UniqueFd input);

  // Always two entries, for Handle().
  void AddTo(std::vector<pollfd>& entries) const;
  void Handle(const pollfd& listener, const pollfd& reader);
  void Output(std::string_view bytes);
  // The console has ended.
  void Close();

 private:
  void Accept();
  void PassInput();

  UniqueFd listener_;
  UniqueFd input_;
  UniqueFd reader_;
};

// Connects as a reader. ABORTED when there is one already; UNAVAILABLE or NOT_FOUND when no
// owner listens.
Result<UniqueFd> OpenTee(const std::string& path, const QmpLimit& limit);

// Connects to QEMU's own socket, which `monitor` knows as chardev `label`; ABORTED when somebody
// has it. The monitor, which serves one client, keeps others out meanwhile.
Result<UniqueFd> OpenChardev(QmpClient& monitor, const std::string& label, const std::string& path,
                             const QmpLimit& limit);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_CONSOLE_H_
