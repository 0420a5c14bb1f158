// Kind "network", as far as it goes without a namespace of a pod.
#include <nlohmann/json.hpp>

#include "kinds.h"
#include "shoji/base/file.h"
#include "shoji/plugin/network.h"

namespace shoji::validate {
namespace {

TableShape Table() {
  using T = shoji_network_v1;
  return {
      SHOJI_NETWORK_V1,
      offsetof(T, get_extension) + sizeof(void*),
      {KIT_SLOT(T, open), KIT_SLOT(T, close), KIT_SLOT(T, join), KIT_SLOT(T, nic),
       KIT_SLOT(T, guest_config), KIT_SLOT(T, limit), KIT_SLOT(T, save_state), KIT_SLOT(T, attach),
       KIT_SLOT(T, close_link), KIT_SLOT(T, leave), KIT_SLOT(T, get_extension)}};
}

Result<Closing<shoji_network>> OpenNetwork(Session& session) {
  return OpenInstance<shoji_network>(session, session.Find<shoji_network_v1>(SHOJI_NETWORK_V1));
}

Verdict Live(Session& session) {
  KIT_OPEN(const auto network, OpenNetwork(session));
  return Pass();
}

std::string RunDir(const Session& session) {
  const std::string dir = session.target().scratch + "/network";
  (void)MakeDirs(dir, 0700);
  return dir;
}

// join(); leaves again what was joined all the same.
std::int32_t Join(Session& session, shoji_network* network, const shoji_network_params& params,
                  shoji_network_link** link, shoji_error* err) {
  const auto* table = session.Find<shoji_network_v1>(SHOJI_NETWORK_V1);
  const shoji_call call = CallFor(5000);
  const std::int32_t code = table->join(network, &call, &params, link, err);
  if (code == SHOJI_OK) table->leave(*link, &call, nullptr);
  return code;
}

void ProvokeJoin(Session& session, shoji_network* network, Provoker& provoker,
                 const std::string& what, std::int32_t expected, std::uint32_t flags,
                 const std::string& netns) {
  const std::string run_dir = RunDir(session);
  const shoji_network_params params = {
      sizeof(shoji_network_params), flags, Str("validate"), Str(netns), Str(run_dir), 1, 0};
  shoji_network_link* link = Untouched<shoji_network_link>();
  provoker.Refused(
      "join() with " + what, {expected},
      [&](shoji_error* err) { return Join(session, network, params, &link, err); },
      [&] { return link != Untouched<shoji_network_link>(); });
}

void Provoke(Session& session, Provoker& provoker) {
  const auto* table = session.Find<shoji_network_v1>(SHOJI_NETWORK_V1);
  auto opened = OpenNetwork(session);
  if (!opened.ok()) return;
  ProvokeJoin(session, opened->get(), provoker, "an unknown flag", SHOJI_INVALID_ARGUMENT,
              0x80000000U, "");
  ProvokeJoin(session, opened->get(), provoker, "a namespace that is not there", SHOJI_NOT_FOUND, 0,
              session.target().scratch + "/no-namespace");
  provoker.MaySucceed();  // a model that does nothing looks at none
  const std::string noise("\x01\x80\xff{\"\0\n", 7);
  shoji_network_link* link = Untouched<shoji_network_link>();
  provoker.Refused(
      "attach() to a state of noise", {SHOJI_DATA_LOSS},
      [&](shoji_error* err) {
        return table->attach(opened->get(), nullptr, Str(noise), &link, err);
      },
      [&] { return link != Untouched<shoji_network_link>(); });
}

// Without a namespace there is nothing to join, and that works.
Verdict NoNamespace(const Target& target) {
  KIT_ASSIGN(const auto session, Session::Open(target));
  const auto* table = session->Find<shoji_network_v1>(SHOJI_NETWORK_V1);
  KIT_OPEN(const auto network, OpenNetwork(*session));
  const std::string run_dir = RunDir(*session);
  const shoji_network_params params = {
      sizeof(shoji_network_params), 0, Str("validate"), {}, Str(run_dir), 1, 0};
  KitError error;
  shoji_network_link* link = nullptr;
  std::int32_t code = table->join(network.get(), nullptr, &params, &link, error.raw());
  KIT_EXPECT(code == SHOJI_OK, "join() without a namespace fails with " + error.Describe(code));
  shoji_nic nic{};
  nic.struct_size = sizeof(nic);
  const std::int32_t first = table->nic(link, 0, &nic);
  KitSink sink;
  const std::int32_t told = table->guest_config(link, nullptr, sink.raw(), error.raw());
  const std::string config_error = error.Describe(told);
  code = table->leave(link, nullptr, error.raw());
  KIT_EXPECT(code == SHOJI_OK, "leave() fails with " + error.Describe(code));
  KIT_EXPECT(first == SHOJI_OUT_OF_RANGE,
             "nic(0) gives " + CodeName(first) + " where there is no interface");
  KIT_EXPECT(told == SHOJI_OK, "guest_config() fails with " + config_error);
  KIT_EXPECT(nlohmann::json::parse(sink.text(), nullptr, false).is_object(),
             "guest_config() writes no JSON object: " + sink.text());
  return Pass();
}

}  // namespace

Kind NetworkKind() { return {"network", Table(), {}, Live, Provoke, nullptr}; }

std::vector<Check> NetworkChecks() {
  return {{"network-no-namespace",
           "join() without a namespace gives a link with no interface",
           20,
           "network",
           {kInstance},
           NoNamespace}};
}

}  // namespace shoji::validate
