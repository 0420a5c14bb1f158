// The first calls: older and newer hosts, ids, services.
#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstring>
#include <thread>

#include "kinds.h"
#include "shoji/base/strings.h"

namespace shoji::validate {
namespace {

constexpr unsigned char kCanary = 0xa7;
constexpr std::size_t kCanarySize = 256;

Verdict Loads(const Target& target) {
  const auto entry = LoadEntry(target.path);
  if (entry.status().code() == StatusCode::kNotFound) return Skip(entry.status().message());
  KIT_EXPECT(entry.ok(), entry.status().message());
  return Pass();
}

Verdict Opens(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  session->Shutdown();
  return Pass();
}

Verdict OpensWith(const Target& target, KitHost::Options options, const std::string& what) {
  const auto session = Session::Open(target, std::move(options));
  KIT_EXPECT(session.ok(), what + ": " + session.status().message());
  const std::vector<std::string> misuses = (*session)->host().Misuses();
  KIT_EXPECT(misuses.empty(), what + ": " + misuses.front());
  return Pass();
}

// shoji_host ends before a page that cannot be read.
Verdict OldestHost(const Target& target) {
  KitHost::Options options;
  options.guarded = true;
  return OpensWith(target, options, "with a shoji_host of the first release");
}

Verdict NewerHost(const Target& target) {
  KitHost::Options options;
  options.abi_max = SHOJI_ABI_VERSION + 8;
  options.surplus = 64;
  options.guarded = true;
  return OpensWith(target, options, "with a shoji_host that is 64 bytes longer");
}

// Opens with an out-struct that says it is `size` long, and looks what is written where.
Verdict OutStruct(const Target& target, std::uint32_t size) {
  KIT_ASSIGN(const PluginEntry entry, LoadEntry(target.path));
  KitHost host({.scratch = target.scratch});
  alignas(8) unsigned char memory[kFirstPluginSize + 2 * kCanarySize];
  std::memset(memory, kCanary, sizeof(memory));
  auto* const plugin = reinterpret_cast<shoji_plugin*>(memory);
  std::memset(memory, 0, size);
  plugin->struct_size = size;
  KitError error;
  const std::int32_t code = entry(host.raw(), plugin, error.raw());
  KIT_EXPECT(code == SHOJI_OK, "shoji_plugin_open_v1() fails with " + error.Describe(code));
  unsigned char* const end = memory + sizeof(memory);
  unsigned char* const written =
      std::find_if(memory + size, end, [](unsigned char byte) { return byte != kCanary; });
  KIT_EXPECT(written == end, "writes behind shoji_plugin, " + std::to_string(written - memory) +
                                 " bytes after its begin, where "
                                 "struct_size is " +
                                 std::to_string(size));
  KIT_EXPECT(plugin->struct_size == size,
             "changes struct_size of shoji_plugin from " + std::to_string(size) + " to " +
                 std::to_string(plugin->struct_size) + "; it belongs to who allocates the struct");
  if (plugin->shutdown != nullptr) plugin->shutdown(plugin->self);
  return Pass();
}

bool HasNumber(const std::string& text, const std::string& number) {
  for (std::size_t at = text.find(number); at != std::string::npos;
       at = text.find(number, at + 1)) {
    const auto digit = [&](std::size_t i) {
      return i < text.size() && std::isdigit(static_cast<unsigned char>(text[i])) != 0;
    };
    if (!(at > 0 && digit(at - 1)) && !digit(at + number.size())) return true;
  }
  return false;
}

// A host that serves only `min` to `max`, which the plugin does not speak.
Verdict RefusesAbi(const Target& target, std::uint32_t min, std::uint32_t max) {
  KIT_ASSIGN(const PluginEntry entry, LoadEntry(target.path));
  KitHost host({.abi_min = min, .abi_max = max, .scratch = target.scratch});
  shoji_plugin plugin = {sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  KitError error;
  const std::int32_t code = entry(host.raw(), &plugin, error.raw());
  const std::string range = std::to_string(min) + " to " + std::to_string(max);
  KIT_EXPECT(code == SHOJI_FAILED_PRECONDITION, "a host that serves ABI " + range + " gets " +
                                                    error.Describe(code) +
                                                    " instead of FAILED_PRECONDITION");
  for (const std::int64_t number : {std::int64_t{min}, std::int64_t{max}, target.note->abi_min}) {
    KIT_EXPECT(HasNumber(error.message(), std::to_string(number)),
               "the refusal of ABI " + range + " does not name " + std::to_string(number) + ": " +
                   error.message());
  }
  KIT_EXPECT(plugin.self == nullptr && plugin.get_interface == nullptr,
             "the refusal of ABI " + range + " fills shoji_plugin all the same");
  return Pass();
}

Verdict RefusesNewAbi(const Target& target) { return RefusesAbi(target, 7001, 7002); }

Verdict RefusesOldAbi(const Target& target) {
  const auto oldest = static_cast<std::uint32_t>(std::max<std::int64_t>(target.note->abi_min, 1));
  return RefusesAbi(target, 0, oldest - 1);
}

Verdict UnknownIds(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  for (const char* const id : {"", "/", "shoji.store", "shoji.nothing/1", "com.example.unknown/1",
                               "shoji.store/0", "shoji.store/4294967297", "\xff\xfe"}) {
    KIT_EXPECT(session->FindRaw(id) == nullptr,
               "get_interface(\"" + std::string(id) + "\") gives a table");
  }
  KIT_EXPECT(session->FindRaw(std::string(65536, 'a')) == nullptr,
             "get_interface() gives a table for 65536 letters");
  return Pass();
}

Verdict WholeIds(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  for (const auto& [id, minor] : target.note->interfaces) {
    for (const std::string& other :
         {id + "0", id + " ", id + "x", id + "/1", " " + id, id.substr(0, id.size() - 1),
          id.substr(0, id.size() - 1) + "2"}) {
      if (target.note->Announces(other)) continue;
      KIT_EXPECT(session->FindRaw(other) == nullptr,
                 "get_interface(\"" + other + "\") gives a table; only " + id + " is announced");
    }
  }
  return Pass();
}

Verdict AnswersFromThreads(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const std::string id = "shoji." + target.note->kind + "/1";
  const void* const table = session->FindRaw(id);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        if (session->FindRaw(id) != table) ++wrong;
        if (session->FindRaw("com.example.unknown/1") != nullptr) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  KIT_EXPECT(wrong == 0, "get_interface() gives another answer in " + std::to_string(wrong) +
                             " of 32000 calls from 8 threads");
  return Pass();
}

Verdict OpensAgain(const Target& target) {
  for (const char* const time : {"first", "second", "third"}) {
    const auto session = Session::Open(target);
    KIT_EXPECT(session.ok(), "the " + std::string(time) + " time: " + session.status().message());
  }
  return Pass();
}

Verdict OpensTwice(const Target& target) {
  KIT_ASSIGN(const auto first, Session::Open(target));
  const auto second = Session::Open(target);
  KIT_EXPECT(second.ok(), "while it is open already: " + second.status().message());
  const std::string id = "shoji." + target.note->kind + "/1";
  first->Shutdown();
  KIT_EXPECT((*second)->FindRaw(id) != nullptr,
             "the second one gives no " + id + " after the first was shut down");
  return Pass();
}

Verdict MissingServices(const Target& target) {
  for (const std::string& id : KitHost::ServiceIds()) {
    const auto session = Session::Open(target, {.missing = {id}});
    KIT_EXPECT(session.ok(), "without " + id + ": " + session.status().message());
  }
  return OpensWith(target, {.services = false}, "without any service");
}

// An instance may refuse to open without a service that it cannot do without, with an error.
Verdict MissingServicesInUse(const Target& target) {
  const Kind* const kind = FindKind(target.note->kind);
  std::vector<std::set<std::string>> sets;
  for (const std::string& id : KitHost::ServiceIds()) sets.push_back({id});
  const auto& ids = KitHost::ServiceIds();
  sets.emplace_back(ids.begin(), ids.end());
  for (const auto& missing : sets) {
    KIT_ASSIGN(const auto session, Session::Open(target, {.missing = missing}));
    (void)kind->live(*session);
  }
  return Pass();
}

Verdict UsesServicesRight(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  (void)FindKind(target.note->kind)->live(*session);
  session->Shutdown();
  const std::vector<std::string> misuses = session->host().Misuses();
  KIT_EXPECT(misuses.empty(), Join(misuses, "; "));
  return Pass();
}

Verdict NullError(const Target& target) {
  KIT_ASSIGN(const PluginEntry entry, LoadEntry(target.path));
  const KitHost host({.abi_min = 0, .abi_max = 0, .scratch = target.scratch});
  shoji_plugin plugin = {sizeof(shoji_plugin), 0, nullptr, nullptr, nullptr};
  (void)entry(host.raw(), &plugin, nullptr);
  return Pass();
}

}  // namespace

std::vector<Check> BootstrapChecks() {
  const std::vector<std::string> opens = {kOpens};
  const std::vector<std::string> instance = {kInstance};
  return {
      {kLoads,
       "the dynamic loader takes the file, with all symbols bound",
       1,
       "",
       {kNotePresent},
       Loads},
      {kOpens,
       "shoji_plugin_open_v1() and shutdown() work",
       9,
       "",
       {kLoads, "note-options"},
       Opens},
      {"open-oldest-host", "opens with a shoji_host of the first release and reads nothing behind",
       5, "", opens, OldestHost},
      {"open-newer-host", "opens with a longer shoji_host that serves more ABIs", 5, "", opens,
       NewerHost},
      {"open-out-struct", "writes nothing behind a shoji_plugin of the first release", 6, "", opens,
       [](const Target& t) { return OutStruct(t, kFirstPluginSize); }},
      {"open-longer-out-struct", "writes nothing behind a longer shoji_plugin", 6, "", opens,
       [](const Target& t) { return OutStruct(t, kFirstPluginSize + 64); }},
      {"open-newer-abi",
       "refuses a host that serves newer ABIs only, and names both ranges",
       7,
       "",
       {kOpens, "note-abi"},
       RefusesNewAbi},
      {"open-older-abi",
       "refuses a host that serves older ABIs only, and names both ranges",
       7,
       "",
       {kOpens, "note-abi"},
       RefusesOldAbi},
      {"open-null-error", "NULL as shoji_error is allowed", 13, "", opens, NullError},
      {"open-again", "opens again after shutdown()", 15, "", opens, OpensAgain},
      {"open-twice", "opens a second time while it is open", 15, "", {kInterface}, OpensTwice},
      {"open-missing-services", "opens without each service, and without all", 10, "", opens,
       MissingServices},
      {"interface-unknown-ids", "get_interface() answers NULL to ids that nobody knows", 8, "",
       opens, UnknownIds},
      {"interface-whole-ids", "get_interface() compares whole ids", 8, "", opens, WholeIds},
      {"interface-threads",
       "get_interface() gives the same answer to all threads",
       8,
       "",
       {kInterface},
       AnswersFromThreads},
      {"services-missing-in-use", "an instance without services degrades, and does not crash", 10,
       "", instance, MissingServicesInUse},
      {"services-used-right", "calls services as their contract says", 4, "", instance,
       UsesServicesRight},
  };
}

}  // namespace shoji::validate
