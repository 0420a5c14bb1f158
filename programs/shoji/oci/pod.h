// Which pod a container belongs to, by the annotations of its engine.
//
// Purpose  CRI-O and podman, containerd's CRI and dockershim each say with two annotations
//          whether a container is a pod's first or joins one. Without them it is a pod of its own.
// Threads  Safe, no state.
// Example  SHOJI_ASSIGN_OR_RETURN(const PodPlace place, PodPlaceOf(annotations));
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_POD_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_POD_H_

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shoji/runtime.h"
#include "shoji/status.h"

namespace shoji::cli {

struct PodPlace {
  bool is_pod = false;      // one of the engines said something
  bool joins = false;       // it is a container of a pod that exists
  std::string sandbox_id;   // as the engine calls the pod; may be empty
  std::string sandbox_key;  // annotation that said so
};

// INVALID_ARGUMENT: a type that nobody knows, or a container without its pod's id.
Result<PodPlace> PodPlaceOf(const std::map<std::string, std::string>& annotations);

// The sandbox that `place` means: the one with that id, or one whose own annotation says the same
// (podman names the pod, not its first container) and which joined none. Empty: there is none.
Result<std::string> FindPod(Runtime& runtime, const PodPlace& place);

// Whether a container of a pod that has no sandbox is a VM of its own: podman makes pods without
// an infra container (--infra=false), whose containers share no namespace, and says that its pod
// is the sandbox all the same. Of other engines, or with another's ipc, it is a mistake.
bool MayStandAlone(const nlohmann::json& spec);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_POD_H_
