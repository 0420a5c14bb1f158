#include "state.h"

#include <map>
#include <vector>

#include "shoji/base/strings.h"
#include "shoji/mux/serial_path.h"

namespace shoji::kataproxybuiltin {

namespace {
constexpr std::string_view kFirstLine = "kataproxybuiltin 1";
}  // namespace

std::string FormatState(const ProxyState& state) {
  return std::string(kFirstLine) + "\nsandbox=" + state.sandbox_id + "\nrun_dir=" + state.run_dir +
         "\nagent=" + state.agent_url + "\n";
}

Result<ProxyState> ParseState(std::string_view blob) {
  const std::vector<std::string> lines = Split(blob, '\n');
  if (lines.empty() || lines[0] != kFirstLine) {
    return DataLoss("the saved state is not one of proxy kataproxybuiltin, version 1");
  }
  std::map<std::string, std::string> values;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t equals = lines[i].find('=');
    if (equals != std::string::npos)
      values[lines[i].substr(0, equals)] = lines[i].substr(equals + 1);
  }
  ProxyState state{values["sandbox"], values["run_dir"], values["agent"]};
  if (const Status status = CheckState(state); !status.ok()) {
    return DataLoss("the saved state of proxy kataproxybuiltin is torn: " + status.message());
  }
  return state;
}

Status CheckState(const ProxyState& state) {
  for (const std::string* text : {&state.sandbox_id, &state.run_dir, &state.agent_url}) {
    if (text->find('\n') != std::string::npos || text->find('\0') != std::string::npos) {
      return InvalidArgument("a line feed or zero byte in the proxy parameter \"" + *text + "\"");
    }
  }
  if (state.run_dir.empty() || state.run_dir[0] != '/') {
    return InvalidArgument("run_dir of the proxy is \"" + state.run_dir +
                           "\", expected an absolute path");
  }
  return mux::SerialPath(state.agent_url).status();
}

}  // namespace shoji::kataproxybuiltin
