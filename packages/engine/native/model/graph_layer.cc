// One layer of a pass. Regions between barriers: q, k and v; attention; its output; gate, up and their product; down.
// Rows of a prompt add two: their normalized input, and keys and values before attention.
#include <algorithm>
#include <cstring>

#include "model/graph_tasks.h"
#include "model/mixture.h"
#include "model/quantize_columns.h"

namespace zen {
namespace {

// Shares of a region for each thread: enough to even out, few enough that taking one costs nothing.
constexpr int kShares = 8;

int grainOf(int total, const Team& team) { return std::max(1, total / (team.size() * kShares)); }

}  // namespace

void Graph::begin(Team& team, Stream& stream, int index) {
  enter(team, stream, index, &LayerWeights::attnNorm);
  {
    const size_t width = static_cast<size_t>(qkvWidth());
    Tasks tasks;
    const auto add = [&](Module module, Matrix LayerWeights::* matrix, float* rows) {
      tasks.matrix();
      for (const Group& g : layout_.groups)
        addTask(tasks, module, layout_, g, g.weights->layers[index].*matrix, stream.acts, rows, width);
    };
    add(Module::Q, &LayerWeights::q, qkv_);
    add(Module::K, &LayerWeights::k, qkv_ + model_.queryWidth());
    add(Module::V, &LayerWeights::v, qkv_ + model_.queryWidth() + model_.kvWidth());
    multiply(team, stream, index, tasks);
  }
  attention(team, index);
  factorAll(team, stream, index, Module::O, mixed_, static_cast<size_t>(model_.queryWidth()));
  {
    Tasks tasks;
    tasks.matrix();
    for (const Group& g : layout_.groups)
      tasks.add({Module::O, 0, &g.weights->layers[index].output, &mixedActs_, g.begin, g.end, delta_,
                 static_cast<size_t>(model_.hiddenSize)});
    multiply(team, stream, index, tasks);
  }
  enter(team, stream, index, &LayerWeights::ffnNorm);
  if (mixture_) ask(team, stream, index);
}

void Graph::finish(Team& team, Stream& stream, int index) {
  if (mixture_) return experts(team, stream, index);
  feedForward(team, stream, index);
  factorAll(team, stream, index, Module::Down, gate_, static_cast<size_t>(model_.ffnSize));
  Tasks tasks;
  tasks.matrix();
  for (const Group& g : layout_.groups)
    tasks.add({Module::Down, 0, &g.weights->layers[index].down, &ffnActs_, g.begin, g.end, delta_,
               static_cast<size_t>(model_.hiddenSize)});
  multiply(team, stream, index, tasks);
}

void Graph::enter(Team& team, Stream& stream, int index, const float* LayerWeights::* norm) {
  const bool attends = norm == &LayerWeights::attnNorm, first = index == 0 && attends;
  const auto work = [&](int begin, int end) {
    for (int row = begin; row < end; row++) {
      const size_t at = static_cast<size_t>(row) * static_cast<size_t>(model_.hiddenSize);
      if (first)
        embed(row, stream.x + at);
      else if (attends)
        addFeedForward(team, stream, row, stream.x + at);
      else
        kernels_.add(delta_ + at, model_.hiddenSize, stream.x + at);
      kernels_.rmsnorm(stream.x + at, rows_[row].weights->layers[index].*norm, model_.rmsEps, model_.hiddenSize,
                       stream.normed + at);
      kernels_.quantize(stream.acts[rows_[row].band], rows_[row].inBand, rows_[row].inBand + 1);
    }
    if (mixture_ && !attends && !(mixture_->sharesRouter && ownStreams_)) route(team, stream, index, begin, end);
    const size_t width = static_cast<size_t>(model_.hiddenSize);
    if (runs_.empty()) return;
    const std::initializer_list<Module> attention = {Module::Q, Module::K, Module::V}, feed = {Module::Gate, Module::Up};
    const auto& modules = attends ? attention : feed;
    coarsen(stream, index, modules, begin, end);
    factor(stream, index, modules, begin, end, stream.normed, width);
  };
  const int rows = static_cast<int>(rows_.size());
  // delta_ is complete since the last barrier, and is not written before the next two.
  if (ownStreams_)
    work(0, rows);
  else
    team.parallelFor(rows, grainOf(rows, team), work);
}

void Graph::addFeedForward(const Team& team, const Stream& stream, int row, float* x) {
  if (mixture_) return combine(team, stream, row, x);
  kernels_.add(delta_ + static_cast<size_t>(row) * static_cast<size_t>(model_.hiddenSize), model_.hiddenSize, x);
}

void Graph::embed(int row, float* x) {
  const Row& r = rows_[row];
  const Span& span = (*spans_)[r.span];
  if (span.embeddings)
    std::memcpy(x, span.embeddings + static_cast<size_t>(r.offset) * static_cast<size_t>(model_.hiddenSize),
                sizeof(float) * static_cast<size_t>(model_.hiddenSize));
  else
    dequantizeRow(r.weights->embedding, span.tokens[r.offset], x);
}

void Graph::attention(Team& team, int index) {
  const int width = model_.heads / model_.kvHeads * model_.headSize, rows = static_cast<int>(rows_.size());
  // A prompt's keys and values must all be there before its first query; a single token's unit brings its own.
  if (!decodeOnly_)
    team.parallelFor(rows, grainOf(rows, team), [&](int begin, int end) {
      for (int row = begin; row < end; row++)
        for (int h = 0; h < model_.kvHeads; h++)
          rotateAndStore(row, h, index);
    });
  // A unit's columns are whole blocks of 32 in all but tiny models.
  const bool quantizes = width % kBlockCols == 0;
  team.parallelFor(static_cast<int>(units_.size()), 1, [&](int begin, int end) {
    for (int u = begin; u < end; u++) {
      const AttentionUnit& unit = units_[u];
      const int first = spanRows_[unit.span] + unit.begin;
      if (decodeOnly_) rotateAndStore(first, unit.head, index);
      attend(unit, index, scratch(team));
      for (int t = 0; quantizes && t < unit.count; t++)
        quantizeColumns(kernels_, mixedActs_, first + t, unit.head * width, width);
    }
  });
  if (!quantizes) team.parallelFor(rows, 1, [&](int begin, int end) { kernels_.quantize(mixedActs_, begin, end); });
}

// Query heads that share this KV head, and its key and value.
void Graph::rotateAndStore(int row, int kvHead, int index) {
  const Row& r = rows_[row];
  const Span& span = (*spans_)[r.span];
  const LayerWeights& w = r.weights->layers[index];
  const int size = model_.headSize, heads = model_.heads / model_.kvHeads, position = span.position + r.offset;
  const int qAt = kvHead * heads * size, kvAt = kvHead * size;
  float* q = qkv_ + static_cast<size_t>(row) * static_cast<size_t>(qkvWidth()) + qAt;
  float* k = q - qAt + model_.queryWidth() + kvAt;
  float* v = k + model_.kvWidth();
  if (w.qBias) {
    kernels_.add(w.qBias + qAt, heads * size, q);
    kernels_.add(w.kBias + kvAt, size, k);
    kernels_.add(w.vBias + kvAt, size, v);
  }
  amplify(span.delta, index, Module::Q, qAt, heads * size, q);
  amplify(span.delta, index, Module::K, kvAt, size, k);
  amplify(span.delta, index, Module::V, kvAt, size, v);
  if (w.qNorm) {
    for (int h = 0; h < heads; h++)
      kernels_.rmsnorm(q + h * size, w.qNorm, model_.rmsEps, size, q + h * size);
    kernels_.rmsnorm(k, w.kNorm, model_.rmsEps, size, k);
  }
  const float* angles =
      reinterpret_cast<const float*>(ropeTable_.data()) + static_cast<size_t>(position) * static_cast<size_t>(size);
  rope(q, heads, size, model_.ropeStyle, angles);
  rope(k, 1, size, model_.ropeStyle, angles);
  uint8_t* block = const_cast<uint8_t*>(span.blocks[position / kKvBlockTokens]);
  kernels_.kvStore(kvType_, size, k, v, position % kKvBlockTokens,
                   block + static_cast<size_t>(index * model_.kvHeads + kvHead) * headBytes_);
}

void Graph::attend(const AttentionUnit& unit, int index, void* scratch) {
  const Span& span = (*spans_)[unit.span];
  const int perKv = model_.heads / model_.kvHeads, size = model_.headSize;
  const size_t ldq = static_cast<size_t>(qkvWidth()), ldout = static_cast<size_t>(model_.queryWidth());
  const size_t row = static_cast<size_t>(spanRows_[unit.span] + unit.begin),
               column = static_cast<size_t>(unit.head * perKv * size);
  const AttentionJob job = {kvType_,
                            size,
                            perKv,
                            unit.count,
                            span.position + unit.begin,
                            attentionScale_,
                            qkv_ + row * ldq + column,
                            ldq,
                            mixed_ + row * ldout + column,
                            ldout,
                            span.blocks,
                            static_cast<size_t>(index * model_.kvHeads + unit.head) * headBytes_};
  kernels_.attention(job, scratch);
}

// Gate and up of the same columns, their product and its integers, 32 columns (two tiles) at a time.
void Graph::feedForward(Team& team, Stream& stream, int index) {
  const int blocks = model_.ffnSize / kBlockCols;
  const size_t width = static_cast<size_t>(model_.ffnSize);
  Tasks both;
  both.matrix();
  for (const Group& g : layout_.groups)
    addTask(both, Module::Gate, layout_, g, g.weights->layers[index].gate, stream.acts, gate_, width);
  both.matrix();
  for (const Group& g : layout_.groups)
    addTask(both, Module::Up, layout_, g, g.weights->layers[index].up, stream.acts, up_, width);
  team.parallelFor(blocks, grainOf(blocks, team), [&](int begin, int end) {
    const int first = begin * kBlockCols, count = (end - begin) * kBlockCols;
    constexpr int kTiles = kBlockCols / kTileRows;
    for (int m = 0; m < 2; m++)
      both.each(m, begin * kTiles, end * kTiles,
                [&](const Task& t, int from, int to) { product(team, stream, index, t, from, to); });
    for (int row = 0; row < ffnActs_.tokens; row++) {
      float* gate = gate_ + static_cast<size_t>(row) * width + first;
      kernels_.siluMul(gate, up_ + static_cast<size_t>(row) * width + first, count, gate);
      quantizeColumns(kernels_, ffnActs_, row, first, count);
    }
  });
}

void Graph::multiply(Team& team, const Stream& stream, int index, const Tasks& tasks) {
  team.parallelFor(tasks.total(), grainOf(tasks.total(), team), [&](int begin, int end) {
    tasks.covering(begin, end, [&](const Task& task, int from, int to) {
      product(team, stream, index, task, from, to);
    });
  });
}

void Graph::product(const Team& team, const Stream& stream, int index, const Task& task, int from, int to) {
  kernels_.matmul(*task.matrix, *task.acts, task.begin, task.end, task.y, task.ldy, from, to, scratch(team));
  if (!runs_.empty() && index != kHead) addDeltas(team, stream, index, task, from, to);
}

}  // namespace zen
