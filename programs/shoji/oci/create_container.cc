#include "oci/create_container.h"

#include <optional>

#include "oci/command_check.h"
#include "oci/console.h"
#include "oci/engine.h"
#include "oci/oci_config.h"
#include "oci/pod.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;
using nlohmann::json;

// A pty when the specification wants a terminal that an engine shall hold.
Result<std::optional<Console>> ConsoleFor(const Invocation& invocation, const Bundle& bundle,
                                          bool foreground) {
  const bool given = invocation.Has("console-socket");
  if (!bundle.terminal()) {
    if (!given) return std::optional<Console>();
    return InvalidArgument("--console-socket is given, but process.terminal is not set");
  }
  if (!given) {
    if (foreground) return std::optional<Console>();
    return InvalidArgument(
        "process.terminal is set, but nobody would hold the terminal; use --console-socket");
  }
  const json size = Part(Part(bundle.spec, "process"), "consoleSize");
  SHOJI_ASSIGN_OR_RETURN(Console console, Console::Open(Member<std::uint16_t>(size, "height", 0),
                                                        Member<std::uint16_t>(size, "width", 0)));
  return std::optional<Console>(std::move(console));
}

bool WantsCgroups(const Invocation& invocation) {
  return invocation.global.cgroup_manager != "disabled";
}

}  // namespace

void DescribeCreateBeyondBundle(po::options_description& options) {
  options.add_options()                                                   //
      ("config,f", po::value<std::string>()->value_name("FILE"),          //
       "name of the specification in the bundle (config.json)")           //
      ("console-socket", po::value<std::string>()->value_name("SOCKET"),  //
       "send the terminal's master there")                                //
      ("pid-file", po::value<std::string>()->value_name("FILE"),          //
       "write the pid that stands for the container")                     //
      ("preserve-fds", po::value<std::string>()->value_name("N"),         //
       "0: descriptors cannot be handed into a VM")                       //
      ("no-pivot", "nothing: the guest decides")                          //
      ("no-new-keyring", "nothing: the guest has keyrings of its own")    //
      ("no-subreaper", "nothing: no process of the container is ours");
}

void DescribeCreate(po::options_description& options) {
  options.add_options()("bundle,b", po::value<std::string>()->value_name("DIR"),
                        "directory with config.json; else the current one");
  DescribeCreateBeyondBundle(options);
}

Result<NewContainer> NewContainer::Make(Runtime& runtime, const Invocation& invocation,
                                        const Bundle& bundle, ContainerConfig container) {
  const std::string id = container.id;
  SHOJI_ASSIGN_OR_RETURN(
      const PodPlace place,
      PodPlaceOf(Member(bundle.spec, "annotations", std::map<std::string, std::string>())));
  std::string pod;
  if (place.joins && place.sandbox_id != id) {
    SHOJI_ASSIGN_OR_RETURN(pod, FindPod(runtime, place));
    if (pod.empty() && !MayStandAlone(bundle.spec)) {
      return NotFound("sandbox `" + place.sandbox_id + "` of container `" + id +
                      "` does not exist; annotation " + place.sandbox_key + " names it");
    }
  }
  if (pod.empty()) {
    SHOJI_ASSIGN_OR_RETURN(SandboxConfig config,
                           SandboxOfBundle(bundle, id, WantsCgroups(invocation)));
    config.containers.push_back(std::move(container));
    SHOJI_ASSIGN_OR_RETURN(auto sandbox, runtime.CreateSandbox(config));
    return NewContainer(std::move(sandbox), id, false);
  }
  SHOJI_ASSIGN_OR_RETURN(const SandboxStatus status, runtime.StatusSandbox(pod));
  SHOJI_RETURN_IF_ERROR(CheckJoins(bundle, status));
  SHOJI_ASSIGN_OR_RETURN(auto sandbox, runtime.FetchSandbox(pod));
  SHOJI_RETURN_IF_ERROR(sandbox->CreateContainer(container).status());
  return NewContainer(std::move(sandbox), id, true);
}

Status NewContainer::Publish(const Invocation& invocation) const {
  if (!invocation.Has("pid-file")) return OkStatus();
  SHOJI_ASSIGN_OR_RETURN(const std::int32_t pid, PidFor(*sandbox_, id_, id_));
  return WritePidFile(invocation.Text("pid-file"), pid);
}

Result<NewContainer> NewContainer::Create(Runtime& runtime, const Invocation& invocation,
                                          const Bundle& bundle, const std::string& id,
                                          bool foreground) {
  SHOJI_RETURN_IF_ERROR(CheckPreserveFds(invocation));
  if (FindContainer(runtime, id).ok()) {
    return AlreadyExists("container `" + id + "` already exists");
  }
  SHOJI_RETURN_IF_ERROR(CheckCommand(bundle));
  SHOJI_ASSIGN_OR_RETURN(const std::optional<Console> console,
                         ConsoleFor(invocation, bundle, foreground));
  ContainerConfig container = ContainerOfBundle(bundle, id);
  if (console) container.cmd.console = console->path();
  SHOJI_ASSIGN_OR_RETURN(NewContainer made, Make(runtime, invocation, bundle, container));
  Status published = console ? console->SendTo(invocation.Text("console-socket")) : OkStatus();
  if (published.ok()) published = made.Publish(invocation);
  if (published.ok()) return made;
  (void)made.Remove();
  return published;
}

Status NewContainer::Release() const { return sandbox_->Release(); }

Status NewContainer::Remove() const {
  if (!joined_) return sandbox_->Delete();
  SHOJI_RETURN_IF_ERROR(sandbox_->StopContainer(id_, true));
  return sandbox_->DeleteContainer(id_);
}

}  // namespace shoji::cli
