// The same call as a virtual function of an object from another shared object.
//
// Threads  Any.
// Example  static_cast<Shim*>(abi_call_object())->Stop(nullptr, 1, nullptr);
#ifndef SHOJI_BENCHMARKS_ABI_CALL_VIRTUAL_H_
#define SHOJI_BENCHMARKS_ABI_CALL_VIRTUAL_H_

#include <cstdint>

namespace shoji::abi_call {

class Shim {
 public:
  virtual ~Shim() = default;
  virtual std::int32_t Stop(const void* call, std::int32_t pid, void* error) = 0;
};

}  // namespace shoji::abi_call

#endif  // SHOJI_BENCHMARKS_ABI_CALL_VIRTUAL_H_
