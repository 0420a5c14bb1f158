// shoji plugin new: a project that builds, passes its tests and can be loaded at once.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "command.h"
#include "exit_status.h"
#include "shoji/base/errno.h"
#include "shoji/base/file.h"
#include "shoji/base/strings.h"

namespace shoji::cli {
namespace {

namespace po = boost::program_options;

// Target names that CMake keeps for itself.
constexpr std::array<std::string_view, 10> kReserved = {
    "all",     "clean",      "edit_cache",     "help", "install",
    "package", "preinstall", "package_source", "test", "rebuild_cache"};

constexpr std::string_view kSuffix = ".in";  // keeps templates from being taken for our sources

void DescribePluginNew(po::options_description& options) {
  const auto text = [](const char* name) { return po::value<std::string>()->value_name(name); };
  options.add_options()                                                                    //
      ("kind", text("KIND"), "store, hypervisor, factory, shim, proxy, agent or network")  //
      ("id", text("ID"), "id of the plugin, your domain first: com.example.kv")            //
      ("language", text("LANGUAGE")->default_value("c++"), "c++ or c");
}

// ---- names

bool IsPart(std::string_view part) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  return !part.empty() && lower(part[0]) && part.back() != '-' &&
         std::all_of(part.begin(), part.end(),
                     [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '-'; });
}

// What "com.example.kv" and "store" give the files of a template.
using Names = std::map<std::string, std::string>;

std::string ClassOf(const std::string& name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    const bool separates = c == '-';
    if (!separates) out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = separates;
  }
  return out;
}

Status CheckId(const std::string& id) {
  const std::vector<std::string> parts = Split(id, '.');
  if (parts.size() < 2 || id.size() > 64 || !std::all_of(parts.begin(), parts.end(), IsPart)) {
    return InvalidArgument("--id \"" + id +
                           "\" is not the id of a plugin; write your domain, reversed, and a name "
                           "in a-z 0-9 -, at most 64 bytes: com.example.kv");
  }
  if (parts[0] == "shoji") {
    return InvalidArgument("--id \"" + id +
                           "\" begins with shoji, which names Shoji's own; begin with your domain");
  }
  if (std::find(kReserved.begin(), kReserved.end(), parts.back()) != kReserved.end()) {
    return InvalidArgument("--id \"" + id + "\" ends in \"" + parts.back() +
                           "\", a name that CMake keeps for itself; choose another");
  }
  return OkStatus();
}

Result<Names> NamesOf(const std::string& id, const std::string& kind) {
  SHOJI_RETURN_IF_ERROR(CheckId(id));
  const std::size_t dot = id.rfind('.');
  const std::string name = id.substr(dot + 1);
  std::string identifier = name;
  std::replace(identifier.begin(), identifier.end(), '-', '_');
  return Names{{"ID", id},
               {"KIND", kind},
               {"NAME", name},
               {"VENDOR", id.substr(0, dot)},
               {"CLASS", ClassOf(name)},
               // No word of the language ends in _plugin.
               {"NAMESPACE", identifier + "_plugin"},
               {"SDK_VERSION", ApiVersion()}};
}

// Replaces each @NAME@. A template with a word that is not known is a defect of ours.
Result<std::string> Fill(const std::string& text, const Names& names) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t open = text.find('@'); open != std::string::npos; open = text.find('@', at)) {
    const std::size_t close = text.find('@', open + 1);
    const auto it = close == std::string::npos
                        ? names.end()
                        : names.find(text.substr(open + 1, close - open - 1));
    if (it == names.end()) return Internal("a word between @ and @ is not known");
    out += text.substr(at, open - at) + it->second;
    at = close + 1;
  }
  return out + text.substr(at);
}

// ---- templates

Result<std::string> TemplatesDir() {
  SHOJI_ASSIGN_OR_RETURN(const std::string program, ExecutablePath());
  const std::string beside = program.substr(0, program.rfind("/bin/")) + "/share/shoji/templates";
  for (const std::string& dir : {beside, std::string("/usr/share/shoji/templates")}) {
    if (PathExists(dir)) return dir;
  }
  return NotFound("the templates " + beside + " are missing; install the SDK of Shoji");
}

// The directory of the template; the errors name what there is.
Result<std::string> TemplateOf(const std::string& templates, const std::string& kind,
                               const std::string& language) {
  if (language != "c++" && language != "c") {
    return InvalidArgument("--language \"" + language + "\" is not known; use c++ or c");
  }
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDir(templates));
  std::vector<std::string> kinds;
  std::vector<std::string> in_c;
  for (const std::string& name : names) {
    const bool c = name.size() > 2 && name.compare(name.size() - 2, 2, "-c") == 0;
    if (c) in_c.push_back(name.substr(0, name.size() - 2));
    if (!c && name != "common") kinds.push_back(name);
  }
  if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
    return InvalidArgument("--kind \"" + kind + "\" is not known; the kinds are " +
                           Join(kinds, ", "));
  }
  if (language == "c++") return templates + "/" + kind;
  if (std::find(in_c.begin(), in_c.end(), kind) != in_c.end()) return templates + "/" + kind + "-c";
  return InvalidArgument("there is no template in C of kind " + kind + ", only of " +
                         Join(in_c, ", ") + "; use --language c++");
}

// File name in the project -> content. Files of `dir` win over those of `common`.
using Files = std::map<std::string, std::string>;

Status ReadTemplate(const std::string& dir, const Names& names, Files* files) {
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> list, ListDir(dir));
  for (const std::string& file : list) {
    const std::size_t size = file.size() - std::min(file.size(), kSuffix.size());
    if (file.substr(size) != kSuffix) continue;
    SHOJI_ASSIGN_OR_RETURN(const std::string text, ReadFile(dir + "/" + file));
    Result<std::string> filled = Fill(text, names);
    if (!filled.ok()) return std::move(filled).status().WithContext(dir + "/" + file);
    // Hidden files do not look like files of the template's own directory.
    const std::string name = file.substr(0, size);
    (*files)[name == "gitignore" ? "." + name : name] = *filled;
  }
  return OkStatus();
}

Result<Files> ProjectFiles(const Invocation& invocation) {
  const std::string kind = invocation.Text("kind");
  SHOJI_ASSIGN_OR_RETURN(const std::string templates, TemplatesDir());
  SHOJI_ASSIGN_OR_RETURN(const std::string dir,
                         TemplateOf(templates, kind, invocation.Text("language")));
  SHOJI_ASSIGN_OR_RETURN(const Names names, NamesOf(invocation.Text("id"), kind));
  Files files;
  SHOJI_RETURN_IF_ERROR(ReadTemplate(templates + "/common", names, &files));
  SHOJI_RETURN_IF_ERROR(ReadTemplate(dir, names, &files));
  return files;
}

// ---- writing

// A directory beside the project, which takes its place when it is complete; else it goes.
class Staging {
 public:
  static Result<Staging> Make(const std::string& beside) {
    std::string path = beside + ".XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return ErrnoStatus(errno, "cannot make " + beside);
    return Staging(path);
  }
  Staging(Staging&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Staging& operator=(Staging&&) = delete;
  ~Staging() {
    if (!path_.empty()) static_cast<void>(RemoveTree(path_));
  }

  Status Write(const Files& files) const {
    for (const auto& [name, text] : files) {
      SHOJI_RETURN_IF_ERROR(WriteFile(path_ + "/" + name, text));
    }
    return chmod(path_.c_str(), 0755) == 0 ? OkStatus() : ErrnoStatus(errno, "cannot chmod");
  }
  // rename() takes the place of an empty directory, and of nothing else.
  Status MoveTo(const std::string& dir) {
    if (rename(path_.c_str(), dir.c_str()) != 0) return ErrnoStatus(errno, "cannot make " + dir);
    path_.clear();
    return OkStatus();
  }
  // Into a directory that has to stay the same one: it may be the caller's own.
  Status MoveInto(const std::string& dir, const Files& files) {
    for (auto it = files.begin(); it != files.end(); ++it) {
      const std::string to = dir + "/" + it->first;
      if (rename((path_ + "/" + it->first).c_str(), to.c_str()) == 0) continue;
      Status failed = ErrnoStatus(errno, "cannot make " + to);
      while (it != files.begin()) static_cast<void>(RemoveFile(dir + "/" + (--it)->first));
      return failed;
    }
    return OkStatus();
  }

 private:
  explicit Staging(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string WithoutSlash(std::string dir) {
  while (dir.size() > 1 && dir.back() == '/') dir.pop_back();
  return dir;
}

Status WriteProject(const std::string& word, const Files& files) {
  const std::string dir = WithoutSlash(word);
  struct stat st {};
  if (lstat(dir.c_str(), &st) != 0) {
    if (errno != ENOENT) return ErrnoStatus(errno, "cannot use " + dir);
    SHOJI_ASSIGN_OR_RETURN(Staging staging, Staging::Make(dir));
    SHOJI_RETURN_IF_ERROR(staging.Write(files));
    return staging.MoveTo(dir);
  }
  SHOJI_ASSIGN_OR_RETURN(const std::vector<std::string> there, ListDir(dir));
  if (!there.empty()) {
    return AlreadyExists(dir + " is not empty, it has " + there[0] +
                         "; name a directory that is empty or not there yet");
  }
  SHOJI_ASSIGN_OR_RETURN(Staging staging, Staging::Make(dir + "/.new"));
  SHOJI_RETURN_IF_ERROR(staging.Write(files));
  return staging.MoveInto(dir, files);
}

int RunPluginNew(const Invocation& invocation) {
  if (invocation.words.size() != 1 || invocation.words[0].empty()) {
    return Fail(InvalidArgument("shoji plugin new takes one word, the directory to make"));
  }
  for (const char* option : {"kind", "id"}) {
    if (invocation.Text(option).empty()) {
      return Fail(InvalidArgument(std::string("--") + option +
                                  " is missing; see shoji plugin new "
                                  "--help"));
    }
  }
  const Result<Files> files = ProjectFiles(invocation);
  if (!files.ok()) return Fail(files.status());
  const std::string& dir = invocation.words[0];
  if (const Status status = WriteProject(dir, *files); !status.ok()) return Fail(status);
  printf(
      "%s is a plugin of kind %s; next:\n  cmake -S %s -B %s/build\n  cmake --build %s/build\n"
      "  ctest --test-dir %s/build\n",
      dir.c_str(), invocation.Text("kind").c_str(), dir.c_str(), dir.c_str(), dir.c_str(),
      dir.c_str());
  return 0;
}

}  // namespace

const Command kPluginNew = {
    "plugin new",          "DIR",        "Begin a plugin of your own from a template.",
    DescribePluginNew,     RunPluginNew, false,
    CommandGroup::kPlugins};

}  // namespace shoji::cli
