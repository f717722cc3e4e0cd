#include "model/graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/graph_tasks.h"

namespace zen {
namespace {

// Precision of a layer's inputs: 15 bits where 8 cost top-1 agreement (measured: attention's and the feed-forward's
// input and the head's), 8 bits for the two whose error hardly shows.
constexpr int kInputLevels = 2, kInnerLevels = 1;
// Query tokens that one thread takes at a time.
constexpr int kAttentionTokens = 16;

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

Graph::Graph(const ModelShape& model, KvType kvType, int contextTokens, ThreadPool& pool)
    : model_(model),
      kvType_(kvType),
      contextTokens_(contextTokens),
      kernels_(kernels()),
      pool_(pool),
      headBytes_(kvHeadBytes(kvType, model.headSize)),
      attentionScale_(1.0f / std::sqrt(static_cast<float>(model.headSize))) {
  const int widest = std::max({model.hiddenSize, model.ffnSize, model.queryWidth()});
  scratchBytes_ = aligned(std::max(matmulScratchBytes(widest), attentionScratchBytes(contextTokens, model.headSize)));
  scratch_ = Region(scratchBytes_ * static_cast<size_t>(pool.size()));
  ropeTable_ = Region(static_cast<size_t>(contextTokens) * model.headSize * sizeof(float));
}

size_t Graph::kvBlockBytes(const ModelShape& model, KvType type) {
  return static_cast<size_t>(model.layers) * model.kvHeads * kvHeadBytes(type, model.headSize);
}

void Graph::reserve(int rows) {
  if (rows > capacity_) {
    capacity_ = std::min(kPassRows, std::max(rows, 2 * capacity_));
    const size_t n = capacity_;
    const size_t floats = 3 * n * model_.hiddenSize + n * (model_.queryWidth() + 2 * model_.kvWidth()) + n * model_.queryWidth() +
                          2 * n * model_.ffnSize + n * model_.hiddenSize + 8 * 16;
    const size_t acts = 2 * actsBytes(capacity_, model_.hiddenSize, kInputLevels) +
                        actsBytes(capacity_, model_.queryWidth(), kInnerLevels) + actsBytes(capacity_, model_.ffnSize, kInnerLevels);
    buffers_ = Region(floats * sizeof(float) + acts + 4 * 64);
    uint8_t* at = buffers_.data();
    const auto take = [&](size_t bytes) {
      uint8_t* taken = at;
      at += aligned(bytes);
      return taken;
    };
    const auto floatsOf = [&](size_t width) { return reinterpret_cast<float*>(take(n * width * sizeof(float))); };
    x_ = floatsOf(model_.hiddenSize);
    normed_ = floatsOf(model_.hiddenSize);
    delta_ = floatsOf(model_.hiddenSize);
    headIn_ = floatsOf(model_.hiddenSize);
    qkv_ = floatsOf(model_.queryWidth() + 2 * model_.kvWidth());
    mixed_ = floatsOf(model_.queryWidth());
    gate_ = floatsOf(model_.ffnSize);
    up_ = floatsOf(model_.ffnSize);
    actsHidden_ = take(actsBytes(capacity_, model_.hiddenSize, kInputLevels));
    actsHead_ = take(actsBytes(capacity_, model_.hiddenSize, kInputLevels));
    actsMixed_ = take(actsBytes(capacity_, model_.queryWidth(), kInnerLevels));
    actsFfn_ = take(actsBytes(capacity_, model_.ffnSize, kInnerLevels));
  }
  hidden_ = bindActs(actsHidden_, normed_, model_.hiddenSize, rows, model_.hiddenSize, kInputLevels);
  mixedActs_ = bindActs(actsMixed_, mixed_, model_.queryWidth(), rows, model_.queryWidth(), kInnerLevels);
  ffn_ = bindActs(actsFfn_, gate_, model_.ffnSize, rows, model_.ffnSize, kInnerLevels);
  const int headRows = static_cast<int>(headRows_.size());
  head_ = bindActs(actsHead_, headIn_, model_.hiddenSize, headRows, model_.hiddenSize, kInputLevels);
}

void Graph::plan(const std::vector<Span>& spans) {
  spans_ = &spans;
  rows_.clear();
  groups_.clear();
  headGroups_.clear();
  headRows_.clear();
  units_.clear();
  spanRows_.clear();
  const auto extend = [](std::vector<Group>& groups, const StageWeights* weights, int begin, int end) {
    if (begin == end) return;
    if (!groups.empty() && groups.back().weights == weights)
      groups.back().end = end;
    else
      groups.push_back({weights, begin, end});
  };
  int last = 0;
  for (size_t s = 0; s < spans.size(); s++) {
    const Span& span = spans[s];
    const int begin = static_cast<int>(rows_.size()), headBegin = static_cast<int>(headRows_.size());
    spanRows_.push_back(begin);
    for (int t = 0; t < span.count; t++) rows_.push_back({span.weights, static_cast<int>(s), t});
    for (int t = span.count - span.logits; t < span.count; t++) headRows_.push_back(begin + t);
    extend(groups_, span.weights, begin, begin + span.count);
    extend(headGroups_, span.weights, headBegin, headBegin + span.logits);
    for (int t = 0; t < span.count; t += kAttentionTokens)
      for (int head = 0; head < model_.kvHeads; head++)
        units_.push_back({static_cast<int>(s), head, t, std::min(kAttentionTokens, span.count - t)});
    last = std::max(last, span.position + span.count);
  }
  growRope(last);
  reserve(static_cast<int>(rows_.size()));
}

void Graph::growRope(int positions) {
  float* table = reinterpret_cast<float*>(ropeTable_.data());
  for (; ropeReady_ < positions; ropeReady_++)
    ropeAngles(model_.ropeTheta, model_.headSize, ropeReady_, table + static_cast<size_t>(ropeReady_) * model_.headSize);
}

void Graph::forward(const std::vector<Span>& spans, float* logits) {
  plan(spans);
  pool_.run([&](Team& team) { body(team, logits); });
}

void Graph::body(Team& team, float* logits) {
  for (int index = 0; index < model_.layers; index++) layer(team, index);
  const int headRows = static_cast<int>(headRows_.size());
  if (headRows == 0) return;
  team.parallelFor(headRows, 1, [&](int begin, int end) {
    for (int i = begin; i < end; i++) {
      const size_t row = static_cast<size_t>(headRows_[i]) * model_.hiddenSize;
      kernels_.add(delta_ + row, model_.hiddenSize, x_ + row);
      kernels_.rmsnorm(x_ + row, rows_[headRows_[i]].weights->outputNorm, model_.rmsEps, model_.hiddenSize,
                       headIn_ + static_cast<size_t>(i) * model_.hiddenSize);
      kernels_.quantize(head_, i, i + 1);
    }
  });
  Tasks tasks;
  for (const Group& g : headGroups_) tasks.add({&g.weights->head, &head_, g.begin, g.end, logits, static_cast<size_t>(model_.vocabSize)});
  multiply(team, tasks);
}

void Graph::embed(int row) {
  const Row& r = rows_[row];
  const Span& span = (*spans_)[r.span];
  float* x = x_ + static_cast<size_t>(row) * model_.hiddenSize;
  if (span.embeddings)
    std::memcpy(x, span.embeddings + static_cast<size_t>(r.offset) * model_.hiddenSize, sizeof(float) * model_.hiddenSize);
  else
    dequantizeRow(r.weights->embedding, span.tokens[r.offset], x);
}

// x += delta (where there is one), then the layer's input from it.
void Graph::normalize(int row, const float* delta, const float* weight, Acts& acts) {
  const size_t at = static_cast<size_t>(row) * model_.hiddenSize;
  if (delta) kernels_.add(delta + at, model_.hiddenSize, x_ + at);
  kernels_.rmsnorm(x_ + at, weight, model_.rmsEps, model_.hiddenSize, normed_ + at);
  kernels_.quantize(acts, row, row + 1);
}

void Graph::layer(Team& team, int index) {
  const int rows = static_cast<int>(rows_.size());
  const size_t hidden = model_.hiddenSize, ffn = model_.ffnSize, qkv = model_.queryWidth() + 2 * model_.kvWidth();
  team.parallelFor(rows, 1, [&](int begin, int end) {
    for (int row = begin; row < end; row++) {
      if (index == 0) embed(row);
      normalize(row, index == 0 ? nullptr : delta_, rows_[row].weights->layers[index].attnNorm, hidden_);
    }
  });
  {
    Tasks tasks;
    for (const Group& g : groups_) {
      const LayerWeights& w = g.weights->layers[index];
      tasks.add({&w.q, &hidden_, g.begin, g.end, qkv_, qkv});
      tasks.add({&w.k, &hidden_, g.begin, g.end, qkv_ + model_.queryWidth(), qkv});
      tasks.add({&w.v, &hidden_, g.begin, g.end, qkv_ + model_.queryWidth() + model_.kvWidth(), qkv});
    }
    multiply(team, tasks);
  }
  team.parallelFor(rows, 1, [&](int begin, int end) {
    for (int row = begin; row < end; row++) rotateAndStore(row, index);
  });
  team.parallelFor(static_cast<int>(units_.size()), 1, [&](int begin, int end) {
    for (int u = begin; u < end; u++) attend(units_[u], index, scratch(team));
  });
  quantizeColumns(team, mixedActs_, nullptr, nullptr);
  {
    Tasks tasks;
    for (const Group& g : groups_) tasks.add({&g.weights->layers[index].output, &mixedActs_, g.begin, g.end, delta_, hidden});
    multiply(team, tasks);
  }
  team.parallelFor(rows, 1, [&](int begin, int end) {
    for (int row = begin; row < end; row++) normalize(row, delta_, rows_[row].weights->layers[index].ffnNorm, hidden_);
  });
  {
    Tasks tasks;
    for (const Group& g : groups_) {
      const LayerWeights& w = g.weights->layers[index];
      tasks.add({&w.gate, &hidden_, g.begin, g.end, gate_, ffn});
      tasks.add({&w.up, &hidden_, g.begin, g.end, up_, ffn});
    }
    multiply(team, tasks);
  }
  quantizeColumns(team, ffn_, gate_, up_);
  Tasks tasks;
  for (const Group& g : groups_) tasks.add({&g.weights->layers[index].down, &ffn_, g.begin, g.end, delta_, hidden});
  multiply(team, tasks);
}

void Graph::rotateAndStore(int row, int index) {
  const Row& r = rows_[row];
  const Span& span = (*spans_)[r.span];
  const LayerWeights& w = r.weights->layers[index];
  const int size = model_.headSize, position = span.position + r.offset;
  float* q = qkv_ + static_cast<size_t>(row) * (model_.queryWidth() + 2 * model_.kvWidth());
  float* k = q + model_.queryWidth();
  float* v = k + model_.kvWidth();
  if (w.qBias) {
    kernels_.add(w.qBias, model_.queryWidth(), q);
    kernels_.add(w.kBias, model_.kvWidth(), k);
    kernels_.add(w.vBias, model_.kvWidth(), v);
  }
  if (w.qNorm) {
    for (int h = 0; h < model_.heads; h++) kernels_.rmsnorm(q + h * size, w.qNorm, model_.rmsEps, size, q + h * size);
    for (int h = 0; h < model_.kvHeads; h++) kernels_.rmsnorm(k + h * size, w.kNorm, model_.rmsEps, size, k + h * size);
  }
  const float* angles = reinterpret_cast<const float*>(ropeTable_.data()) + static_cast<size_t>(position) * size;
  rope(q, model_.heads, size, model_.ropeStyle, angles);
  rope(k, model_.kvHeads, size, model_.ropeStyle, angles);
  uint8_t* block = const_cast<uint8_t*>(span.blocks[position / kKvBlockTokens]);
  for (int h = 0; h < model_.kvHeads; h++)
    kernels_.kvStore(kvType_, size, k + h * size, v + h * size, position % kKvBlockTokens,
                     block + (static_cast<size_t>(index) * model_.kvHeads + h) * headBytes_);
}

void Graph::attend(const AttentionUnit& unit, int index, void* scratch) {
  const Span& span = (*spans_)[unit.span];
  const int perKv = model_.heads / model_.kvHeads, size = model_.headSize;
  const size_t ldq = model_.queryWidth() + 2 * model_.kvWidth(), ldout = model_.queryWidth();
  const size_t row = static_cast<size_t>(spanRows_[unit.span] + unit.begin), column = static_cast<size_t>(unit.head) * perKv * size;
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
                            (static_cast<size_t>(index) * model_.kvHeads + unit.head) * headBytes_};
  kernels_.attention(job, scratch);
}

}  // namespace zen
