// What the agent without a VM is started with.
//
// Threads  Values.
// Example  SHOJI_ASSIGN_OR_RETURN(HostOptions options, ParseHostOptions({argv + 1, argv + argc}));
#ifndef SHOJI_GUEST_AGENT_HOST_OPTIONS_H_
#define SHOJI_GUEST_AGENT_HOST_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji::agent {

struct HostShare {
  std::string tag;   // [A-Za-z0-9_.-]{1,64}: it becomes the name of a directory
  std::string path;  // on the host
  bool read_only = false;
};

struct HostOptions {
  int agent_fd = -1;              // --agent-fd: listens for the host's proxy
  int keeper_fd = -1;             // --keeper-fd: listens for requests to the keeper
  int report_fd = -1;             // --report-fd: hears once how the start went
  std::uint32_t agent_port = 0;   // --agent-port: clients ask for it, as of a VMM; 0: one proxy
  std::string hostname;           // --hostname
  std::string log;                // --log: file with the end of the agent's messages
  std::string cgroup;             // --cgroup: directory in cgroup v2 to make; empty: none
  std::vector<HostShare> shares;  // --share=TAG=PATH, --share-ro=TAG=PATH
  std::string words;              // all else: as on the command line of a kernel
};

// INVALID_ARGUMENT names what is wrong.
Result<HostOptions> ParseHostOptions(const std::vector<std::string>& args);

// Whether it may be the tag of a share.
bool IsTag(const std::string& tag);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_HOST_OPTIONS_H_
