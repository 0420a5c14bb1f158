// shoji network ...: interfaces and routes of a sandbox that runs. JSON in and out, with the
// field names of Kata's Interface and Route.
#include <cstdio>

#include "command.h"
#include "container_of.h"
#include "exit_status.h"
#include "request/network_json.h"
#include "shoji/base/file.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

constexpr std::size_t kMaxInput = 4U << 20U;

void DescribeNothing(po::options_description& /*options*/) {}

// The text of the word FILE, or of stdin for "-" and for none. `name`: what to call it.
Result<std::string> InputOf(const Invocation& invocation, std::string& name) {
  const bool given = invocation.words.size() > 1 && invocation.words[1] != "-";
  name = given ? invocation.words[1] : "stdin";
  return given ? ReadFile(name, kMaxInput) : ReadAll(0, kMaxInput);
}

Result<InterfaceInfo> InterfaceIn(const Invocation& invocation) {
  std::string name;
  SHOJI_ASSIGN_OR_RETURN(const std::string text, InputOf(invocation, name));
  auto interface = ParseInterface(text);
  if (!interface.ok()) return std::move(interface).status().WithContext(name);
  return interface;
}

Result<std::vector<Route>> RoutesIn(const Invocation& invocation) {
  std::string name;
  SHOJI_ASSIGN_OR_RETURN(const std::string text, InputOf(invocation, name));
  auto routes = ParseRoutes(text);
  if (!routes.ok()) return std::move(routes).status().WithContext(name);
  return routes;
}

Result<Target> TargetOf(Runtime& runtime, const Invocation& invocation) {
  return FindTarget(runtime, invocation.words[0], true);
}

Result<std::string> AddIface(Runtime& runtime, const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const InterfaceInfo asked, InterfaceIn(invocation));
  if (asked.name.empty()) {
    return InvalidArgument("the interface has no \"device\": its name in the pod's namespace");
  }
  SHOJI_ASSIGN_OR_RETURN(const Target target, TargetOf(runtime, invocation));
  SHOJI_ASSIGN_OR_RETURN(const InterfaceInfo added, target.sandbox->AddInterface(asked));
  return FormatInterface(added);
}

// Known by its name in the namespace or in the guest, or by its MAC address.
bool IsMeant(const InterfaceInfo& asked, const InterfaceInfo& one) {
  if (!asked.name.empty() && asked.name != one.name && asked.name != one.guest_name) return false;
  if (!asked.mac.empty() && !SameMac(asked.mac, one.mac)) return false;
  return true;
}

Result<std::string> DelIface(Runtime& runtime, const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const InterfaceInfo asked, InterfaceIn(invocation));
  if (asked.name.empty() && asked.mac.empty()) {
    return InvalidArgument("the interface has neither \"device\" nor \"hwAddr\" to know it by");
  }
  SHOJI_ASSIGN_OR_RETURN(const Target target, TargetOf(runtime, invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto there, target.sandbox->ListInterfaces());
  for (const InterfaceInfo& one : there) {
    if (!IsMeant(asked, one)) continue;
    SHOJI_RETURN_IF_ERROR(target.sandbox->RemoveInterface(one.name));
    return FormatInterface(one);
  }
  return NotFound("sandbox \"" + target.sandbox->id() + "\" has no interface \"" +
                  (asked.name.empty() ? asked.mac : asked.name) +
                  "\"; see shoji network list-ifaces " + invocation.words[0]);
}

Result<std::string> ListIfaces(Runtime& runtime, const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const Target target, TargetOf(runtime, invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto interfaces, target.sandbox->ListInterfaces());
  return FormatInterfaces(interfaces);
}

Result<std::string> UpdateRoutes(Runtime& runtime, const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const auto wanted, RoutesIn(invocation));
  SHOJI_ASSIGN_OR_RETURN(const Target target, TargetOf(runtime, invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto routes, target.sandbox->UpdateRoutes(wanted));
  return FormatRoutes(routes);
}

Result<std::string> ListRoutes(Runtime& runtime, const Invocation& invocation) {
  SHOJI_ASSIGN_OR_RETURN(const Target target, TargetOf(runtime, invocation));
  SHOJI_ASSIGN_OR_RETURN(const auto routes, target.sandbox->ListRoutes());
  return FormatRoutes(routes);
}

using Action = Result<std::string> (*)(Runtime& runtime, const Invocation& invocation);

Result<std::string> Do(const Invocation& invocation, Action action) {
  SHOJI_ASSIGN_OR_RETURN(const auto runtime, OpenRuntime(invocation));
  return action(*runtime, invocation);
}

template <Action action, std::size_t most_words>
int Run(const Invocation& invocation) {
  if (invocation.words.empty() || invocation.words.size() > most_words) {
    return Fail(InvalidArgument(most_words == 1
                                    ? "one word is needed: the id of a sandbox or container"
                                    : "the id of a sandbox or container is needed, then the file "
                                      "with the JSON text, or - for stdin"));
  }
  const auto answer = Do(invocation, action);
  if (!answer.ok()) return Fail(answer.status());
  puts(answer->c_str());
  return 0;
}

}  // namespace

const Command kNetworkAddIface = {
    "network add-iface",   "ID [FILE|-]",    "Give a sandbox an interface: JSON in and out.",
    DescribeNothing,       Run<AddIface, 2>, false,
    CommandGroup::kMachine};
const Command kNetworkDelIface = {
    "network del-iface",   "ID [FILE|-]",    "Take an interface away: JSON in and out.",
    DescribeNothing,       Run<DelIface, 2>, false,
    CommandGroup::kMachine};
const Command kNetworkListIfaces = {"network list-ifaces",
                                    "ID",
                                    "List the interfaces of a guest as JSON.",
                                    DescribeNothing,
                                    Run<ListIfaces, 1>,
                                    false,
                                    CommandGroup::kMachine};
const Command kNetworkUpdateRoutes = {
    "network update-routes", "ID [FILE|-]",        "Set exactly these routes: JSON in and out.",
    DescribeNothing,         Run<UpdateRoutes, 2>, false,
    CommandGroup::kMachine};
const Command kNetworkListRoutes = {"network list-routes",
                                    "ID",
                                    "List the routes of a guest as JSON.",
                                    DescribeNothing,
                                    Run<ListRoutes, 1>,
                                    false,
                                    CommandGroup::kMachine};

}  // namespace shoji::cli
