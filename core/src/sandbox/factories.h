// The factory that is configured, outside of any sandbox.
//
// Purpose  Behind the functions of shoji::Runtime about factories, and what "auto" stands for.
// Threads  Safe, no state.
// Example  SHOJI_RETURN_IF_ERROR(PrepareFactory(*context));
#ifndef SHOJI_CORE_SANDBOX_FACTORIES_H_
#define SHOJI_CORE_SANDBOX_FACTORIES_H_

#include <string>

#include "sandbox/context.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// Stands for the one that suits the machine.
inline constexpr const char* kAutoFactory = "auto";

// What every VM boots with these assets, without what is of one VM alone.
Result<VmConfig> BootConfig(const Settings& settings, const Assets& assets);

// The plugin that `configured` stands for: itself unless it is "auto". Then template when that is
// there, the hypervisor can save such a VM and the machine has the memory, else direct; the
// reason is logged. `vm.run_dir` empty: nobody asks the hypervisor.
Result<std::string> ChooseFactory(Context& context, const std::string& configured,
                                  const std::string& hypervisor, const VmConfig& vm);

Status PrepareFactory(Context& context);
Result<std::string> FactoryStatus(Context& context);
Status DestroyFactory(Context& context);
Status ServeFactory(Context& context, const std::string& socket);

}  // namespace shoji

#endif  // SHOJI_CORE_SANDBOX_FACTORIES_H_
