// Writes an initial ram disk that holds one file, /init.
//
// Threads  Safe.
// Example  SHOJI_RETURN_IF_ERROR(WriteTinyInitrd("/build/tiny_init", dir + "/initrd"));
#ifndef SHOJI_HYPERVISORS_QEMU_TESTING_TINY_INITRD_H_
#define SHOJI_HYPERVISORS_QEMU_TESTING_TINY_INITRD_H_

#include <cstdio>
#include <string>

#include "shoji/base/file.h"

namespace shoji::qemu {

// One entry of a "newc" cpio archive.
inline std::string CpioEntry(const std::string& name, unsigned mode, const std::string& data) {
  char header[111];
  snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1U,
           mode, 0U, 0U, 1U, 0U, static_cast<unsigned>(data.size()), 0U, 0U, 0U, 0U,
           static_cast<unsigned>(name.size() + 1), 0U);
  const auto padded = [](std::string text) {
    text.resize((text.size() + 3) / 4 * 4, '\0');
    return text;
  };
  return padded(header + name + '\0') + padded(data);
}

inline Status WriteTinyInitrd(const std::string& init, const std::string& path) {
  SHOJI_ASSIGN_OR_RETURN(const std::string program, ReadFile(init));
  return WriteFile(path, CpioEntry("init", 0100755U, program) + CpioEntry("TRAILER!!!", 0, ""));
}

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_TESTING_TINY_INITRD_H_
