// What a sandbox boots: kernel, initrd, image.
//
// Purpose  The sandbox' own assets over the configured ones, with their hashes checked.
// Threads  Safe, no state.
// Errors   FAILED_PRECONDITION names file, expected and actual hash.
// Example
//     const BootFiles files = BootFilesOf(configured, config.assets);
//     SHOJI_RETURN_IF_ERROR(CheckHashes(files));
#ifndef SHOJI_CORE_REQUEST_ASSETS_H_
#define SHOJI_CORE_REQUEST_ASSETS_H_

#include <string>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// A file and the hash its bytes must have: 64 digits SHA-256, 128 SHA-512, none unchecked.
struct BootFile {
  std::string path;
  std::string hash;
};

struct BootFiles {
  BootFile kernel;
  BootFile initrd;
  BootFile image;
  std::string kernel_params;
};

// INVALID_ARGUMENT for relative paths and for what is no hash.
Status ValidateAssets(const Assets& assets);

// A hash without a file is that of the configured file. One of image and initrd takes the place of
// the configured other one: who brings a file system of its own does not boot into ours.
BootFiles BootFilesOf(const BootFiles& configured, const Assets& assets);

Status CheckHashes(const BootFiles& files);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_ASSETS_H_
