// What must be taken back when a later step fails.
//
// Purpose  Each step that succeeded pushes its undo; unless Commit() is called they run
//          in reverse order when the object dies.
// Threads  One thread.
// Example
//     UndoStack undo;
//     SHOJI_RETURN_IF_ERROR(MakeDirs(dir));
//     undo.Push([&] { (void)RemoveTree(dir); });
//     ...
//     undo.Commit();
#ifndef SHOJI_CORE_HOST_UNDO_H_
#define SHOJI_CORE_HOST_UNDO_H_

#include <functional>
#include <utility>
#include <vector>

namespace shoji {

class UndoStack {
 public:
  UndoStack() = default;
  UndoStack(const UndoStack&) = delete;
  UndoStack& operator=(const UndoStack&) = delete;
  ~UndoStack() { Run(); }

  void Push(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void Commit() { steps_.clear(); }
  void Run() {
    while (!steps_.empty()) {
      const auto step = std::move(steps_.back());
      steps_.pop_back();
      step();
    }
  }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace shoji

#endif  // SHOJI_CORE_HOST_UNDO_H_
