#include "oci/pod.h"

#include "oci/bundle.h"

namespace shoji::cli {
namespace {

struct Keys {
  const char* type;
  const char* pod;        // value of `type` for a pod's first container
  const char* container;  // value of `type` for the others
  const char* sandbox;    // annotation with the pod's id
};

constexpr Keys kEngines[] = {
    {"io.kubernetes.cri-o.ContainerType", "sandbox", "container", "io.kubernetes.cri-o.SandboxID"},
    {"io.kubernetes.cri.container-type", "sandbox", "container", "io.kubernetes.cri.sandbox-id"},
    {"io.kubernetes.docker.type", "podsandbox", "container", "io.kubernetes.sandbox.id"},
};

std::string Find(const std::map<std::string, std::string>& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? std::string() : it->second;
}

}  // namespace

Result<PodPlace> PodPlaceOf(const std::map<std::string, std::string>& annotations) {
  for (const Keys& keys : kEngines) {
    const std::string type = Find(annotations, keys.type);
    if (type.empty()) continue;
    PodPlace out{true, type == keys.container, Find(annotations, keys.sandbox), keys.sandbox};
    if (!out.joins && type != keys.pod) {
      return InvalidArgument(std::string("annotation ") + keys.type + " = \"" + type +
                             "\" is neither \"" + keys.pod + "\" nor \"" + keys.container + "\"");
    }
    if (out.joins && out.sandbox_id.empty()) {
      return InvalidArgument(std::string("annotation ") + keys.type + " says \"" + type +
                             "\", but " + keys.sandbox + " does not say of which pod");
    }
    return out;
  }
  return PodPlace();
}

Result<std::string> FindPod(Runtime& runtime, const PodPlace& place) {
  const auto status = runtime.StatusSandbox(place.sandbox_id);
  if (status.ok()) return place.sandbox_id;
  const StatusCode code = status.status().code();
  if (code != StatusCode::kNotFound && code != StatusCode::kInvalidArgument) {
    return status.status();
  }
  SHOJI_ASSIGN_OR_RETURN(const auto all, runtime.ListSandboxes());
  for (const SandboxStatus& sandbox : all) {
    if (Find(sandbox.annotations, place.sandbox_key) != place.sandbox_id) continue;
    const auto other = PodPlaceOf(sandbox.annotations);
    // One that would have joined as well is no pod: it stands alone.
    if (other.ok() && !other->joins) return sandbox.id;
  }
  return std::string();
}

bool MayStandAlone(const nlohmann::json& spec) {
  const auto annotations = Member(spec, "annotations", std::map<std::string, std::string>());
  if (Find(annotations, "io.container.manager") != "libpod") return false;
  const auto namespaces = Part(Part(spec, "linux"), "namespaces");
  for (const auto& each : namespaces) {
    if (Member(each, "type", std::string()) == "ipc") {
      return Member(each, "path", std::string()).empty();
    }
  }
  return false;
}

}  // namespace shoji::cli
