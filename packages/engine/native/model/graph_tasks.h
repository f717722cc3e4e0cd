// The matrix products of one region of a pass, and how threads share them.
#pragma once
#include "model/graph.h"

namespace zen {

// On every thread's stack: at most three matrices for each stage. Rows of neighbouring stages that use the same rung
// of a matrix become one task, so that it is read once.
class Graph::Tasks {
 public:
  void add(const Task& task) {
    Task* last = count_ > 0 ? &tasks_[count_ - 1] : nullptr;
    if (last && last->acts == task.acts && last->end == task.begin && same(*last->matrix, *task.matrix)) {
      last->end = task.end;
      return;
    }
    tasks_[count_] = task;
    total_ += task.matrix->tiles();
    ends_[count_++] = total_;
  }
  int total() const { return total_; }

  // Calls work(task, tileBegin, tileEnd) for what [begin, end) of all tiles covers.
  template <typename Work>
  void covering(int begin, int end, Work&& work) const {
    for (int t = 0, first = 0; t < count_; first = ends_[t++]) {
      const int from = begin > first ? begin : first, to = end < ends_[t] ? end : ends_[t];
      if (from < to) work(tasks_[t], from - first, to - first);
    }
  }
  template <typename Work>
  void each(Work&& work) const {
    for (int t = 0; t < count_; t++)
      work(tasks_[t]);
  }

 private:
  static bool same(const Matrix& a, const Matrix& b) {
    return a.data == b.data && a.bits == b.bits && a.planeCount == b.planeCount &&
           a.planes[0].data == b.planes[0].data && a.rowScale == b.rowScale && a.scales == b.scales;
  }

  Task tasks_[3 * kStages];
  int ends_[3 * kStages];
  int count_ = 0, total_ = 0;
};

}  // namespace zen
