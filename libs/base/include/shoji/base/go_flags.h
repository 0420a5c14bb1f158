// A command line as Go's programs take it.
//
// Purpose  Programs that take the place of others written in Go: "-name value", "-name=value",
//          "--name ...", and a bool without a value is true.
// Threads  One.
// Example  GoFlags flags; flags.Text("log", &level); flags.Bool("debug", &debug);
//          SHOJI_RETURN_IF_ERROR(flags.Parse({"-log", "warn", "-debug"}));
#ifndef SHOJI_BASE_GO_FLAGS_H_
#define SHOJI_BASE_GO_FLAGS_H_

#include <map>
#include <string>
#include <vector>

#include "shoji/status.h"

namespace shoji {

class GoFlags {
 public:
  // What is not given keeps its value. The targets are borrowed.
  void Text(const std::string& name, std::string* out) { texts_[name] = out; }
  void Bool(const std::string& name, bool* out) { bools_[name] = out; }

  // INVALID_ARGUMENT names the flag, or the word that is none.
  Status Parse(const std::vector<std::string>& arguments) const;

 private:
  std::map<std::string, std::string*> texts_;
  std::map<std::string, bool*> bools_;
};

}  // namespace shoji

#endif  // SHOJI_BASE_GO_FLAGS_H_
