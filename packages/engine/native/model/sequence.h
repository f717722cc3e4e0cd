// One sequence: its tokens, its KV blocks and the sampler's state.
#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "model/delta_slots.h"
#include "model/kv_cache.h"
#include "model/sampling.h"
#include "model/stop_matcher.h"

namespace zen {

class Sequence {
 public:
  static constexpr int32_t kNoToken = -1;  // in place of a row of embeddings

  Sequence(Sampling given, KvCache& cache, DeltaUse delta = {}, const KvScope& scope = {})
      : sampling(std::move(given)), stops(sampling.stop), cache_(cache), delta_(std::move(delta)), scope_(scope) {}
  ~Sequence() { release(0); }
  Sequence(const Sequence&) = delete;

  const Sampling sampling;
  StopMatcher stops;
  std::vector<int32_t> tokens;                    // computed ones and, during a step, those being appended
  std::unordered_map<int32_t, int> outputCounts;  // sampled tokens; forgetting computed tokens does not change them
  bool busy = false;                              // in the running step
  bool freed = false;                             // while busy

  const Delta* delta() const { return delta_.delta(); }
  int length() const { return static_cast<int>(tokens.size()); }
  const uint8_t* const* blocks() const { return blockData_.data(); }

  // Takes over cached blocks for the leading tokens; see NativeModel.matchPrefix.
  int matchPrefix(int stage, const int32_t* given, int count);
  // Makes room to write tokens [length, length + count), copying a block that is shared. False where there is none;
  // then nothing has changed.
  bool reserve(int count);
  // After the tokens up to length() are computed: offers the blocks that became full.
  void publish(int stage);
  // Offers nothing more until it begins anew: what it holds must not be found by others.
  void withhold() { shareable_ = false; }
  const KvScope& scope() const { return scope_; }
  // The stage of its first tokens, −1 for none.
  int stage() const { return stage_; }
  void truncate(int length);

 private:
  void release(size_t keepBlocks);
  void setBlock(size_t index, int block);

  KvCache& cache_;
  const DeltaUse delta_;
  const KvScope scope_;  // of its blocks in the cache
  std::vector<int> blocks_;
  std::vector<const uint8_t*> blockData_;
  std::vector<uint64_t> serials_;  // of the leading blocks that are cached
  int stage_ = -1;                 // of all tokens so far
  bool shareable_ = true;          // one stage only and no embeddings
};

}  // namespace zen
