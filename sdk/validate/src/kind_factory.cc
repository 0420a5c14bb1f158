// Kind "factory", as far as it goes without a hypervisor.
#include <nlohmann/json.hpp>

#include "kinds.h"
#include "shoji/plugin/factory.h"
#include "shoji/plugin/factory_server.h"

namespace shoji::validate {
namespace {

TableShape Table() {
  return {SHOJI_FACTORY_V1,
          offsetof(shoji_factory_v1, destroy) + sizeof(void*),
          {KIT_SLOT(shoji_factory_v1, open), KIT_SLOT(shoji_factory_v1, close),
           KIT_SLOT(shoji_factory_v1, new_vm), KIT_SLOT(shoji_factory_v1, status),
           KIT_SLOT(shoji_factory_v1, destroy)}};
}

Verdict Live(Session& session) {
  const auto* table = session.Find<shoji_factory_v1>(SHOJI_FACTORY_V1);
  KIT_OPEN(const auto factory, OpenInstance<shoji_factory>(session, table));
  return Pass();
}

void Provoke(Session& session, Provoker& provoker) {
  const auto* table = session.Find<shoji_factory_v1>(SHOJI_FACTORY_V1);
  auto opened = OpenInstance<shoji_factory>(session, table);
  if (!opened.ok()) return;
  shoji_vm_config config{};
  config.struct_size = sizeof(shoji_vm_config);
  config.vcpus = 1;
  config.memory_bytes = 64U << 20U;
  config.id = Str("validate");
  const shoji_vm_request request = {
      sizeof(shoji_vm_request), 0x80000000U, {}, {}, {}, nullptr, &config};
  shoji_new_vm made = {sizeof(shoji_new_vm),
                       77,
                       Untouched<shoji_vm>(),
                       Untouched<shoji_proxy>(),
                       Untouched<shoji_agent>(),
                       0,
                       0,
                       0};
  provoker.Refused(
      "new_vm() with an unknown flag", {SHOJI_INVALID_ARGUMENT},
      [&](shoji_error* err) { return table->new_vm(opened->get(), nullptr, &request, &made, err); },
      [&] {
        return made.flags != 77 || made.vm != Untouched<shoji_vm>() ||
               made.proxy != Untouched<shoji_proxy>() || made.agent != Untouched<shoji_agent>();
      });
}

Verdict StatusIsJson(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_factory_v1>(SHOJI_FACTORY_V1);
  KIT_OPEN(const auto factory, OpenInstance<shoji_factory>(*session, table));
  KitError error;
  KitSink sink;
  const std::int32_t code = table->status(factory.get(), nullptr, sink.raw(), error.raw());
  KIT_EXPECT(code == SHOJI_OK, "status() fails with " + error.Describe(code));
  const auto json = nlohmann::json::parse(sink.text(), nullptr, false);
  KIT_EXPECT(json.is_object(), "status() writes no JSON object: " + sink.text());
  KIT_EXPECT(json.contains("ready") && json["ready"].is_number_unsigned(),
             "status() writes no count \"ready\": " + sink.text());
  KIT_EXPECT(json.contains("detail") && json["detail"].is_string(),
             "status() writes no text \"detail\": " + sink.text());
  return Pass();
}

Verdict DestroyTwice(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_factory_v1>(SHOJI_FACTORY_V1);
  KIT_OPEN(const auto factory, OpenInstance<shoji_factory>(*session, table));
  for (const char* const time : {"first", "second"}) {
    KitError error;
    const std::int32_t code = table->destroy(factory.get(), nullptr, error.raw());
    KIT_EXPECT(code == SHOJI_OK,
               "the " + std::string(time) + " destroy() fails with " + error.Describe(code));
  }
  return Pass();
}

// What is offered beside the factory is a whole table, and refuses what new_vm() refuses.
Verdict Server(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_factory_v1>(SHOJI_FACTORY_V1);
  const auto* server = session->Find<shoji_factory_server_v1>(SHOJI_FACTORY_SERVER_V1);
  if (server == nullptr) return Skip("the factory offers no " SHOJI_FACTORY_SERVER_V1);
  const bool prepares = SHOJI_HAS_SLOT(shoji_factory_server_v1, server, prepare);
  const bool serves = SHOJI_HAS_SLOT(shoji_factory_server_v1, server, serve);
  KIT_EXPECT(prepares || serves, SHOJI_FACTORY_SERVER_V1 " has neither prepare() nor serve()");
  KIT_OPEN(const auto factory, OpenInstance<shoji_factory>(*session, table));
  shoji_vm_config config{};
  config.struct_size = sizeof config;
  const shoji_vm_request request = {
      sizeof(shoji_vm_request), 0x80000000U, {}, {}, {}, nullptr, &config};
  const auto refused = [&](const char* slot, auto call) -> Verdict {
    KitError error;
    const std::int32_t code = call(error.raw());
    KIT_EXPECT(code == SHOJI_INVALID_ARGUMENT,
               std::string(slot) + " with an unknown flag: " + error.Describe(code));
    return Pass();
  };
  if (prepares) {
    Verdict verdict = refused("prepare()", [&](shoji_error* err) {
      return server->prepare(factory.get(), nullptr, &request, err);
    });
    if (verdict.outcome != Outcome::kPass) return verdict;
  }
  if (!serves) return Pass();
  return refused("serve()", [&](shoji_error* err) {
    return server->serve(factory.get(), nullptr, &request, {nullptr, 0}, err);
  });
}

}  // namespace

Kind FactoryKind() { return {"factory", Table(), {}, Live, Provoke, nullptr}; }

std::vector<Check> FactoryChecks() {
  return {{"factory-status",
           "status() writes {\"ready\", \"detail\"}",
           20,
           "factory",
           {kInstance},
           StatusIsJson},
          {"factory-destroy-twice",
           "destroy() succeeds when nothing is prepared",
           18,
           "factory",
           {kInstance},
           DestroyTwice},
          {"factory-server",
           "shoji.factory.server/1, when offered, refuses unknown flags",
           9,
           "factory",
           {kInstance},
           Server}};
}

}  // namespace shoji::validate
