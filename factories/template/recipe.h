// Everything that shapes a VM before it runs, as one text.
//
// Purpose  Two requests with the same recipe can be clones of one template. What a clone has of
//          its own is not in it: id, directories, network devices and disks; and the number of
//          CPUs and the memory where the machine can add them later.
// Threads  Safe.
// Example  SHOJI_ASSIGN_OR_RETURN(const Recipe recipe, RecipeOf(request, options, size));
#ifndef SHOJI_FACTORIES_TEMPLATE_RECIPE_H_
#define SHOJI_FACTORIES_TEMPLATE_RECIPE_H_

#include <cstdint>
#include <string>

#include "shoji/plugin/factory.h"
#include "shoji/sdk/plugin.h"
#include "shoji/status.h"

namespace shoji::templates {

struct Recipe {
  std::string text;  // JSON
  std::string key;   // 16 hex digits of its hash: the name of the template
};

// Of a template. 0: the hypervisor's own choice.
struct Size {
  std::uint32_t vcpus = 0;
  std::uint64_t memory_bytes = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

// What the hypervisor gives a VM that asks for nothing, from its options "vcpus" and "memory".
Size UsualSize(const shoji_options* options);

// The largest size from which a clone can grow to `wanted`, if it can grow at all, and which most
// requests share.
Size BaseSize(const Size& wanted, const Size& usual, bool can_grow);

// Files are named with their identity: those of the configuration, and those that an option of
// the hypervisor names, the VMM itself as "path".
Result<Recipe> RecipeOf(const shoji_vm_request& request, const shoji_options* options,
                        const Size& size);

// A file that it names is gone or has changed: nobody will ask for this recipe any more.
bool IsStale(const std::string& recipe_text);

}  // namespace shoji::templates

#endif  // SHOJI_FACTORIES_TEMPLATE_RECIPE_H_
