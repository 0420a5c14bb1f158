#include "wanted.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "shoji/base/strings.h"
#include "shoji/sdk/other_plugin.h"

namespace shoji::cache {
namespace {

using nlohmann::json;

// What a file is now; empty when there is none.
std::string FileIdentity(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) < 0) return {};
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) + ":" +
         std::to_string(info.st_size) + ":" + std::to_string(info.st_mtim.tv_sec) + "." +
         std::to_string(info.st_mtim.tv_nsec);
}

// The program that an option "path" names, as the shell would find it.
std::string ProgramIdentity(const std::string& path) {
  if (path.empty() || path.find('/') != std::string::npos) return FileIdentity(path);
  const char* const search = getenv("PATH");
  for (const std::string& dir : Split(search == nullptr ? "" : search, ':')) {
    if (std::string found = FileIdentity(dir + "/" + path); !found.empty()) return found;
  }
  return {};
}

void AddOptions(const std::string& kind, const shoji_options* options,
                std::map<std::string, std::string>* fields) {
  if (!SHOJI_HAS(shoji_options, options, items)) return;
  for (std::uint32_t i = 0; i < options->count; ++i) {
    const std::string name = sdk::String(options->items[i].name);
    const std::string value = sdk::String(options->items[i].value);
    (*fields)["option " + kind + "." + name] = value;
    if (name == "path") (*fields)["program of the " + kind] = ProgramIdentity(value);
  }
}

bool IsSize(const std::string& name) {
  return name == "option hypervisor.vcpus" || name == "option hypervisor.memory";
}

}  // namespace

Result<Wanted> Wanted::Of(const sdk::Host& host, const shoji_vm_request& request,
                          shoji_error* error) {
  const shoji_vm_config* const config = request.config;
  if (request.hypervisor == nullptr || !SHOJI_HAS(shoji_vm_config, config, device_count)) {
    return InvalidArgument("a VM request needs an open hypervisor and a configuration");
  }
  SHOJI_ASSIGN_OR_RETURN(const auto hypervisor, sdk::FindPlugin<shoji_hypervisor_v1>(
                                                    host, "hypervisor", request.hypervisor_id,
                                                    SHOJI_HYPERVISOR_V1, error));
  SHOJI_ASSIGN_OR_RETURN(
      const auto agent,
      sdk::FindPlugin<shoji_agent_v1>(host, "agent", request.agent_id, SHOJI_AGENT_V1, error));
  Wanted out;
  auto& fields = out.fields_;
  fields["hypervisor"] = sdk::String(request.hypervisor_id);
  fields["agent"] = sdk::String(request.agent_id);
  fields["proxy"] = sdk::String(request.proxy_id);
  AddOptions("hypervisor", hypervisor.options, &fields);
  AddOptions("agent", agent.options, &fields);
  std::erase_if(fields, [](const auto& field) { return IsSize(field.first); });
  fields["kernel"] = sdk::String(config->kernel);
  fields["initrd"] = sdk::String(config->initrd);
  fields["image"] = sdk::String(config->image);
  for (const char* const file : {"kernel", "initrd", "image"}) {
    fields[std::string("content of ") + file] = FileIdentity(fields[file]);
  }
  fields["kernel_params"] = sdk::String(config->kernel_params);
  fields["memory_path"] = sdk::String(config->memory_path);
  for (std::uint32_t i = 0; i < config->share_count; ++i) {
    out.shares_.push_back({sdk::String(config->shares[i]->tag), config->shares[i]->flags});
  }
  out.flags_ = config->flags;
  out.vcpus_ = config->vcpus;
  out.memory_bytes_ = config->memory_bytes;
  out.devices_ = config->device_count;
  out.hypervisor_ = request.hypervisor;
  return out;
}

std::string Wanted::Mismatch(const Wanted& made, const Abilities& abilities) const {
  for (const auto& [name, value] : fields_) {
    if (name == "proxy") continue;  // each sandbox starts its own
    const auto theirs = made.fields_.find(name);
    if (theirs == made.fields_.end() || theirs->second != value) return name + " differs";
  }
  if (made.fields_.size() != fields_.size()) return "it was made with other options";
  if (made.flags_ != flags_) return "flags differ";
  const bool same = std::equal(
      shares_.begin(), shares_.end(), made.shares_.begin(), made.shares_.end(),
      [](const Share& a, const Share& b) { return a.tag == b.tag && a.flags == b.flags; });
  if (!same) return "shares differ";
  if (made.hypervisor_ != nullptr && hypervisor_ != nullptr && made.hypervisor_ != hypervisor_) {
    return "it is another instance of the hypervisor's plugin";
  }
  if (devices_ > 0 && !abilities.hotplug) return "devices cannot be plugged";
  if (vcpus_ > made.vcpus_ && !abilities.resize) return "vCPUs cannot be plugged";
  if (memory_bytes_ > made.memory_bytes_ && !abilities.resize) return "memory cannot be plugged";
  return {};
}

std::string Wanted::ToJson(const Abilities& abilities) const {
  json shares = json::array();
  for (const Share& share : shares_) shares.push_back({{"tag", share.tag}, {"flags", share.flags}});
  const json out = {{"fields", fields_},         {"shares", shares},
                    {"flags", flags_},           {"vcpus", vcpus_},
                    {"memory", memory_bytes_},   {"hotplug", abilities.hotplug},
                    {"resize", abilities.resize}};
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string Wanted::AgentJson() const {
  json out = json::object();
  const std::string prefix = "option agent.";
  for (const auto& [name, value] : fields_) {
    if (name.rfind(prefix, 0) == 0) out[name.substr(prefix.size())] = value;
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Offer> Offer::FromJson(std::string_view text) {
  const json in = json::parse(text, nullptr, false);
  Offer offer;
  Wanted& out = offer.made;
  try {
    out.fields_ = in.at("fields").get<std::map<std::string, std::string>>();
    for (const json& share : in.at("shares")) {
      out.shares_.push_back(
          {share.at("tag").get<std::string>(), share.at("flags").get<std::uint32_t>()});
    }
    out.flags_ = in.at("flags").get<std::uint32_t>();
    out.vcpus_ = in.at("vcpus").get<std::uint32_t>();
    out.memory_bytes_ = in.at("memory").get<std::uint64_t>();
    offer.abilities = {in.at("hotplug").get<bool>(), in.at("resize").get<bool>()};
  } catch (const json::exception&) {
    return DataLoss("the description of the waiting VMs cannot be read");
  }
  return offer;
}

RequestFor::RequestFor(const Wanted& wanted, std::string id, const std::string& dir)
    : wanted_(wanted), id_(std::move(id)), run_dir_(dir + "/vm"), share_dir_(dir + "/share") {
  for (const Share& share : wanted_.shares_) {
    shares_.push_back(
        {sizeof(shoji_share), share.flags, sdk::ToStr(share.tag), sdk::ToStr(share_dir_)});
  }
  for (const shoji_share& share : shares_) share_pointers_.push_back(&share);
  config_.struct_size = sizeof config_;
  config_.vcpus = wanted_.vcpus_;
  config_.memory_bytes = wanted_.memory_bytes_;
  config_.id = sdk::ToStr(id_);
  config_.run_dir = sdk::ToStr(run_dir_);
  config_.kernel = sdk::ToStr(wanted_.field("kernel"));
  config_.initrd = sdk::ToStr(wanted_.field("initrd"));
  config_.image = sdk::ToStr(wanted_.field("image"));
  config_.kernel_params = sdk::ToStr(wanted_.field("kernel_params"));
  config_.memory_path = sdk::ToStr(wanted_.field("memory_path"));
  config_.shares = share_pointers_.data();
  config_.share_count = static_cast<std::uint32_t>(share_pointers_.size());
  config_.flags = wanted_.flags_;
  request_.struct_size = sizeof request_;
  request_.hypervisor_id = sdk::ToStr(wanted_.field("hypervisor"));
  request_.proxy_id = sdk::ToStr(wanted_.field("proxy"));
  request_.agent_id = sdk::ToStr(wanted_.field("agent"));
  request_.hypervisor = wanted_.hypervisor_;
  request_.config = &config_;
}

}  // namespace shoji::cache
