// What engines give `shoji exec` beyond what people do.
//
// Purpose  process.json, pid file, console socket and going away while the process runs.
// Threads  Use from one thread.
#ifndef SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_EXEC_H_
#define SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_EXEC_H_

#include <boost/program_options.hpp>
#include <optional>
#include <string>
#include <vector>

#include "command.h"
#include "oci/console.h"
#include "shoji/config.h"
#include "shoji/sandbox.h"
#include "shoji/status.h"

namespace shoji::cli {

void DescribeEngineExec(boost::program_options::options_description& options);

class EngineExec {
 public:
  // Reads --process and opens the console. INVALID_ARGUMENT for what does not go together.
  static Result<EngineExec> Read(const Invocation& invocation,
                                 const std::vector<std::string>& args);

  const Cmd& cmd() const { return cmd_; }
  bool terminal() const { return terminal_; }
  bool detach() const { return detach_; }
  // Engines have our stdin for the process; people ask with --interactive.
  bool takes_input() const { return detach_ || !cmd_.oci_process.empty(); }
  const std::string& program() const { return program_; }
  // Console and pid file of the process that was started.
  Status Publish(const Invocation& invocation, Sandbox& sandbox, const std::string& container_id,
                 const std::string& process_id) const;

 private:
  EngineExec() = default;
  Status ReadProcess(const std::string& file);
  Status OpenConsole(const Invocation& invocation);

  Cmd cmd_;
  std::string program_;
  bool terminal_ = false;
  bool detach_ = false;
  std::uint16_t rows_ = 0;
  std::uint16_t columns_ = 0;
  std::optional<Console> console_;
};

}  // namespace shoji::cli

#endif  // SHOJI_PROGRAMS_SHOJI_OCI_ENGINE_EXEC_H_
