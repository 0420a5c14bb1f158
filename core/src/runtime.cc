#include "shoji/runtime.h"

#include <utility>

#include "config/describe.h"
#include "sandbox/factories.h"
#include "sandbox/host_plugins.h"
#include "sandbox/management.h"
#include "sandbox/sandbox_impl.h"
#include "version.h"

namespace shoji {

struct Runtime::Impl {
  const HostPlugins* plugins;  // of the context
  std::shared_ptr<Context> context;
  Management management;
};

std::string ApiVersion() { return kVersion; }

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Runtime::~Runtime() { impl_->context->ForgetAll(); }

Result<std::unique_ptr<Runtime>> Runtime::Create(RuntimeOptions options) {
  SHOJI_ASSIGN_OR_RETURN(auto plugins, HostPlugins::Load(options));
  const HostPlugins* const raw = plugins.get();
  const Settings settings = plugins->settings();
  auto log = [logger = plugins->logger()](LogLevel level, const std::string& text) {
    logger->Write(level, text);
  };
  auto context = std::make_shared<Context>(settings, std::move(plugins), std::move(log),
                                           std::move(options.on_span));
  return std::unique_ptr<Runtime>(
      new Runtime(std::make_unique<Impl>(Impl{raw, context, Management(context)})));
}

Result<std::shared_ptr<Sandbox>> Runtime::CreateSandbox(const SandboxConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(auto object, impl_->management.Create(config));
  return std::shared_ptr<Sandbox>(
      new Sandbox(std::make_shared<Sandbox::Impl>(impl_->context, std::move(object))));
}

Result<std::shared_ptr<Sandbox>> Runtime::FetchSandbox(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(auto object, impl_->management.Fetch(id));
  return std::shared_ptr<Sandbox>(
      new Sandbox(std::make_shared<Sandbox::Impl>(impl_->context, std::move(object))));
}

Result<std::vector<SandboxStatus>> Runtime::ListSandboxes() { return impl_->management.List(); }

Result<SandboxStatus> Runtime::StatusSandbox(const std::string& id) {
  return impl_->management.GetStatus(id);
}

Result<std::shared_ptr<Sandbox>> Runtime::StartSandbox(const std::string& id) {
  SHOJI_ASSIGN_OR_RETURN(auto object, impl_->management.Start(id));
  return std::shared_ptr<Sandbox>(
      new Sandbox(std::make_shared<Sandbox::Impl>(impl_->context, std::move(object))));
}

Result<std::shared_ptr<Sandbox>> Runtime::RunSandbox(const SandboxConfig& config) {
  SHOJI_ASSIGN_OR_RETURN(auto object, impl_->management.Run(config));
  return std::shared_ptr<Sandbox>(
      new Sandbox(std::make_shared<Sandbox::Impl>(impl_->context, std::move(object))));
}

Status Runtime::StopSandbox(const std::string& id, bool force) {
  return impl_->management.Stop(id, force);
}

Status Runtime::DeleteSandbox(const std::string& id) { return impl_->management.Delete(id); }

Result<std::shared_ptr<Sandbox>> Runtime::RestoreSandbox(const std::string& id,
                                                         const std::string& dir) {
  SHOJI_ASSIGN_OR_RETURN(auto object, impl_->management.Restore(id, dir));
  return std::shared_ptr<Sandbox>(
      new Sandbox(std::make_shared<Sandbox::Impl>(impl_->context, std::move(object))));
}

Result<std::vector<ContainerStatus>> Runtime::ListContainers() {
  return impl_->management.ListContainers();
}

std::vector<ContainerStatus> Runtime::ContainersBeingMade() {
  return impl_->management.ContainersBeingMade();
}

Result<std::string> Runtime::SandboxOfContainer(const std::string& container_id) {
  return impl_->management.SandboxOf(container_id);
}

Result<GarbageReport> Runtime::CollectGarbage(bool dry_run) {
  return impl_->management.CollectGarbage(dry_run);
}

Status Runtime::PrepareFactory() { return shoji::PrepareFactory(*impl_->context); }

Result<std::string> Runtime::FactoryStatus() { return shoji::FactoryStatus(*impl_->context); }

Status Runtime::DestroyFactory() { return shoji::DestroyFactory(*impl_->context); }

Status Runtime::ServeFactory(const std::string& socket) {
  return shoji::ServeFactory(*impl_->context, socket);
}

std::vector<PluginInfo> Runtime::Plugins() const { return impl_->plugins->host().List(); }

std::vector<OptionInfo> Runtime::Options() const {
  return DescribeValues(impl_->plugins->config());
}

PluginInfo Runtime::CheckPlugin(const std::string& path) const {
  return impl_->plugins->CheckPlugin(path);
}

Result<HypervisorReport> Runtime::CheckHypervisor() { return impl_->management.Check(); }

Status Runtime::LoadPlugin(const std::string& kind, const std::string& id) {
  return impl_->plugins->LoadPlugin(kind, id);
}

Assets Runtime::GuestAssets() const {
  const BootFiles& boot = impl_->context->settings().boot;
  Assets out;
  out.kernel = boot.kernel.path;
  out.initrd = boot.initrd.path;
  out.image = boot.image.path;
  out.kernel_params = boot.kernel_params;
  return out;
}

std::vector<Metric> Runtime::Metrics() const { return impl_->plugins->host().Metrics(); }

Result<std::string> Runtime::Option(const std::string& name) const {
  return impl_->plugins->config().Find(name);
}

}  // namespace shoji
