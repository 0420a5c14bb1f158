// Disks: what QEMU is told about them.
//
// Threads  Pure, except that the file is looked at.
// Example  SHOJI_RETURN_IF_ERROR(CheckBlock(id, disk)); AddBlockBackend(id, disk, plan);
#ifndef SHOJI_HYPERVISORS_QEMU_BLOCK_H_
#define SHOJI_HYPERVISORS_QEMU_BLOCK_H_

#include <string>

#include "plan.h"
#include "shoji/sdk/hypervisor_device.h"

namespace shoji::qemu {

// INVALID_ARGUMENT, NOT_FOUND: names the field, its value and what is allowed.
Status CheckBlock(const std::string& id, const sdk::BlockDevice& disk);
Status CheckLimits(const std::string& id, const sdk::BlockLimits& limits);

// What the fingerprint is of.
std::string BlockContent(const sdk::BlockDevice& disk);

// The names of what lies behind a disk. QEMU takes no node name of more than 31 characters.
std::string NodeName(const std::string& id);
std::string ThrottleName(const std::string& id);

// File, format and limits: a throttle filter that is always there, so that limits can be set
// while the VM runs. `disk` was checked.
void AddBlockBackend(const std::string& id, const sdk::BlockDevice& disk, Plan& plan);

// The "limits" of a throttle group as JSON, all of them, so that they replace earlier ones.
std::string LimitsJson(const sdk::BlockLimits& limits);

}  // namespace shoji::qemu

#endif  // SHOJI_HYPERVISORS_QEMU_BLOCK_H_
