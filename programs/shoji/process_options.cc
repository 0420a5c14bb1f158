#include "process_options.h"

#include <unistd.h>

#include <cstdlib>

#include "terminal.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

// "NAME=value", or "NAME" to hand on our own value of it (nothing when we have none).
Status AddEnv(const std::string& word, std::vector<std::string>& envs) {
  const std::size_t equals = word.find('=');
  if (word.empty() || equals == 0) {
    return InvalidArgument("--env \"" + word + "\" has no name; write NAME=value");
  }
  if (equals != std::string::npos) {
    envs.push_back(word);
  } else if (const char* value = getenv(word.c_str())) {
    envs.push_back(word + "=" + value);
  }
  return OkStatus();
}

}  // namespace

void DescribeProcess(po::options_description& options) {
  options.add_options()                                                           //
      ("interactive,i", "give it stdin; else it sees end of file at once")        //
      ("tty,t", "give it a terminal")                                             //
      ("env,e", po::value<std::vector<std::string>>()->value_name("NAME=VALUE"),  //
       "set a variable, or hand on our own with NAME alone; may be given again")  //
      ("workdir,w", po::value<std::string>()->value_name("DIR"),                  //
       "working directory inside the container")                                  //
      ("user,u", po::value<std::string>()->value_name("USER[:GROUP]"),            //
       "name or number");
}

Result<Cmd> CmdOf(const Invocation& invocation, const std::vector<std::string>& args) {
  Cmd cmd;
  cmd.args = args;
  cmd.user = invocation.Text("user");
  cmd.terminal = invocation.Has("tty");
  for (const std::string& word : invocation.Texts("env")) {
    SHOJI_RETURN_IF_ERROR(AddEnv(word, cmd.envs));
  }
  if (invocation.Has("workdir")) cmd.work_dir = invocation.Text("workdir");
  if (cmd.work_dir.empty() || cmd.work_dir[0] != '/') {
    return InvalidArgument("--workdir \"" + cmd.work_dir + "\" is not an absolute path");
  }
  if (const auto size = WindowSizeOf(STDIN_FILENO); size && cmd.terminal) {
    cmd.rows = size->rows;
    cmd.columns = size->columns;
  }
  return cmd;
}

SessionOptions SessionOf(const Invocation& invocation) {
  SessionOptions session;
  session.interactive = invocation.Has("interactive");
  session.terminal = invocation.Has("tty");
  return session;
}

}  // namespace shoji::cli
