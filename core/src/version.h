// The version of this library, as the build knows it.
//
// Threads  Constant.
#ifndef SHOJI_CORE_VERSION_H_
#define SHOJI_CORE_VERSION_H_

namespace shoji {

inline constexpr char kVersion[] = SHOJI_VERSION;

}  // namespace shoji

#endif  // SHOJI_CORE_VERSION_H_
