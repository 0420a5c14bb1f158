// The services of the kit's host.
//
// Threads  Safe.
#ifndef SHOJI_VALIDATE_SERVICES_H_
#define SHOJI_VALIDATE_SERVICES_H_

#include <string>

#include "kit_host.h"

namespace shoji::validate {

struct Services {
  // The table of service `id`, or nullptr.
  static const void* Find(const std::string& id);

  static KitHost& Of(const shoji_host* host) { return *KitHost::Of(host); }
  static const std::string& Scratch(const shoji_host* host) { return Of(host).options_.scratch; }
  static void Hear(const shoji_host* host, std::string text) { Of(host).Hear(std::move(text)); }
  static void Misuse(const shoji_host* host, std::string text) { Of(host).Misuse(std::move(text)); }
};

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_SERVICES_H_
