// Checks that a vendor knows to fail, each with a reason.
//
// Threads  Values.
// Example  (shoji-validator.toml beside the plugin)
//     [[waiver]]
//     check = "store-largest-value"
//     reason = "records over 1 MiB are not sold to customers of this product"
#ifndef SHOJI_VALIDATE_WAIVERS_H_
#define SHOJI_VALIDATE_WAIVERS_H_

#include <map>
#include <string>
#include <vector>

#include "runner.h"
#include "shoji/status.h"

namespace shoji::validate {

using Waivers = std::map<std::string, std::string>;  // check -> reason

// INVALID_ARGUMENT names the line: a waiver without a reason, of a check that there is not, or
// with a key that is unknown.
Result<Waivers> ReadWaivers(const std::string& path, const std::vector<std::string>& known_checks);
Result<Waivers> ParseWaivers(const std::string& text, const std::string& path,
                             const std::vector<std::string>& known_checks);

// Turns what failed and is waived into kWaived. Gives the waivers that nothing needed, of checks
// that ran.
std::vector<std::string> ApplyWaivers(const Waivers& waivers, std::vector<Record>* records);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_WAIVERS_H_
