// shoji run --bundle DIR ID: create and start for engines, in the foreground or detached.
//
// Threads  Use from one thread.
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_RUN_BUNDLE_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_RUN_BUNDLE_H_

#include <boost/program_options.hpp>

#include "command.h"

namespace shoji::cli {

// Declares what `shoji run` has for engines alone.
void DescribeRunBundle(boost::program_options::options_description& options);
// Whether it was called as engines do: a bundle and an id, or an option that only they use.
bool IsRunBundle(const Invocation& invocation);
int RunBundle(const Invocation& invocation);

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_RUN_BUNDLE_H_
