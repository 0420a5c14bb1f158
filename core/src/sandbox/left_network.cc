#include "sandbox/left_network.h"

#include "shoji/base/file.h"

namespace shoji {
namespace {

constexpr std::size_t kMaxNote = 64U << 10U;

}  // namespace

Status NoteNetwork(const SandboxPaths& paths, const std::string& plugin, const std::string& state) {
  return WriteFileAtomic(paths.network, plugin + "\n" + state);
}

Status ForgetNetwork(const SandboxPaths& paths) {
  return PathExists(paths.network) ? RemoveFile(paths.network) : OkStatus();
}

Status LeaveLeftNetwork(Context& context, const SandboxPaths& paths) {
  if (!PathExists(paths.network)) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::string note, ReadFile(paths.network, kMaxNote));
  const std::size_t line = note.find('\n');
  if (line == std::string::npos) return DataLoss("network note " + paths.network + " is damaged");
  SHOJI_ASSIGN_OR_RETURN(Network* const network, context.network(note.substr(0, line)));
  SHOJI_ASSIGN_OR_RETURN(auto attached, network->Attach(context.call(), note.substr(line + 1)));
  SHOJI_RETURN_IF_ERROR(attached.link->Leave(context.call()));
  return RemoveFile(paths.network);
}

}  // namespace shoji
