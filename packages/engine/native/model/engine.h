// A model that serves: its ladder, stages, KV cache and sequences. Calls come from any thread; one step runs at a time.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/background.h"
#include "model/expert_calls.h"
#include "model/graph.h"
#include "model/overlap.h"
#include "model/sequence.h"

namespace zen {

struct EngineOptions {
  int threads;
  uint64_t kvBytes;
  KvType kvType;
  int contextTokens;
  // Bytes of each token, concatenated, with vocabSize + 1 offsets.
  std::string tokenBytes;
  std::vector<uint32_t> tokenOffsets;
  DeltaOptions delta = {};
  struct Experts {
    std::vector<int8_t> resident;  // [layers][experts]: up to which stage they are computed here; empty: all are
    ExpertCalls::Dispatch dispatch;
    // Passes as two side by side: where it is quicker, or (tests) never, always.
    enum class Two : uint8_t { Quicker, Never, Always } two = Two::Quicker;
  } experts = {};
};

// Whose sequence it is: the delta that its rows get (0: none), and what roots its prefix cache.
struct Identity {
  int delta = 0;
  KvScope scope = {};
};

struct StepItem {
  int sequence;
  std::vector<int32_t> tokens;
  std::vector<float> embeddings;  // in place of tokens: rows of hiddenSize
  int stage;
  bool sample;
  // Guesses of what follows the tokens: given, or drafted by draftCount tokens of the lower draftStage first.
  std::vector<int32_t> draft = {};
  int draftStage = -1, draftCount = 0;
  ExpertFloor expertFloor = ExpertFloor::StandIn;

  int drafts() const { return draftCount > 0 ? draftCount : static_cast<int>(draft.size()); }
};

struct StepOutput {
  // NotFinite: its logits are no numbers; NoExpert: below its floor without one that was missing. Both: as if the step
  // had not been.
  enum class Status : uint8_t { Ok, NoKv, NotFinite, NoExpert } status = Status::Ok;
  enum class Finish : uint8_t { None, StopToken, StopText } finish = Finish::None;
  int stopIndex = -1;
  std::vector<Sampled> kept;  // drafted tokens that sampling gave too, before `sampled`
  Sampled sampled;
  ExpertFalls falls = {};  // of its rows
};

struct Stats {
  std::vector<int> attachedStages;
  uint64_t mappedBytes, mergedBytes;
  int kvBlocksTotal, kvBlocksFree, kvBlocksCached, sequences;
  int deltaSlots, deltaSlotsUsed, denseSlots, denseSlotsUsed;
  uint64_t deltaBytes;
};

// Every method throws Failure.
class Engine {
 public:
  static constexpr int kMaxStepTokens = 65536, kMaxDraft = 63;

  Engine(LadderConfig config, EngineOptions options);

  const ModelShape& shape() const { return config_.model; }
  void attachStage(int stage, const std::string& path);
  void detachStage(int stage);
  Stats stats();
  // Checks a delta and copies it into a free slot; what the parts point to is read until this returns.
  int loadDelta(const std::vector<DeltaPart>& parts);
  // Refused while a sequence uses it.
  void freeDelta(int delta);
  // Nobody finds KV of this scope any more, and sequences that run in it share no more of theirs.
  void forgetScope(const KvScope& scope);
  // `sampled`: what an earlier sequence of the same answer sampled; it counts for penalties and stop texts.
  int createSequence(Sampling sampling, const std::vector<int32_t>& sampled = {}, const Identity& identity = {});
  void freeSequence(int sequence);
  int matchPrefix(int sequence, int stage, const std::vector<int32_t>& tokens);
  void truncate(int sequence, int length);
  std::vector<StepOutput> step(const std::vector<StepItem>& items);
  // `out`: [tokens][vocabSize].
  void logits(int stage, const std::vector<int32_t>& tokens, float* out, int delta = 0);
  // Answers a dispatch, from any thread.
  void completeExperts(int id, ExpertCalls::Array<float> outputs, ExpertCalls::Array<uint8_t> missing) {
    calls_.complete(id, outputs, missing);
  }
  void abandonExperts() { calls_.abandon(); }
  // [layers][experts]: from the next step on, min(row's stage, cap) is computed.
  void setExpertCaps(const std::vector<int8_t>& caps);
  // [layers][experts]: rows that chose each expert since the last call.
  std::vector<uint32_t> takeExpertLoad();

 private:
  using Stages = std::array<std::shared_ptr<const StageWeights>, kStages>;
  struct Running;  // an item in the running step

  std::shared_ptr<Sequence> find(int sequence);
  const StageWeights* weightsAt(const Stages& stages, int stage) const;
  void checkTokens(const std::vector<int32_t>& tokens, const std::string& field) const;
  std::vector<Running> admit(const std::vector<StepItem>& items, const Stages& stages);
  void checkItem(const StepItem& item, const std::string& at) const;
  void checkDraft(const StepItem& item, const std::string& at) const;
  // Holding `stepping_`.
  void useCaps();
  float* logitRows(size_t rows);
  void compute(const std::vector<Running*>& order, const Stages& stages);
  // Drafts where a stage is to do it, step by step for all of them together; what it counts is taken back.
  void draft(const std::vector<Running*>& all, const Stages& stages);
  template <typename Work>
  void eachSequence(const std::vector<Running*>& rows, Work&& work);
  Sampled sampleRow(const Running& running, int row, SamplerScratch& scratch) const;
  void sampleRows(const std::vector<Running*>& rows);
  // Counts a sampled token and says whether it ends the answer.
  void finish(Running& running, int32_t token) const;
  // Counts a sampled token; the stop text that it completes, −1 for none.
  int count(Sequence& sequence, int32_t token) const;
  // Uncounts what the step has sampled, and forgets tokens from `length` on.
  void takeBack(Running& running, int length) const;
  // The sequence alone leaves the step.
  void fail(Running& running, StepOutput::Status why) const;
  // A pass, or two side by side where experts are elsewhere. Those whose experts are missing leave the step.
  void pass(const std::vector<Span>& spans, float* logits, const std::vector<Running*>& rows);
  void passTwo(const std::vector<Span>& spans, int rows, float* logits);
  bool hasDeltas() const { return options_.delta.slots + options_.delta.denseSlots > 0; }
  void settle(std::vector<Running>& running, const Stages& stages, bool done);

  const LadderConfig config_;
  const EngineOptions options_;
  ExpertCalls calls_;
  ThreadPool pool_;
  Graph graph_;
  Turns turns_;
  std::unique_ptr<Graph> second_;  // of two passes side by side; made when they are first wanted
  std::atomic<Graph*> shownSecond_{nullptr};  // the same, for those who do not step
  Overlap overlap_;
  std::mutex attaching_;       // one attach at a time
  std::mutex stepping_;   // one step at a time
  std::mutex mutex_;      // all below; held for moments
  Stages stages_;
  ExpertCaps caps_, capsInUse_;  // null: all at the top
  // What merging experts takes.
  const std::shared_ptr<std::atomic<uint64_t>> expertBytes_ = std::make_shared<std::atomic<uint64_t>>(0);
  KvCache cache_;
  DeltaSlots deltas_;  // outlives the sequences that use it
  std::unordered_map<int, std::shared_ptr<Sequence>> sequences_;
  int nextSequence_ = 1;
  // Of the running step.
  Region logits_;
  std::vector<SamplerScratch> scratch_;
};

}  // namespace zen
