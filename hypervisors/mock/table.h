// The mock's table of shoji.hypervisor/1.
//
// Threads  As shoji/plugin/hypervisor.h.
#ifndef SHOJI_HYPERVISORS_MOCK_TABLE_H_
#define SHOJI_HYPERVISORS_MOCK_TABLE_H_

#include "shoji/plugin/hypervisor.h"

namespace shoji::mock {

const shoji_hypervisor_v1* MockTable();

}  // namespace shoji::mock

#endif  // SHOJI_HYPERVISORS_MOCK_TABLE_H_
