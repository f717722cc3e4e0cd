#include "model/engine.h"

#include <algorithm>

#include "model/delta_writer.h"
#include "model/failure.h"

namespace zen {
namespace {

constexpr size_t kMaxSequences = 65536;
// A load up to this size ends before a thread for it would have begun.
constexpr size_t kQuickDelta = 1 << 20;

void checkResident(const std::vector<int8_t>& resident, const ModelShape& model) {
  if (resident.empty()) return;
  if (!model.mixture()) throw Failure("experts", "must be of a mixture");
  const size_t count = static_cast<size_t>(model.layers) * static_cast<size_t>(model.experts.count);
  if (resident.size() != count) throw Failure("experts.resident", "must have " + std::to_string(count) + " stages");
  for (int8_t stage : resident)
    if (stage < -1 || stage >= kStages)
      throw Failure("experts.resident", "must be from -1 to " + std::to_string(kStages - 1));
}

EngineOptions checked(EngineOptions o, const ModelShape& model) {
  checkResident(o.experts.resident, model);
  if (o.threads < 1 || o.threads > 256) throw Failure("threads", "must be from 1 to 256");
  if (o.contextTokens < 1 || o.contextTokens > model.contextTokens)
    throw Failure("contextTokens", "must be from 1 to " + std::to_string(model.contextTokens));
  if (o.tokenOffsets.size() != static_cast<size_t>(model.vocabSize) + 1)
    throw Failure("tokenOffsets", "must have " + std::to_string(model.vocabSize + 1) + " entries");
  for (size_t i = 1; i < o.tokenOffsets.size(); i++)
    if (o.tokenOffsets[i] < o.tokenOffsets[i - 1]) throw Failure("tokenOffsets", "must not fall");
  if (o.tokenOffsets.back() > o.tokenBytes.size()) throw Failure("tokenOffsets", "must end within tokenBytes");
  return o;
}

}  // namespace

Engine::Engine(LadderConfig config, EngineOptions options)
    : config_(std::move(config)),
      options_(checked(std::move(options), config_.model)),
      calls_(config_.model.hiddenSize, options_.experts.dispatch),
      pool_(options_.threads),
      graph_(config_.model, options_.kvType, options_.contextTokens, pool_, hasDeltas()),
      cache_(Graph::kvBlockBytes(config_.model, options_.kvType), options_.kvBytes),
      deltas_(config_.model, options_.delta),
      scratch_(static_cast<size_t>(options_.threads)) {
  graph_.setExpertCalls(calls_);
}

void Engine::attachStage(int stage, const std::string& path) {
  if (stage < 0 || stage >= kStages) throw Failure("stage", "must be from 0 to 4");
  const std::lock_guard<std::mutex> one(attaching_);
  std::shared_ptr<const StageWeights> below;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stages_[stage]) throw Failure("stage " + std::to_string(stage), "must not be attached already");
    if (stage > 0 && !stages_[stage - 1])
      throw Failure("stage " + std::to_string(stage), "must follow stage " + std::to_string(stage - 1));
    if (stage > 0) below = stages_[stage - 1];
  }
  auto built = turns_.beside([&] {
    auto blob = std::make_shared<const Blob>(path, stage, config_.stageBytes[stage]);
    return buildStage(config_, stage, below.get(), std::move(blob), expertBytes_, options_.experts.resident);
  });
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stage > 0 && stages_[stage - 1] != below)
    throw Failure("stage " + std::to_string(stage), "must not lose the stage below while it attaches");
  stages_[stage] = std::move(built);
}

void Engine::detachStage(int stage) {
  if (stage < 0 || stage >= kStages) throw Failure("stage", "must be from 0 to 4");
  Stages dropped;  // given back after the lock, which unmapping would hold for long
  const std::lock_guard<std::mutex> lock(mutex_);
  for (int s = stage; s < kStages; s++)
    dropped[s] = std::move(stages_[s]);
  // A stage is dropped because its bytes are bad: so are keys and values computed with them.
  cache_.purge(stage);
  for (auto& [id, sequence] : sequences_)
    if (sequence->stage() >= stage) sequence->withhold();
}

Stats Engine::stats() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Stats s = {};
  for (int k = 0; k < kStages; k++) {
    if (!stages_[k]) break;
    s.attachedStages.push_back(k);
    s.mappedBytes += config_.stageBytes[k];
    s.mergedBytes = stages_[k]->mergedBytes + *expertBytes_;
  }
  s.kvBlocksTotal = cache_.total();
  s.kvBlocksFree = cache_.available();
  s.kvBlocksCached = cache_.cached();
  s.sequences = static_cast<int>(sequences_.size());
  s.deltaSlots = deltas_.slots();
  s.deltaSlotsUsed = deltas_.used(false);
  s.denseSlots = deltas_.denseSlots();
  s.denseSlotsUsed = deltas_.used(true);
  s.deltaBytes = deltas_.bytes();
  return s;
}

int Engine::loadDelta(const std::vector<DeltaPart>& parts) {
  const DeltaWriter writer(config_.model);
  const size_t bytes = writer.check(parts);
  DeltaSlot* slot = nullptr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    slot = &deltas_.take(bytes);
  }
  try {
    const auto write = [&] { writer.write(parts, slot->memory, slot->delta); };
    bytes > kQuickDelta ? turns_.beside(write) : write();
  } catch (...) {
    const std::lock_guard<std::mutex> lock(mutex_);
    deltas_.release(*slot);
    throw;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  return deltas_.ready(*slot);
}

void Engine::freeDelta(int delta) {
  const std::lock_guard<std::mutex> lock(mutex_);
  DeltaSlot* slot = deltas_.find(delta);
  if (!slot) throw Failure("delta", "must be a loaded delta, not 0");
  if (slot->users > 0) throw Failure("delta", "must not be in use: " + std::to_string(slot->users) + " use it");
  deltas_.release(*slot);
}

void Engine::forgetScope(const KvScope& scope) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cache_.purge(scope);
  for (auto& [id, sequence] : sequences_)
    if (sequence->scope() == scope) sequence->withhold();
}

int Engine::createSequence(Sampling sampling, const std::vector<int32_t>& sampled, const Identity& identity) {
  sampling.check(config_.model.vocabSize);
  checkTokens(sampled, "sampled");
  const std::lock_guard<std::mutex> lock(mutex_);
  if (sequences_.size() >= kMaxSequences)
    throw Failure("sequences", "must be at most " + std::to_string(kMaxSequences));
  while (sequences_.count(nextSequence_))
    nextSequence_ = nextSequence_ % 0x7fffffff + 1;
  const int id = nextSequence_;
  // Its blocks would be found by the base's sequences.
  if (identity.delta != 0 && !identity.scope.given) throw Failure("scope", "must be 32 bytes where there is a delta");
  const auto made = std::make_shared<Sequence>(std::move(sampling), cache_, DeltaUse(deltas_.find(identity.delta)),
                                               identity.scope);
  for (int32_t token : sampled)
    count(*made, token);
  sequences_.emplace(id, made);
  nextSequence_ = id % 0x7fffffff + 1;
  return id;
}

std::shared_ptr<Sequence> Engine::find(int sequence) {
  const auto found = sequences_.find(sequence);
  if (found == sequences_.end() || found->second->freed)
    throw Failure("sequence " + std::to_string(sequence), "must be a live handle");
  return found->second;
}

void Engine::freeSequence(int sequence) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = find(sequence);
  if (found->busy)
    found->freed = true;  // the step's end erases it
  else
    sequences_.erase(sequence);
}

int Engine::matchPrefix(int sequence, int stage, const std::vector<int32_t>& tokens) {
  checkTokens(tokens, "tokens");
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = find(sequence);
  weightsAt(stages_, stage);
  if (found->busy || found->length() > 0) throw Failure("sequence " + std::to_string(sequence), "must not have begun");
  const size_t most = std::min(tokens.size(), static_cast<size_t>(options_.contextTokens));
  return found->matchPrefix(stage, tokens.data(), static_cast<int>(most));
}

void Engine::truncate(int sequence, int length) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = find(sequence);
  if (found->busy) throw Failure("sequence " + std::to_string(sequence), "must not be in the running step");
  if (length < 0 || length > found->length())
    throw Failure("length", "must be from 0 to " + std::to_string(found->length()));
  found->truncate(length);
}

const StageWeights* Engine::weightsAt(const Stages& stages, int stage) const {
  if (stage < 0 || stage >= kStages || !stages[stage])
    throw Failure("stage " + std::to_string(stage), "must be attached");
  return stages[stage].get();
}

void Engine::checkTokens(const std::vector<int32_t>& tokens, const std::string& field) const {
  for (int32_t token : tokens)
    if (token < 0 || token >= config_.model.vocabSize)
      throw Failure(
          field, "must be from 0 to " + std::to_string(config_.model.vocabSize - 1) + ", not " + std::to_string(token));
}

}  // namespace zen
