// Kind "proxy", as far as it goes without a guest.
#include "kinds.h"
#include "shoji/base/file.h"
#include "shoji/plugin/proxy.h"

namespace shoji::validate {
namespace {

TableShape Table() {
  return {SHOJI_PROXY_V1,
          offsetof(shoji_proxy_v1, console_watched) + sizeof(void*),
          {KIT_SLOT(shoji_proxy_v1, start), KIT_SLOT(shoji_proxy_v1, connect),
           KIT_SLOT(shoji_proxy_v1, info), KIT_SLOT(shoji_proxy_v1, save_state),
           KIT_SLOT(shoji_proxy_v1, attach), KIT_SLOT(shoji_proxy_v1, stop),
           KIT_SLOT(shoji_proxy_v1, release), KIT_SLOT(shoji_proxy_v1, console_watched)}};
}

// start() with the given flags and URL; what it makes all the same is stopped again.
class Start {
 public:
  Start(Session& session, std::uint32_t flags, std::string url)
      : session_(session), flags_(flags), url_(std::move(url)) {}
  std::int32_t operator()(shoji_error* err) {
    const auto* table = session_.Find<shoji_proxy_v1>(SHOJI_PROXY_V1);
    const std::string run_dir = session_.target().scratch + "/proxy";
    (void)MakeDirs(run_dir, 0700);
    const shoji_proxy_params params = {
        sizeof(shoji_proxy_params), flags_, Str("validate"), Str(run_dir), Str(url_), {}};
    const shoji_call call = CallFor(5000);
    const std::int32_t code =
        table->start(session_.self(), session_.options(), &call, &params, &proxy_, err);
    if (code == SHOJI_OK && proxy_ != Untouched<shoji_proxy>()) table->stop(proxy_, &call, nullptr);
    return code;
  }
  bool touched() const { return proxy_ != Untouched<shoji_proxy>(); }

 private:
  Session& session_;
  std::uint32_t flags_;
  std::string url_;
  shoji_proxy* proxy_ = Untouched<shoji_proxy>();
};

Verdict Live(Session& session) {
  KitError error;
  (void)Start(session, 0, "unix://" + session.target().scratch + "/nobody.sock")(error.raw());
  return Pass();
}

void ProvokeStart(Session& session, Provoker& provoker, const std::string& what,
                  std::uint32_t flags, const std::string& url) {
  Start start(session, flags, url);
  provoker.Refused("start() with " + what, {SHOJI_INVALID_ARGUMENT}, std::ref(start),
                   [&] { return start.touched(); });
}

void ProvokeAttach(Session& session, Provoker& provoker, const std::string& what,
                   const std::string& state) {
  const auto* table = session.Find<shoji_proxy_v1>(SHOJI_PROXY_V1);
  shoji_proxy* proxy = Untouched<shoji_proxy>();
  const shoji_call call = CallFor(5000);
  provoker.Refused(
      "attach() to " + what, {},
      [&](shoji_error* err) {
        return table->attach(session.self(), session.options(), &call, Str(state), &proxy, err);
      },
      [&] { return proxy != Untouched<shoji_proxy>(); });
  provoker.MaySucceed();
  const bool made = provoker.refusals().back().code == SHOJI_OK;
  if (made && proxy != Untouched<shoji_proxy>()) table->release(proxy);
}

void Provoke(Session& session, Provoker& provoker) {
  ProvokeStart(session, provoker, "an unknown flag", 0x80000000U,
               "unix://" + session.target().scratch + "/nobody.sock");
  ProvokeStart(session, provoker, "the URL gopher://guest", 0, "gopher://guest");
  ProvokeStart(session, provoker, "a URL that is none", 0, std::string("\xff\x00://", 5));
  ProvokeAttach(session, provoker, "an empty state", "");
  ProvokeAttach(session, provoker, "a state of noise", std::string("\x01\x80\xff{\"\0\n", 7));
}

}  // namespace

Kind ProxyKind() { return {"proxy", Table(), {}, Live, Provoke, nullptr}; }

}  // namespace shoji::validate
