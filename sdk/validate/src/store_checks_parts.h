// The parts of the list of store checks, one for each subject.
//
// Threads  Safe, no state.
// Example  AddBasicChecks(&checks);
#ifndef SHOJI_VALIDATE_STORE_CHECKS_PARTS_H_
#define SHOJI_VALIDATE_STORE_CHECKS_PARTS_H_

#include <vector>

#include "shoji/validate/store_checks.h"

namespace shoji::validate {

void AddBasicChecks(std::vector<StoreCheck>* checks);
void AddKeyChecks(std::vector<StoreCheck>* checks);
void AddCallChecks(std::vector<StoreCheck>* checks);
void AddScanChecks(std::vector<StoreCheck>* checks);
void AddTxnChecks(std::vector<StoreCheck>* checks);
void AddSharingChecks(std::vector<StoreCheck>* checks);

}  // namespace shoji::validate

#endif  // SHOJI_VALIDATE_STORE_CHECKS_PARTS_H_
