#include "session.h"

#include <dlfcn.h>

#include <algorithm>

#include "shoji/base/strings.h"

namespace shoji::validate {
namespace {

const NoteOption* FindOption(const Note& note, const std::string& name) {
  const auto found = std::find_if(note.options.begin(), note.options.end(),
                                  [&](const NoteOption& o) { return o.name == name; });
  return found == note.options.end() ? nullptr : &*found;
}

Status UnknownOption(const Note& note, const std::string& name) {
  std::vector<std::string> names;
  for (const NoteOption& option : note.options) names.push_back(option.name);
  const std::string near = Suggest(name, names);
  return InvalidArgument("the plugin has no option \"" + name + "\"" +
                         (near.empty() ? "" : "; did you mean " + near + "?"));
}

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

Result<std::string> ValueOf(const Target& target, const NoteOption& option,
                            const std::string& secret) {
  if (option.HasFlag("secret") && !secret.empty()) return secret;
  for (const auto& [name, value] : target.options) {
    if (name == option.name) {
      return CanonicalValue(option.type, Replace(value, "{scratch}", target.scratch));
    }
  }
  // Nothing of the machine is touched that the kit has not made.
  if (target.note->kind == "store" && option.name == "path" && option.type == "path") {
    return target.scratch + "/store";
  }
  if (option.HasFlag("required") && option.HasFlag("secret")) return std::string("text:unknown");
  if (option.HasFlag("required")) {
    return InvalidArgument("option \"" + option.name +
                           "\" of the plugin is required; write --option " + option.name +
                           "=VALUE");
  }
  if (option.default_value.empty()) return std::string();
  return CanonicalValue(option.type, option.default_value);
}

}  // namespace

Result<PluginEntry> LoadEntry(const std::string& path) {
  void* const object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) return FailedPrecondition("cannot be loaded: " + std::string(dlerror()));
  void* const symbol = dlsym(object, SHOJI_PLUGIN_OPEN_SYMBOL);
  if (symbol == nullptr) return NotFound("has no function " SHOJI_PLUGIN_OPEN_SYMBOL);
  return PluginEntry{reinterpret_cast<shoji_plugin_open_fn>(symbol)};
}

OptionValues::OptionValues(std::vector<std::pair<std::string, std::string>> values)
    : values_(std::move(values)) {
  for (const auto& [name, value] : values_) items_.push_back({Str(name), Str(value)});
  raw_ = {sizeof(shoji_options), static_cast<std::uint32_t>(items_.size()), items_.data()};
}

Result<std::unique_ptr<OptionValues>> OptionValues::For(const Target& target,
                                                        const std::string& secret) {
  for (const auto& [name, value] : target.options) {
    if (FindOption(*target.note, name) == nullptr) return UnknownOption(*target.note, name);
  }
  std::vector<std::pair<std::string, std::string>> values;
  for (const NoteOption& option : target.note->options) {
    Result<std::string> value = ValueOf(target, option, secret);
    if (!value.ok()) return std::move(value).status().WithContext("option " + option.name);
    values.emplace_back(option.name, *std::move(value));
  }
  return std::unique_ptr<OptionValues>(new OptionValues(std::move(values)));
}

Result<std::unique_ptr<Session>> Session::Open(const Target& target, KitHost::Options host,
                                               const std::string& secret) {
  host.scratch = target.scratch;
  SHOJI_ASSIGN_OR_RETURN(const PluginEntry entry, LoadEntry(target.path));
  SHOJI_ASSIGN_OR_RETURN(std::unique_ptr<OptionValues> options, OptionValues::For(target, secret));
  std::unique_ptr<Session> session(new Session(target, std::move(host), std::move(options)));
  KitError error;
  const std::int32_t code = entry(session->host_.raw(), &session->plugin_, error.raw());
  if (code != SHOJI_OK) {
    return FailedPrecondition("shoji_plugin_open_v1() fails with " + error.Describe(code));
  }
  if (session->plugin_.get_interface == nullptr) {
    return FailedPrecondition("shoji_plugin_open_v1() succeeds and leaves get_interface NULL");
  }
  session->open_ = true;
  return session;
}

void Session::Shutdown() {
  if (!open_) return;
  open_ = false;
  if (plugin_.shutdown != nullptr) plugin_.shutdown(plugin_.self);
}

std::int32_t KitSink::Write(void* ctx, const void* data, std::uint64_t size) {
  static_cast<KitSink*>(ctx)->text_.append(static_cast<const char*>(data),
                                           static_cast<std::size_t>(size));
  return SHOJI_OK;
}

}  // namespace shoji::validate
