#include "check.h"

namespace shoji::validate {

std::vector<Check> AllChecks() {
  std::vector<Check> all;
  for (auto* const list :
       {StaticChecks, BootstrapChecks, TableChecks, ErrorChecks, ProcessChecks, StoreKindChecks,
        HypervisorChecks, FactoryChecks, ShimChecks, AgentChecks, NetworkChecks}) {
    std::vector<Check> more = list();
    all.insert(all.end(), std::make_move_iterator(more.begin()),
               std::make_move_iterator(more.end()));
  }
  return all;
}

}  // namespace shoji::validate
