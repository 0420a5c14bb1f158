#include "shoji/validate/store_checks.h"

#include "store_checks_parts.h"

namespace shoji::validate {
namespace {

std::vector<StoreCheck> MakeList() {
  std::vector<StoreCheck> checks;
  AddBasicChecks(&checks);
  AddKeyChecks(&checks);
  AddCallChecks(&checks);
  AddScanChecks(&checks);
  AddTxnChecks(&checks);
  AddSharingChecks(&checks);
  return checks;
}

}  // namespace

const std::vector<StoreCheck>& StoreChecks() {
  static const std::vector<StoreCheck> checks = MakeList();
  return checks;
}

}  // namespace shoji::validate
