#include "script.h"

#include <array>
#include <utility>

#include "shoji/base/strings.h"

namespace shoji::mock {
namespace {

// What a fault can do to a slot depends on its arguments.
struct Slot {
  std::string_view name;
  bool waits;   // takes a shoji_call
  bool writes;  // gives a result through a sink
  bool has_vm;  // before it is called
};

constexpr std::array<Slot, 24> kSlots = {{
    {"check", true, true, false},        {"create", true, false, false},
    {"start", true, false, true},        {"stop", true, false, true},
    {"pids", false, true, true},         {"agent_endpoint", false, true, true},
    {"last_words", false, true, true},   {"save_state", false, true, true},
    {"attach", true, false, false},      {"destroy", true, false, true},
    {"attach_device", true, true, true}, {"detach_device", true, false, true},
    {"limit_block", true, false, true},  {"size", true, false, true},
    {"set_vcpus", true, false, true},    {"set_memory", true, false, true},
    {"share_mount", false, true, true},  {"pause", true, false, true},
    {"resume", true, false, true},       {"save", true, false, true},
    {"restore", true, false, false},     {"open_console", true, false, true},
    {"stats", true, false, true},        {"await_agent_port", true, false, true},
}};

const Slot* FindSlot(std::string_view name) {
  for (const Slot& slot : kSlots) {
    if (slot.name == name) return &slot;
  }
  return nullptr;
}

// Without the blanks around it; an empty one keeps its place, unlike Trim()'s.
std::string_view Part(std::string_view text) {
  const std::string_view part = Trim(text);
  return part.empty() ? text.substr(0, 0) : part;
}

std::optional<StatusCode> CodeOf(std::string_view name) {
  for (int code = 1; code <= 16; ++code) {
    if (StatusCodeName(static_cast<StatusCode>(code)) == name) return static_cast<StatusCode>(code);
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> SlotNames() {
  std::vector<std::string> names;
  for (const Slot& slot : kSlots) names.emplace_back(slot.name);
  return names;
}

// Remembers where in the text each part lies.
class Script::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<std::vector<Line>> Run() {
    std::vector<Line> lines;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = std::min(text_.find(';', at), text_.size());
      const std::string_view entry = Trim(text_.substr(at, end - at));
      at = end + 1;
      if (entry.empty()) continue;  // after the last ";"
      SHOJI_ASSIGN_OR_RETURN(Line line, ParseLine(entry));
      lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  Status Bad(std::string_view part, const std::string& what) const {
    const auto place = part.data() - text_.data();
    return InvalidArgument("script, character " + std::to_string(place + 1) + ": " + what);
  }

  // Splits at the first three colons; a text may have more of them.
  Result<Line> ParseLine(std::string_view entry) const {
    std::vector<std::string_view> parts;
    std::string_view rest = entry;
    while (parts.size() < 3 && rest.find(':') != std::string_view::npos) {
      parts.push_back(Part(rest.substr(0, rest.find(':'))));
      rest.remove_prefix(rest.find(':') + 1);
    }
    parts.push_back(Part(rest));
    if (parts.size() < 3) {
      return Bad(entry, "\"" + std::string(entry) + "\" is no SLOT:CALLS:FAULT[:TEXT]");
    }
    Line line;
    const Slot* const slot = FindSlot(parts[0]);
    if (slot == nullptr) return Bad(parts[0], UnknownSlot(parts[0]));
    line.slot = slot->name;
    SHOJI_RETURN_IF_ERROR(ParseCalls(parts[1], &line));
    SHOJI_RETURN_IF_ERROR(ParseFault(parts[2], *slot, &line.fault));
    return WithText(std::move(line), parts);
  }

  Result<Line> WithText(Line line, const std::vector<std::string_view>& parts) const {
    const bool fails = line.fault.effect == Effect::kFail || line.fault.effect == Effect::kLate;
    line.fault.text = "mock: " + line.slot + " fails as its script says";
    if (parts.size() < 4) return line;
    if (!fails) return Bad(parts[3], "only a failure has a text");
    if (parts[3].empty()) return Bad(parts[2], "the text is empty; leave the \":\" out");
    line.fault.text = parts[3];
    return line;
  }

  static std::string UnknownSlot(std::string_view name) {
    const std::string near = Suggest(name, SlotNames());
    return "\"" + std::string(name) + "\" is no slot; " +
           (near.empty() ? "there are " + Join(SlotNames(), ", ") : "did you mean " + near + "?");
  }

  Result<std::uint64_t> Number(std::string_view text) const {
    const auto number = ParseInt(text);
    if (number.ok() && *number > 0) return static_cast<std::uint64_t>(*number);
    return Bad(text, "\"" + std::string(text) + "\" says no calls; write 2, 2-4, 2+ or *");
  }

  Status ParseCalls(std::string_view text, Line* line) const {
    if (text == "*") return OkStatus();
    const std::size_t dash = text.find('-', 1);
    const bool open = text.ends_with("+");
    const std::string_view first = open ? text.substr(0, text.size() - 1) : text.substr(0, dash);
    SHOJI_ASSIGN_OR_RETURN(line->first, Number(first));
    if (open) return OkStatus();
    line->last = line->first;
    if (dash == std::string_view::npos) return OkStatus();
    SHOJI_ASSIGN_OR_RETURN(line->last, Number(text.substr(dash + 1)));
    if (line->last >= line->first) return OkStatus();
    return Bad(text, "\"" + std::string(text) + "\" ends before it begins");
  }

  Status ParseFault(std::string_view text, const Slot& slot, Fault* fault) const {
    constexpr std::string_view kLate = "late-";
    const std::string name(slot.name);
    if (text == "hang") {
      fault->effect = Effect::kHang;
      return slot.waits ? OkStatus() : Bad(text, name + " takes no time limit: it cannot hang");
    }
    if (text == "partial") {
      fault->effect = Effect::kPartial;
      return slot.writes ? OkStatus() : Bad(text, name + " writes no result that could be cut");
    }
    if (text == "kill" || text == "kill-after") {
      fault->effect = text == "kill" ? Effect::kKill : Effect::kKillAfter;
      return slot.has_vm ? OkStatus() : Bad(text, name + " has no VM yet that could be killed");
    }
    const bool late = text.starts_with(kLate);
    const auto code = CodeOf(late ? text.substr(kLate.size()) : text);
    fault->effect = late ? Effect::kLate : Effect::kFail;
    if (code.has_value()) fault->code = *code;
    if (code.has_value()) return OkStatus();
    return Bad(text, "\"" + std::string(text) +
                         "\" is no fault; write a code such as UNAVAILABLE, late-CODE, hang, "
                         "partial, kill or kill-after");
  }

  std::string_view text_;
};

Result<std::unique_ptr<Script>> Script::Parse(std::string_view text) {
  auto script = std::make_unique<Script>();
  SHOJI_ASSIGN_OR_RETURN(script->lines_, Parser(text).Run());
  return script;
}

std::optional<Fault> Script::Next(std::string_view slot) {
  const MutexLock lock(mutex_);
  const std::uint64_t call = ++calls_[std::string(slot)];
  for (const Line& line : lines_) {
    if (line.slot == slot && line.first <= call && call <= line.last) return line.fault;
  }
  return std::nullopt;
}

}  // namespace shoji::mock
