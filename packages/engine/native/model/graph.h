// The forward pass of llama, qwen2 and qwen3, dense or a mixture of experts, over one batch of rows (tokens), at any mix of stages.
//
// A row's result depends on its own sequence only: the kernels give the same floats for any number of rows and any
// split over threads, and everything else works row by row.
#pragma once
#include <array>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/threads.h"
#include "model/delta.h"
#include "model/expert_calls.h"
#include "model/ladder_config.h"
#include "model/memory.h"
#include "model/weights.h"

namespace zen {

// [layer][expert]: the highest stage that a row gets of the expert; null: all.
using ExpertCaps = std::shared_ptr<const std::vector<int8_t>>;

// Consecutive tokens of one sequence inside a pass.
struct Span {
  const StageWeights* weights;
  const int32_t* tokens;    // null where there are embeddings
  const float* embeddings;  // [count][hiddenSize]
  int count;
  int position;                  // of the first token
  const uint8_t* const* blocks;  // the sequence's KV blocks; those of the span are its own
  int logits;                    // of the last `logits` tokens: 0 to count
  const Delta* delta = nullptr;  // what the sequence's rows get besides; null for none
  // Where an expert is missing; null: nobody counts.
  ExpertFloor floor = ExpertFloor::Without;
  ExpertFalls* falls = nullptr;
};

class ExpertPairs;

class Graph {
 public:
  static constexpr int kPassRows = 512;

  // `deltas`: whether spans may have any.
  Graph(const ModelShape& model, KvType kvType, int contextTokens, ThreadPool& pool, bool deltas = false);
  ~Graph();

  // KV bytes of 16 tokens in all layers.
  static size_t kvBlockBytes(const ModelShape& model, KvType type);

  // At most kPassRows tokens; spans of one stage must be neighbours, and should be those of one delta. Writes [rows with logits][vocab] in the spans'
  // order.
  void forward(const std::vector<Span>& spans, float* logits);

  // Two passes side by side, each on a graph of the same model and threads: attention of one while experts of the other
  // are on their way. Every row's bits are those of forward().
  static void forwardBoth(Graph& a, const std::vector<Span>& spansA, float* logitsA, Graph& b,
                          const std::vector<Span>& spansB, float* logitsB);

  // Who computes experts that are elsewhere; before the first pass.
  void setExpertCalls(ExpertCalls& calls);
  // Whether the last pass asked others, and how long it slept for their answers.
  bool sent() const;
  std::chrono::nanoseconds slept() const;

  // Of the passes from now on.
  void setExpertCaps(ExpertCaps caps);
  // [layer][expert]: rows that each was chosen for since the last call; from any thread. Empty of a dense model.
  std::vector<uint32_t> takeExpertLoad();

 private:
  struct Away;
  struct Choices;
  struct Mixture;  // mixture.h
  struct Row {
    const StageWeights* weights;
    int span, offset;  // token of the span
    int band, inBand;
  };
  struct Group {  // rows of one stage
    const StageWeights* weights;
    int begin, end;
    int band;
  };
  struct Band {  // rows of neighbouring stages with the same precision of inputs
    int begin, end, levels;
  };
  struct Layout {
    std::vector<Group> groups;
    std::vector<Band> bands;
    void clear();
    void add(const StageWeights* weights, int count);
  };
  // Integers of a layer's input, by band: its rows start at 0 there.
  using BandActs = std::array<Acts, kStages>;
  struct AttentionUnit {
    int span, head, begin, count;
  };
  struct DeltaRun {  // neighbouring rows of one delta
    const Delta* delta;
    int begin, end;
  };
  struct Task {  // a matrix product of some rows of acts; y belongs to acts' row 0, which is the pass's row `first`
    Module module;
    int first;
    const Matrix* matrix;
    const Acts* acts;
    int begin, end;
    float* y;
    size_t ldy;
  };
  class Tasks;

  // The residual stream, a layer's normalized input and its integers. Few rows are kept by every thread for itself:
  // computing them twice costs less than waiting for each other.
  struct Stream {
    float *x, *normed;
    uint8_t* memory;
    BandActs acts;
    float* factored;  // [row][kInputs][kMaxRank]: what a delta's thin factors make of the input
    Acts coarse;      // of every row that has dense signs: its input at 8 bits
    uint8_t* coarseMemory;
    Choices* choices;  // of a mixture
  };
  // Modules with the same input: q, k, v or gate, up.
  static constexpr int kInputs = 3;
  static constexpr int kHead = -1;  // in place of a layer

  void plan(const std::vector<Span>& spans);
  void reserve(int rows);
  Stream& streamOf(const Team& team) { return streams_[ownStreams_ ? static_cast<size_t>(team.index()) : 0]; }
  void bind();
  void bindBands(const Layout& layout, uint8_t* memory, const float* x, BandActs& acts);
  // Adds the task of a group's matrix; `rows` is the output of all rows of the pass.
  static void addTask(Tasks& tasks, Module module, const Layout& layout, const Group& group, const Matrix& matrix,
                      const BandActs& acts, float* rows, size_t width);
  void growRope(int positions);

  void body(Team& team, float* logits);
  void head(Team& team, Stream& stream, float* logits);
  // A layer up to its feed-forward, of which experts elsewhere are asked; then the rest.
  void begin(Team& team, Stream& stream, int index);
  void finish(Team& team, Stream& stream, int index);
  bool failed() const;
  // x += what the last layer's feed-forward gave the row.
  void addFeedForward(const Team& team, const Stream& stream, int row, float* x);
  // x = embedding, or x += delta; then the input of attention or the feed-forward.
  void enter(Team& team, Stream& stream, int index, const float* LayerWeights::* norm);
  void attention(Team& team, int index);
  void feedForward(Team& team, Stream& stream, int index);
  void multiply(Team& team, const Stream& stream, int index, const Tasks& tasks);
  // The product of a task's tiles, and what deltas add to its rows.
  void product(const Team& team, const Stream& stream, int index, const Task& task, int from, int to);

  // graph_experts.cc: a mixture's feed-forward. The router's logits of rows [begin, end) and some tiles of experts.
  void routerLogits(const Team& team, const Stream& stream, int index, int begin, int end, int tileBegin, int tileEnd,
                    float* logits);
  void route(const Team& team, Stream& stream, int index, int begin, int end);
  void routeTogether(Team& team, Stream& stream, int index);
  void choose(const Team& team, Stream& stream, int index, int begin, int end);
  // Groups the rows' pairs by expert, and asks for those that are elsewhere.
  void ask(Team& team, Stream& stream, int index);
  void experts(Team& team, Stream& stream, int index);
  void prepare(Team& team, const std::vector<Expert*>& cold);
  // graph_foresee.cc: asks the disk for what a layer's experts will probably be. By one thread.
  void foresee(const Team& team, const Stream& stream, int index);
  // Adds what a row's experts have made of it, weighted by their gates, to the row's x.
  void combine(const Team& team, const Stream& stream, int row, float* x);
  // Throws what ended the pass early.
  void finishMixture();

  // graph_away.cc: experts that are elsewhere. One thread sends; all wait, and all settle what does not come.
  void send(int index, const ExpertPairs& pairs);
  void await(Team& team, Stream& stream, int index);
  void fall(Team& team, Stream& stream, int index);
  // The highest stage below at which an expert is here, or null.
  Expert* lower(const StageWeights& weights, int stage, int index, int expert) const;
  // Gates of dropped pairs are 0, those that are left grow by as much.
  void renormalize(Choices& choices, std::vector<std::pair<int, int>>& dropped) const;

  // graph_delta.cc: what deltas change.
  static int inputOf(Module module);
  float* factored(const Stream& stream, int row, Module module) const {
    return stream.factored + static_cast<size_t>(row * kInputs + inputOf(module)) * kMaxRank;
  }
  // Runs work(run, begin, end) for the rows of [begin, end) that have a delta.
  template <typename Work>
  void eachRun(int begin, int end, Work&& work) const;
  // The thin factors of the modules' input x of some rows; every row is at x + row·ldx.
  // Every row of x at 8 bits where its delta has dense signs for one of the modules.
  void coarsen(Stream& stream, int index, std::initializer_list<Module> modules, int begin, int end);
  void factor(const Stream& stream, int index, std::initializer_list<Module> modules, int begin, int end,
              const float* x, size_t ldx);
  // The same for an input that several threads have made, all of them together.
  void factorAll(Team& team, const Stream& stream, int index, Module module, const float* x, size_t ldx);
  void addDeltas(const Team& team, const Stream& stream, int index, const Task& task, int from, int to);
  // y *= 1 + v for columns [first, first + count) of the module's output in a row.
  void amplify(const Delta* delta, int index, Module module, int first, int count, float* y) const;

  void embed(int row, float* x);
  void rotateAndStore(int row, int kvHead, int index);
  void attend(const AttentionUnit& unit, int index, void* scratch);
  void* scratch(const Team& team) { return scratch_.data() + static_cast<size_t>(team.index()) * scratchBytes_; }
  int qkvWidth() const { return model_.queryWidth() + 2 * model_.kvWidth(); }

  const ModelShape model_;
  const bool deltas_;
  const KvType kvType_;
  const int contextTokens_;
  const Kernels& kernels_;
  ThreadPool& pool_;
  const size_t headBytes_;
  const float attentionScale_;
  size_t scratchBytes_;
  Region scratch_, ropeTable_, buffers_;
  int ropeReady_ = 0;
  std::unique_ptr<Mixture> mixture_;  // null of a dense model
  int capacity_ = 0;

  // Of the current pass.
  const std::vector<Span>* spans_ = nullptr;
  std::vector<Row> rows_;
  std::vector<DeltaRun> runs_;
  Layout layout_, headLayout_;
  std::vector<int> headRows_, spanRows_;
  std::vector<AttentionUnit> units_;
  bool decodeOnly_ = false;      // every span is one token
  std::vector<Stream> streams_;  // of each thread, or the first one for all
  bool ownStreams_ = false;
  // [row][width]: q|k|v, attention's result, gate and up, a product to add, the head's input.
  float *qkv_, *mixed_, *gate_, *up_, *delta_, *headIn_;
  uint8_t *mixedMemory_, *ffnMemory_, *headMemory_;
  Acts mixedActs_, ffnActs_;
  BandActs headActs_;
};

}  // namespace zen
