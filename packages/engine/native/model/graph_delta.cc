// What deltas change in a layer. A row without one is not touched; a row with one gets the same operations in the same
// order whatever its neighbours are. Thin factors read the input as it was before it became integers; dense signs read it
// at 8 bits, whatever the stage: a delta is a small part of its matrix, and so is the error of its input.
#include <algorithm>

#include "model/graph_tasks.h"

namespace zen {

int Graph::inputOf(Module module) {
  switch (module) {
    case Module::K:
    case Module::Up:
      return 1;
    case Module::V:
      return 2;
    default:
      return 0;
  }
}

template <typename Work>
void Graph::eachRun(int begin, int end, Work&& work) const {
  for (const DeltaRun& run : runs_) {
    const int from = std::max(begin, run.begin), to = std::min(end, run.end);
    if (from < to) work(*run.delta, from, to);
  }
}

void Graph::coarsen(Stream& stream, int index, std::initializer_list<Module> modules, int begin, int end) {
  eachRun(begin, end, [&](const Delta& delta, int from, int to) {
    const auto has = [&](Module module) { return delta.anyDense(index, module); };
    if (std::any_of(modules.begin(), modules.end(), has)) kernels_.quantize(stream.coarse, from, to);
  });
}

void Graph::factor(const Stream& stream, int index, std::initializer_list<Module> modules, int begin, int end,
                   const float* x, size_t ldx) {
  eachRun(begin, end, [&](const Delta& delta, int from, int to) {
    for (const Module module : modules) {
      LowRank factors;
      if (!delta.lowRank(index, module, factors)) continue;
      for (int row = from; row < to; row++)
        kernels_.lowRankIn(factors, x + static_cast<size_t>(row) * ldx, factored(stream, row, module));
    }
  });
}

void Graph::factorAll(Team& team, const Stream& stream, int index, Module module, const float* x, size_t ldx) {
  const auto has = [&](const DeltaRun& run) { return run.delta->anyLowRank(index, module); };
  if (!std::any_of(runs_.begin(), runs_.end(), has)) return;
  const int rows = static_cast<int>(rows_.size());
  if (ownStreams_)
    factor(stream, index, {module}, 0, rows, x, ldx);
  else
    team.parallelFor(rows, 1, [&](int begin, int end) { factor(stream, index, {module}, begin, end, x, ldx); });
}

void Graph::addDeltas(const Team& team, const Stream& stream, int index, const Task& task, int from, int to) {
  eachRun(task.first + task.begin, task.first + task.end, [&](const Delta& delta, int begin, int end) {
    Matrix signs;
    LowRank factors;
    if (delta.dense(index, task.module, signs)) {
      // The inner inputs have 8 bits already; row `begin` of both is that of the pass.
      const bool inner = task.module == Module::O || task.module == Module::Down;
      kernels_.matmulAdd(signs, inner ? *task.acts : stream.coarse, begin, end,
                         task.y - static_cast<ptrdiff_t>(task.first) * static_cast<ptrdiff_t>(task.ldy), task.ldy, from,
                         to, scratch(team));
    } else if (delta.lowRank(index, task.module, factors))
      for (int row = begin; row < end; row++)
        kernels_.lowRankOut(factors, factored(stream, row, task.module), from, to,
                            task.y + static_cast<size_t>(row - task.first) * task.ldy);
    // The vectors of q, k and v come after their biases: rotateAndStore.
    if (task.module <= Module::V) return;
    const int first = from * kTileRows, last = std::min(to * kTileRows, task.matrix->rows);
    for (int row = begin; row < end; row++)
      amplify(&delta, index, task.module, first, last - first,
              task.y + static_cast<size_t>(row - task.first) * task.ldy + first);
  });
}

void Graph::amplify(const Delta* delta, int index, Module module, int first, int count, float* y) const {
  if (!delta) return;
  if (const uint8_t* v = delta->vec(index, module)) kernels_.amplify(v + 2 * first, count, y);
}

}  // namespace zen
