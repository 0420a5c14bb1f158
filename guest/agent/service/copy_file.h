// CopyFile: files that the host sends instead of sharing them.
//
// Threads  The loop's.
// Example  RegisterCopyFile(&server);
#ifndef SHOJI_GUEST_AGENT_SERVICE_COPY_FILE_H_
#define SHOJI_GUEST_AGENT_SERVICE_COPY_FILE_H_

#include "rpc/server.h"

namespace shoji::agent {

// Pieces go into PATH.tmp, which becomes PATH when it has the announced size. Only under
// /run, where the files of the sandbox are.
void RegisterCopyFile(Server* server);

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_SERVICE_COPY_FILE_H_
