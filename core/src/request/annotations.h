// Annotations that change settings of one sandbox.
//
// Purpose  io.katacontainers.config.* as Kata Containers 1.x knows them, and dev.shoji.*. Who
//          may write annotations need not be who runs the host, so each has to be allowed by
//          the option sandbox.annotations. docs/annotations.md has the table.
// Order    What SandboxConfig itself sets wins; then dev.shoji.*, then Kata's; then what is
//          configured.
// Threads  Safe, no state.
// Errors   PERMISSION_DENIED names annotation and option; INVALID_ARGUMENT names annotation,
//          value and what may stand there.
// Example
//     SHOJI_RETURN_IF_ERROR(ApplyAnnotations(settings.annotations, &config, warn));
#ifndef SHOJI_CORE_REQUEST_ANNOTATIONS_H_
#define SHOJI_CORE_REQUEST_ANNOTATIONS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji {

// `allowed`: names; "*" in one stands for any text. `warn` is told of what has no effect.
Status ApplyAnnotations(const std::vector<std::string>& allowed, SandboxConfig* config,
                        const std::function<void(const std::string&)>& warn);

// Whether `name` matches `pattern`.
bool MatchesPattern(std::string_view pattern, std::string_view name);

}  // namespace shoji

#endif  // SHOJI_CORE_REQUEST_ANNOTATIONS_H_
