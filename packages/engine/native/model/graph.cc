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
// Rows up to which every thread has the residual stream for itself.
constexpr int kOwnRows = 2;

// However the rows are cut in groups.
size_t groupActsBytes(int rows, int cols) {
  return actsBytes(rows, cols, kInputLevels) + static_cast<size_t>(kStages) * actsBytes(1, cols, kInputLevels);
}

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
  if (rows <= capacity_) return;
  capacity_ = std::min(kPassRows, std::max(rows, 2 * capacity_));
  const size_t n = capacity_, hidden = model_.hiddenSize;
  const auto measure = [&](auto&& take) {
    const auto floats = [&](size_t rowCount, size_t width) {
      return reinterpret_cast<float*>(take(rowCount * width * sizeof(float)));
    };
    streams_.resize(static_cast<size_t>(pool_.size()));
    for (size_t t = 0; t < streams_.size(); t++) {
      const int own = t == 0 ? capacity_ : kOwnRows;
      streams_[t].x = floats(static_cast<size_t>(own), hidden);
      streams_[t].normed = floats(static_cast<size_t>(own), hidden);
      streams_[t].memory = take(groupActsBytes(own, model_.hiddenSize));
    }
    qkv_ = floats(n, static_cast<size_t>(qkvWidth()));
    mixed_ = floats(n, static_cast<size_t>(model_.queryWidth()));
    gate_ = floats(n, static_cast<size_t>(model_.ffnSize));
    up_ = floats(n, static_cast<size_t>(model_.ffnSize));
    delta_ = floats(n, hidden);
    headIn_ = floats(n, hidden);
    mixedMemory_ = take(actsBytes(capacity_, model_.queryWidth(), kInnerLevels));
    ffnMemory_ = take(actsBytes(capacity_, model_.ffnSize, kInnerLevels));
    headMemory_ = take(groupActsBytes(capacity_, model_.hiddenSize));
  };
  size_t total = 0;
  measure([&](size_t bytes) {
    total += aligned(bytes);
    return static_cast<uint8_t*>(nullptr);
  });
  buffers_ = Region(total);
  uint8_t* at = buffers_.data();
  measure([&](size_t bytes) {
    uint8_t* taken = at;
    at += aligned(bytes);
    return taken;
  });
}

void Graph::bindGroups(const std::vector<Group>& groups, uint8_t* memory, const float* x, GroupActs& acts) {
  const int width = model_.hiddenSize;
  for (size_t g = 0; g < groups.size(); g++) {
    const int rows = groups[g].end - groups[g].begin, levels = groups[g].weights->exact ? kInputLevels : 1;
    acts[g] = bindActs(memory, x + static_cast<size_t>(groups[g].begin) * static_cast<size_t>(width),
                       static_cast<size_t>(width), rows, width, levels);
    memory += actsBytes(rows, width, levels);
  }
}

void Graph::bind() {
  const int rows = static_cast<int>(rows_.size());
  ownStreams_ = rows <= kOwnRows;
  for (Stream& s : streams_) {
    bindGroups(groups_, s.memory, s.normed, s.acts);
    if (!ownStreams_) break;
  }
  bindGroups(headGroups_, headMemory_, headIn_, headActs_);
  mixedActs_ = bindActs(mixedMemory_, mixed_, model_.queryWidth(), rows, model_.queryWidth(), kInnerLevels);
  ffnActs_ = bindActs(ffnMemory_, gate_, model_.ffnSize, rows, model_.ffnSize, kInnerLevels);
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
    for (int t = span.count - span.logits; t < span.count; t++)
      headRows_.push_back(begin + t);
    extend(groups_, span.weights, begin, begin + span.count);
    const int group = static_cast<int>(groups_.size()) - 1;
    for (int t = 0; t < span.count; t++)
      rows_.push_back({span.weights, static_cast<int>(s), t, group, begin + t - groups_.back().begin});
    extend(headGroups_, span.weights, headBegin, headBegin + span.logits);
    for (int t = 0; t < span.count; t += kAttentionTokens)
      for (int head = 0; head < model_.kvHeads; head++)
        units_.push_back({static_cast<int>(s), head, t, std::min(kAttentionTokens, span.count - t)});
    last = std::max(last, span.position + span.count);
  }
  decodeOnly_ = rows_.size() == spans.size();
  growRope(last);
  reserve(static_cast<int>(rows_.size()));
  bind();
}

void Graph::growRope(int positions) {
  float* table = reinterpret_cast<float*>(ropeTable_.data());
  for (; ropeReady_ < positions; ropeReady_++)
    ropeAngles(model_.ropeTheta, model_.headSize, ropeReady_,
               table + static_cast<size_t>(ropeReady_) * model_.headSize);
}

void Graph::forward(const std::vector<Span>& spans, float* logits) {
  plan(spans);
  pool_.run([&](Team& team) { body(team, logits); });
}

void Graph::body(Team& team, float* logits) {
  Stream& stream = streams_[ownStreams_ ? static_cast<size_t>(team.index()) : 0];
  for (int index = 0; index < model_.layers; index++)
    layer(team, stream, index);
  if (!headRows_.empty()) head(team, stream, logits);
}

void Graph::head(Team& team, Stream& stream, float* logits) {
  const size_t hidden = model_.hiddenSize;
  team.parallelFor(static_cast<int>(headRows_.size()), 1, [&](int begin, int end) {
    for (int i = begin; i < end; i++) {
      float* in = headIn_ + static_cast<size_t>(i) * hidden;
      const size_t row = static_cast<size_t>(headRows_[i]);
      std::memcpy(in, stream.x + row * hidden, sizeof(float) * hidden);
      kernels_.add(delta_ + row * hidden, model_.hiddenSize, in);
      kernels_.rmsnorm(in, rows_[row].weights->outputNorm, model_.rmsEps, model_.hiddenSize, in);
      size_t g = 0;
      while (headGroups_[g].end <= i)
        g++;
      kernels_.quantize(headActs_[g], i - headGroups_[g].begin, i - headGroups_[g].begin + 1);
    }
  });
  Tasks tasks;
  const size_t vocab = static_cast<size_t>(model_.vocabSize);
  for (size_t g = 0; g < headGroups_.size(); g++) {
    const Group& rows = headGroups_[g];
    tasks.add({&rows.weights->head, &headActs_[g], 0, rows.end - rows.begin,
               logits + static_cast<size_t>(rows.begin) * vocab, vocab});
  }
  multiply(team, tasks);
}

}  // namespace zen
