#include "options.h"

#include <array>
#include <optional>
#include <string_view>

namespace shoji::proxy {

namespace {

struct TextFlag {
  std::string_view name;
  std::string_view help;
  std::string Options::*member;
};

// Being read.
struct Raw {
  Options options;
  bool debug = false;
};

constexpr std::array kSockets = {
    TextFlag{"listen-socket", "unix socket to listen on", &Options::listen},
    TextFlag{"mux-socket", "unix socket of the VM's serial channel", &Options::serial},
    TextFlag{"agent-logs-socket", "unix socket of the VM's console, which is logged",
             &Options::console},
};

struct Flag {
  std::string name;
  std::optional<std::string> value;
};

// "-name", "--name", "-name=value"; nothing for a word that is no flag.
std::optional<Flag> FlagOf(std::string_view word) {
  if (!word.starts_with('-') || word == "-" || word == "--") return std::nullopt;
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return Flag{std::string(word), std::nullopt};
  return Flag{std::string(word.substr(0, equals)), std::string(word.substr(equals + 1))};
}

// A path, or a URL of scheme unix.
Result<std::string> SocketPath(const std::string& flag, const std::string& text) {
  const std::string path = text.starts_with("unix://") ? text.substr(7) : text;
  if (path.empty() || path[0] != '/') {
    return InvalidArgument("-" + flag + " is \"" + text +
                           "\"; write unix:///absolute/path or /absolute/path");
  }
  return path;
}

Result<bool> BoolOf(const Flag& flag) {
  const std::string text = flag.value.value_or("true");
  for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == no) return false;
  }
  return InvalidArgument("-" + flag.name + " is \"" + text + "\"; write true or false");
}

bool IsBool(const std::string& name) {
  return name == "debug" || name == "version" || name == "help" || name == "h";
}

Status TakeBool(const Flag& flag, Raw* out) {
  SHOJI_ASSIGN_OR_RETURN(const bool on, BoolOf(flag));
  if (flag.name == "debug") {
    out->debug = on;
  } else if (flag.name == "version") {
    out->options.version = on;
  } else {
    out->options.help = on;
  }
  return OkStatus();
}

Status TakeText(const Flag& flag, Raw* out) {
  if (flag.name == "sandbox") {
    out->options.sandbox = *flag.value;
    return OkStatus();
  }
  if (flag.name == "log") {
    SHOJI_ASSIGN_OR_RETURN(out->options.log_level, ParseLogLevel(*flag.value));
    return OkStatus();
  }
  for (const TextFlag& known : kSockets) {
    if (known.name != flag.name) continue;
    SHOJI_ASSIGN_OR_RETURN(out->options.*known.member, SocketPath(flag.name, *flag.value));
    return OkStatus();
  }
  return InvalidArgument("flag -" + flag.name + " is not known; -help tells the flags");
}

bool IsKnown(const std::string& name) {
  if (IsBool(name) || name == "sandbox" || name == "log") return true;
  for (const TextFlag& known : kSockets) {
    if (known.name == name) return true;
  }
  return false;
}

Status Complete(Raw* raw) {
  if (raw->debug && raw->options.log_level < LogLevel::kDebug) {
    raw->options.log_level = LogLevel::kDebug;
  }
  if (raw->options.help || raw->options.version) return OkStatus();
  if (raw->options.listen.empty()) return InvalidArgument("-listen-socket is missing");
  if (raw->options.serial.empty()) return InvalidArgument("-mux-socket is missing");
  return OkStatus();
}

}  // namespace

Result<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Raw raw;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::optional<Flag> flag = FlagOf(arguments[i]);
    if (!flag) return InvalidArgument("\"" + arguments[i] + "\" is no flag; -help tells them");
    if (IsBool(flag->name)) {
      SHOJI_RETURN_IF_ERROR(TakeBool(*flag, &raw));
      continue;
    }
    if (!flag->value && IsKnown(flag->name)) {
      if (++i == arguments.size()) return InvalidArgument("-" + flag->name + " needs a value");
      flag->value = arguments[i];
    }
    SHOJI_RETURN_IF_ERROR(TakeText(*flag, &raw));
  }
  SHOJI_RETURN_IF_ERROR(Complete(&raw));
  return raw.options;
}

std::string Usage() {
  std::string out = "Usage: shoji-proxy -listen-socket URL -mux-socket URL [flags]\n";
  for (const TextFlag& flag : kSockets) {
    out += "  -" + std::string(flag.name) + " URL\n        " + std::string(flag.help) + "\n";
  }
  out +=
      "  -sandbox ID\n        sandbox, named in the log\n"
      "  -log LEVEL\n        panic, fatal, error, warn, info, debug or trace (default warn)\n"
      "  -debug\n        as -log debug\n"
      "  -version\n        print the version\n";
  return out;
}

}  // namespace shoji::proxy
