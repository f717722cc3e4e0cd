// The matrix products of one region of a pass, and how threads share them.
#pragma once
#include <algorithm>

#include "model/graph.h"

namespace zen {

// On every thread's stack: at most three matrices, each at several stages. Rows of neighbouring stages that use the
// same rung with inputs of the same precision become one task. What is left of a matrix is computed together, a few
// tiles at a time: whatever planes its stages share come from memory once and then from the cache.
class Graph::Tasks {
 public:
  // The tasks that follow are of one matrix, at the stages of the pass.
  void matrix() { begins_[matrices_++] = count_; }
  void add(const Task& task) {
    Task* last = count_ > begins_[matrices_ - 1] ? &tasks_[count_ - 1] : nullptr;
    if (last && last->acts == task.acts && last->end == task.begin && same(*last->matrix, *task.matrix))
      last->end = task.end;
    else
      tasks_[count_++] = task;
  }
  int total() const {
    int tiles = 0;
    for (int m = 0; m < matrices_; m++)
      tiles += tasks_[begins_[m]].matrix->tiles();
    return tiles;
  }

  // Calls work(task, tileBegin, tileEnd) for what [begin, end) of all matrices' tiles covers.
  template <typename Work>
  void covering(int begin, int end, Work&& work) const {
    for (int m = 0, first = 0; m < matrices_; m++) {
      const int tiles = tasks_[begins_[m]].matrix->tiles();
      const int from = std::max(begin, first), to = std::min(end, first + tiles);
      if (from < to) each(m, from - first, to - first, work);
      first += tiles;
    }
  }
  // The same for tiles [begin, end) of one matrix.
  template <typename Work>
  void each(int m, int begin, int end, Work&& work) const {
    const int first = begins_[m], last = m + 1 < matrices_ ? begins_[m + 1] : count_;
    const int cols = tasks_[first].matrix->cols;
    const int step = last - first == 1 ? end - begin : std::max(1, kSharedCodes / (kTileRows * cols));
    for (int from = begin; from < end; from += step)
      for (int t = first; t < last; t++)
        work(tasks_[t], from, std::min(end, from + step));
  }

 private:
  // Codes that surely stay in a core's cache until the next stage has had them.
  static constexpr int kSharedCodes = 1 << 17;

  static bool same(const Matrix& a, const Matrix& b) {
    return a.data == b.data && a.bits == b.bits && a.planeCount == b.planeCount &&
           a.planes[0].data == b.planes[0].data && a.rowScale == b.rowScale && a.scales == b.scales;
  }

  Task tasks_[3 * kStages];
  int begins_[3];
  int count_ = 0, matrices_ = 0;
};

}  // namespace zen
