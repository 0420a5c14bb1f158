// shoji ps ID [PS-OPTION...]: the processes of a container.
#include <cstdio>

#include "command.h"
#include "container_of.h"
#include "oci/engine_log.h"

namespace shoji::cli {
namespace {

Result<std::string> List(Runtime& runtime, const Invocation& invocation) {
  const std::string& id = invocation.words[0];
  SHOJI_ASSIGN_OR_RETURN(const Target target, FindTarget(runtime, id, false));
  if (target.container_id.empty()) {
    return InvalidArgument("\"" + id + "\" is a sandbox; shoji ps takes the id of a container");
  }
  const std::vector<std::string> args(invocation.words.begin() + 1, invocation.words.end());
  return target.sandbox->ProcessListContainer(id, invocation.Text("format"), args);
}

int RunPs(const Invocation& invocation) {
  if (invocation.words.empty()) {
    return FailShared(invocation,
                      InvalidArgument("shoji ps takes the id of a container; see shoji list"));
  }
  auto runtime = OpenRuntime(invocation);
  if (!runtime.ok()) return FailShared(invocation, runtime.status());
  const auto text = List(**runtime, invocation);
  if (!text.ok()) return FailShared(invocation, text.status());
  fputs(text->c_str(), stdout);
  if (text->empty() || text->back() != '\n') puts("");
  return 0;
}

}  // namespace

const Command kPs = {"ps", "ID [-- PS-OPTION...]", "List the processes of a container.",
                     DescribeFormatLetter, RunPs};

}  // namespace shoji::cli
