#include "state.h"

#include <limits>

#include "shoji/base/fields.h"
#include "shoji/base/strings.h"
#include "shoji/mux/serial_path.h"

namespace shoji::proxies {

namespace {

std::string TitleOf(const std::string& plugin) { return plugin + " 1"; }

Fields FieldsOf(const ProxyState& state) {
  return {{"sandbox", state.sandbox_id},
          {"run_dir", state.run_dir},
          {"agent", state.agent_url},
          {"console", state.console_url},
          {"program", state.program},
          {"pid", std::to_string(state.pid)},
          {"start_ticks", std::to_string(state.start_ticks)}};
}

Status Torn(const std::string& plugin, const Status& why) {
  return DataLoss("the saved state of proxy " + plugin + " is torn: " + why.message());
}

Result<std::int64_t> Number(const std::string& text, std::int64_t least, std::int64_t most) {
  SHOJI_ASSIGN_OR_RETURN(const std::int64_t number, ParseInt(text));
  if (number >= least && number <= most) return number;
  return InvalidArgument("the number " + text + " cannot be");
}

}  // namespace

std::string FormatState(const ProxyState& state) {
  return FormatFields(TitleOf(state.plugin), FieldsOf(state));
}

Result<ProxyState> ParseState(const std::string& plugin, std::string_view blob) {
  SHOJI_ASSIGN_OR_RETURN(Fields fields, ParseFields(TitleOf(plugin), blob));
  const auto pid = Number(fields["pid"], 1, std::numeric_limits<std::int32_t>::max());
  if (!pid.ok()) return Torn(plugin, pid.status());
  const auto ticks = Number(fields["start_ticks"], 0, std::numeric_limits<std::int64_t>::max());
  if (!ticks.ok()) return Torn(plugin, ticks.status());
  ProxyState state{fields["sandbox"],
                   fields["run_dir"],
                   fields["agent"],
                   fields["console"],
                   fields["program"],
                   static_cast<std::int32_t>(*pid),
                   static_cast<std::uint64_t>(*ticks),
                   plugin};
  if (const Status status = CheckState(state); !status.ok()) return Torn(plugin, status);
  return state;
}

Status CheckState(const ProxyState& state) {
  SHOJI_RETURN_IF_ERROR(CheckFields(FieldsOf(state)));
  if (state.run_dir.empty() || state.run_dir[0] != '/') {
    return InvalidArgument("run_dir of the proxy is \"" + state.run_dir +
                           "\", expected an absolute path");
  }
  if (state.program.empty() || state.program[0] != '/') {
    return InvalidArgument("the program of the proxy is \"" + state.program + "\"; proxy." +
                           state.plugin + ".path takes an absolute path");
  }
  return mux::SerialPath(state.agent_url).status();
}

}  // namespace shoji::proxies
