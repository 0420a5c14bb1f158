// What a VM was made from, as far as another process or a clone must know it.
//
// Purpose  Goes into the saved state and into snapshots as one JSON object: a clone is made
//          from the same recipe, and any process can tell how the guest mounts a share.
// Threads  Pure.
// Example  SHOJI_RETURN_IF_ERROR(CompareRecipes(saved, RecipeOf(launch)));
#ifndef SHOJI_HYPERVISORS_QEMU_RECIPE_H_
#define SHOJI_HYPERVISORS_QEMU_RECIPE_H_

#include <string>
#include <string_view>

#include "command_line.h"
#include "shoji/status.h"

namespace shoji::qemu {

std::string RecipeOf(const Launch& launch);

// INVALID_ARGUMENT names the first field in which `wanted` differs from the saved VM's recipe.
Status CompareRecipes(const std::string& saved, const std::string& wanted);

// The path of the memory file, or empty.
std::string MemoryPathOf(const std::string& recipe);
std::uint64_t MemoryBytesOf(const std::string& recipe);
// The tag of a share that virtiofsd serves, or empty.
std::string VirtioFsTagOf(const std::string& recipe);

std::string MachineOf(const std::string& recipe);
std::uint64_t MaxMemoryOf(const std::string& recipe);
// The VM was made with devices.
bool HasDevices(const std::string& recipe);

// The grpc.Storage, without mount point, of share `tag`. NOT_FOUND.
Result<std::string> ShareMountOf(const std::string& recipe, std::string_view tag);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_RECIPE_H_
