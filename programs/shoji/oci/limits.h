// The limits that engines give `shoji update`, by options or as linux.resources.
//
// Threads  Safe, no state.
// Errors   INVALID_ARGUMENT names option and value.
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_LIMITS_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_LIMITS_H_

#include <boost/program_options.hpp>

#include "command.h"
#include "shoji/config.h"
#include "shoji/status.h"

namespace shoji::cli {

void DescribeEngineLimits(boost::program_options::options_description& options);
// Adds to `out` what those options ask for. With --resources nothing else counts.
Status TakeEngineLimits(const Invocation& invocation, Resources& out);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_LIMITS_H_
