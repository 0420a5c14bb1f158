// Which file of a LevelDB database is damaged.
//
// Purpose  LevelDB says "block checksum mismatch" and not where. After such an error this
//          reads all tables of the database until one fails.
// Threads  Safe; the database may be open.
// Example  FindDamage("/var/lib/shoji/leveldb/db") == "in 000005.ldb"
#ifndef SHOJI_LEVELDB_DAMAGE_H_
#define SHOJI_LEVELDB_DAMAGE_H_

#include <string>

namespace shoji::leveldb_store {

// Empty when every table can be read.
std::string FindDamage(const std::string& db);

}  // namespace shoji::leveldb_store

#endif  // SHOJI_LEVELDB_DAMAGE_H_
