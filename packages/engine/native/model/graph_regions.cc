// The two shared loops of a pass: matrix products, and quantizing a layer's inner input.
#include <algorithm>

#include "model/graph_tasks.h"

namespace zen {
namespace {

// Shares of a region for each thread: enough to even out, few enough that taking one costs nothing.
constexpr int kShares = 8;
// Columns that a thread quantizes at a time; a multiple of 32.
constexpr int kColumns = 256;

}  // namespace

void Graph::multiply(Team& team, const Tasks& tasks) {
  const int grain = std::max(1, tasks.total() / (team.size() * kShares));
  team.parallelFor(tasks.total(), grain, [&](int begin, int end) {
    tasks.covering(begin, end, [&](const Task& task, int from, int to) {
      kernels_.matmul(*task.matrix, *task.acts, task.begin, task.end, task.y, task.ldy, from, to, scratch(team));
    });
  });
}

// acts.x = silu(gate) · up where gate is given (it may be acts.x), then its integers.
void Graph::quantizeColumns(Team& team, Acts& acts, const float* gate, const float* up) {
  const int parts = (acts.cols + kColumns - 1) / kColumns;
  team.parallelFor(acts.tokens * parts, acts.tokens > 1 ? parts : 1, [&](int begin, int end) {
    for (int i = begin; i < end; i++) {
      const size_t token = static_cast<size_t>(i / parts);
      const int first = i % parts * kColumns, count = std::min(kColumns, acts.cols - first);
      const size_t at = token * acts.ldx + first;
      float* x = const_cast<float*>(acts.x) + at;
      if (gate) kernels_.siluMul(gate + at, up + at, count, x);
      // The same columns of one token, as a view of its own: blocks follow each other.
      const size_t block = token * acts.blockCount() + first / kBlockCols;
      Acts part = acts;
      part.tokens = 1;
      part.cols = count;
      part.x = x;
      part.blocks = acts.blocks + block;
      part.bytes = acts.bytes + block * kBlockCols * acts.levels;
      part.wide = acts.wide + token * acts.cols + first;
      kernels_.quantize(part, 0, 1);
    }
  });
}

}  // namespace zen
