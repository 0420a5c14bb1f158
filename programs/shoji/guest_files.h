// The files that a guest boots, with their hashes against the manifest beside them.
//
// Threads  Safe, no state.
// Example  for (const GuestFile& file : GuestFiles(runtime.GuestAssets())) ...
#ifndef SHOJI_PROGRAMS_SHOJI_GUEST_FILES_H_
#define SHOJI_PROGRAMS_SHOJI_GUEST_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji::cli {

struct GuestFile {
  std::string what;  // "kernel", "initrd" or "image"
  std::string path;
  std::uint64_t size = 0;
  std::string sha256;
  std::string expected;  // by manifest.json; empty: it does not know this file
  Status status;         // why it cannot be read, or that it is another than the manifest says
};

// Those that are configured. Reads each of them whole.
std::vector<GuestFile> GuestFiles(const Assets& assets);

// What a manifest.json beside the kernel says of the image; nothing: there is none.
struct GuestManifest {
  std::string path;
  std::string build_id;
  std::string kernel_release;
  std::string agent_sha256;
};
GuestManifest ReadGuestManifest(const Assets& assets);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_GUEST_FILES_H_
