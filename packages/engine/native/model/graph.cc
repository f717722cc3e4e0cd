#include "model/graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/graph_tasks.h"
#include "model/mixture.h"

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

Graph::Graph(const ModelShape& model, KvType kvType, int contextTokens, ThreadPool& pool, bool deltas)
    : model_(model),
      deltas_(deltas),
      kvType_(kvType),
      contextTokens_(contextTokens),
      kernels_(kernels()),
      pool_(pool),
      headBytes_(kvHeadBytes(kvType, model.headSize)),
      attentionScale_(1.0f / std::sqrt(static_cast<float>(model.headSize))) {
  scratchBytes_ = aligned(std::max(matmulScratchBytes(), attentionScratchBytes(contextTokens, model.headSize)));
  scratch_ = Region(scratchBytes_ * static_cast<size_t>(pool.size()));
  ropeTable_ = Region(static_cast<size_t>(contextTokens) * model.headSize * sizeof(float));
  if (model.mixture()) mixture_ = std::make_unique<Mixture>(model, pool.size());
}
Graph::~Graph() = default;

size_t Graph::kvBlockBytes(const ModelShape& model, KvType type) {
  return static_cast<size_t>(model.layers) * model.kvHeads * kvHeadBytes(type, model.headSize);
}

void Graph::reserve(int rows) {
  if (rows <= capacity_) return;
  capacity_ = std::min(kPassRows, std::max(rows, 2 * capacity_));
  const size_t n = capacity_, hidden = model_.hiddenSize;
  const size_t dense = model_.mixture() ? 0 : n;
  if (mixture_) mixture_->reserve(capacity_, kOwnRows, model_.hiddenSize);
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
      streams_[t].coarseMemory = take(deltas_ ? actsBytes(own, model_.hiddenSize, 1) : 0);
      streams_[t].choices = mixture_ ? &mixture_->choices[t] : nullptr;
      streams_[t].factored = floats(deltas_ ? static_cast<size_t>(own) : 0, size_t{kInputs} * kMaxRank);
    }
    qkv_ = floats(n, static_cast<size_t>(qkvWidth()));
    mixed_ = floats(n, static_cast<size_t>(model_.queryWidth()));
    gate_ = floats(dense, static_cast<size_t>(model_.ffnSize));
    up_ = floats(dense, static_cast<size_t>(model_.ffnSize));
    delta_ = floats(n, hidden);
    headIn_ = floats(n, hidden);
    mixedMemory_ = take(actsBytes(capacity_, model_.queryWidth(), kInnerLevels));
    ffnMemory_ = take(actsBytes(static_cast<int>(dense), model_.ffnSize, kInnerLevels));
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

void Graph::Layout::clear() {
  groups.clear();
  bands.clear();
}

void Graph::Layout::add(const StageWeights* weights, int count) {
  if (count == 0) return;
  const int begin = groups.empty() ? 0 : groups.back().end, levels = weights->exact ? kInputLevels : 1;
  if (bands.empty() || bands.back().levels != levels) bands.push_back({begin, begin, levels});
  bands.back().end += count;
  if (groups.empty() || groups.back().weights != weights)
    groups.push_back({weights, begin, begin, static_cast<int>(bands.size()) - 1});
  groups.back().end += count;
}

void Graph::bindBands(const Layout& layout, uint8_t* memory, const float* x, BandActs& acts) {
  const size_t width = static_cast<size_t>(model_.hiddenSize);
  for (size_t b = 0; b < layout.bands.size(); b++) {
    const Band& band = layout.bands[b];
    const int rows = band.end - band.begin;
    acts[b] =
        bindActs(memory, x + static_cast<size_t>(band.begin) * width, width, rows, model_.hiddenSize, band.levels);
    memory += actsBytes(rows, model_.hiddenSize, band.levels);
  }
}

void Graph::addTask(Tasks& tasks, Module module, const Layout& layout, const Group& group, const Matrix& matrix, const BandActs& acts,
                    float* rows, size_t width) {
  const int first = layout.bands[group.band].begin;
  tasks.add({module, first, &matrix, &acts[group.band], group.begin - first, group.end - first,
             rows + static_cast<size_t>(first) * width, width});
}

void Graph::bind() {
  const int rows = static_cast<int>(rows_.size());
  ownStreams_ = rows <= kOwnRows;
  for (Stream& s : streams_) {
    bindBands(layout_, s.memory, s.normed, s.acts);
    if (!runs_.empty())
      s.coarse = bindActs(s.coarseMemory, s.normed, static_cast<size_t>(model_.hiddenSize), rows, model_.hiddenSize, 1);
    if (!ownStreams_) break;
  }
  bindBands(headLayout_, headMemory_, headIn_, headActs_);
  mixedActs_ = bindActs(mixedMemory_, mixed_, model_.queryWidth(), rows, model_.queryWidth(), kInnerLevels);
  ffnActs_ = bindActs(ffnMemory_, gate_, model_.ffnSize, rows, model_.ffnSize, kInnerLevels);
}

void Graph::plan(const std::vector<Span>& spans) {
  spans_ = &spans;
  rows_.clear();
  layout_.clear();
  headLayout_.clear();
  headRows_.clear();
  units_.clear();
  spanRows_.clear();
  runs_.clear();
  int last = 0;
  for (size_t s = 0; s < spans.size(); s++) {
    const Span& span = spans[s];
    const int begin = static_cast<int>(rows_.size());
    spanRows_.push_back(begin);
    for (int t = span.count - span.logits; t < span.count; t++)
      headRows_.push_back(begin + t);
    layout_.add(span.weights, span.count);
    if (span.delta) {
      if (runs_.empty() || runs_.back().delta != span.delta || runs_.back().end != begin)
        runs_.push_back({span.delta, begin, begin});
      runs_.back().end += span.count;
    }
    headLayout_.add(span.weights, span.logits);
    const int band = static_cast<int>(layout_.bands.size()) - 1;
    for (int t = 0; t < span.count; t++)
      rows_.push_back({span.weights, static_cast<int>(s), t, band, begin + t - layout_.bands.back().begin});
    for (int t = 0; t < span.count; t += kAttentionTokens)
      for (int head = 0; head < model_.kvHeads; head++)
        units_.push_back({static_cast<int>(s), head, t, std::min(kAttentionTokens, span.count - t)});
    last = std::max(last, span.position + span.count);
  }
  decodeOnly_ = rows_.size() == spans.size();
  if (mixture_) mixture_->away.begin();
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
  finishMixture();
}

void Graph::forwardBoth(Graph& a, const std::vector<Span>& spansA, float* logitsA, Graph& b,
                        const std::vector<Span>& spansB, float* logitsB) {
  a.plan(spansA);
  b.plan(spansB);
  a.pool_.run([&](Team& team) {
    Stream &one = a.streamOf(team), &other = b.streamOf(team);
    const int layers = a.model_.layers;
    // Who has asked is always answered before the pass ends.
    for (int index = 0; index < layers; index++) {
      a.begin(team, one, index);
      if (index > 0) {
        b.finish(team, other, index - 1);
        if (b.failed()) return a.finish(team, one, index);
      }
      b.begin(team, other, index);
      a.finish(team, one, index);
      if (a.failed()) return b.finish(team, other, index);
    }
    b.finish(team, other, layers - 1);
    if (b.failed()) return;
    if (!a.headRows_.empty()) a.head(team, one, logitsA);
    if (!b.headRows_.empty()) b.head(team, other, logitsB);
  });
  a.finishMixture();
  b.finishMixture();
}

void Graph::body(Team& team, float* logits) {
  Stream& stream = streamOf(team);
  for (int index = 0; index < model_.layers; index++) {
    begin(team, stream, index);
    finish(team, stream, index);
    if (failed()) return;
  }
  if (!headRows_.empty()) head(team, stream, logits);
}

void Graph::head(Team& team, Stream& stream, float* logits) {
  const size_t hidden = model_.hiddenSize;
  team.parallelFor(static_cast<int>(headRows_.size()), 1, [&](int begin, int end) {
    for (int i = begin; i < end; i++) {
      float* in = headIn_ + static_cast<size_t>(i) * hidden;
      const size_t row = static_cast<size_t>(headRows_[i]);
      std::memcpy(in, stream.x + row * hidden, sizeof(float) * hidden);
      addFeedForward(team, stream, headRows_[i], in);
      kernels_.rmsnorm(in, rows_[row].weights->outputNorm, model_.rmsEps, model_.hiddenSize, in);
      size_t band = 0;
      while (headLayout_.bands[band].end <= i)
        band++;
      const int inBand = i - headLayout_.bands[band].begin;
      kernels_.quantize(headActs_[band], inBand, inBand + 1);
    }
  });
  // No delta changes the head.
  Tasks tasks;
  tasks.matrix();
  for (const Group& g : headLayout_.groups)
    addTask(tasks, Module::Q, headLayout_, g, g.weights->head, headActs_, logits, static_cast<size_t>(model_.vocabSize));
  multiply(team, stream, kHead, tasks);
}

}  // namespace zen
