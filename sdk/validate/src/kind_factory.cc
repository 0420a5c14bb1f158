// Kind "factory", as far as it goes without a hypervisor.
#include <nlohmann/json.hpp>

#include "kinds.h"
#include "shoji/plugin/factory.h"

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
  const shoji_vm_config config = {sizeof(shoji_vm_config),
                                  1,
                                  64U << 20U,
                                  Str("validate"),
                                  {},
                                  {},
                                  {},
                                  {},
                                  nullptr,
                                  0,
                                  0,
                                  {},
                                  {},
                                  nullptr,
                                  0,
                                  0};
  const shoji_vm_request request = {
      sizeof(shoji_vm_request), 0x80000000U, {}, {}, {}, nullptr, &config};
  shoji_new_vm made = {sizeof(shoji_new_vm), 77, Untouched<shoji_vm>(), Untouched<shoji_proxy>(),
                       Untouched<shoji_agent>()};
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
           DestroyTwice}};
}

}  // namespace shoji::validate
