// The tests that every store has to pass, for one store.
//
// Purpose  A test program of a store describes it once, and gets: each check of the conformance
//          kit, and what needs other processes or bad places. See crash.h, concurrency.h and
//          bad_places.h for these.
// Threads  The main thread.
// Example
//     int main(int argc, char** argv) {
//       shoji::store_testing::Subject subject;
//       subject.id = "kv";
//       subject.table = shoji::sdk::StoreTable<KvStore>();
//       subject.options = [](const std::string& dir) {
//         return shoji::store_testing::Options{{"path", dir + "/kv.db"}};
//       };
//       return shoji::store_testing::RunStoreTests(argc, argv, subject);
//     }
// The program may hold further tests. It starts itself again for its children, with a role as
// its first argument, so main() does nothing before RunStoreTests() that a child must not do.
#ifndef SHOJI_STORE_TESTING_STORE_SUITE_H_
#define SHOJI_STORE_TESTING_STORE_SUITE_H_

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shoji/plugin/store.h"

namespace shoji::store_testing {

using Options = std::vector<std::pair<std::string, std::string>>;

// Makes a store unreadable: what happens to its files, and what is expected then.
struct Damage {
  std::string name;                                     // "FileIsCutOff"
  std::function<void(const std::string& dir)> inflict;  // on a closed store with a few keys
  std::set<std::int32_t> codes = {SHOJI_DATA_LOSS};     // of open(), load() or scan()
  std::string named;  // what the message must contain; empty: the directory
  // Before a store is there at all: `inflict` puts a foreign thing into the place.
  bool foreign = false;
};

struct Subject {
  std::string id;
  const shoji_store_v1* table = nullptr;
  // Options of a store whose files lie below `dir`, an empty directory. Also called in children.
  std::function<Options(const std::string& dir)> options;
  bool durable = true;
  // Checks that may end with a warning: an engine with limits.
  std::set<std::string> accepted_warnings;

  // Whether the store's processes and files are its own: a store in memory has neither.
  bool crash_tests = true;
  bool shared_by_processes = true;
  // Whether the store keeps files below `dir`: full disks, rights, damage.
  bool has_files = true;
  int kills = 200;
  int kills_beside_others = 0;            // of one of three writers; the others must not notice
  std::uint64_t disk_bytes = 24U << 20U;  // of the small disk that gets full
  std::vector<Damage> damages;
};

// Registers the tests for `subject`, runs all tests of the program, gives the exit status; in a
// child it plays the child's part instead.
int RunStoreTests(int argc, char** argv, const Subject& subject);

}  // namespace shoji::store_testing

#endif  // SHOJI_STORE_TESTING_STORE_SUITE_H_
