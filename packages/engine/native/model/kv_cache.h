// Paged KV cache: a fixed pool of blocks of 16 tokens (the kernels' unit: a block of keys is one vector wide, and a
// shared prefix loses at most 15 tokens), counted references, and full blocks kept for prefix sharing until evicted.
//
// A cached block is found by (scope, serial of its predecessor, stage, its 16 tokens), compared in full. A scope (32
// bytes that say whose and with which delta, or none) is kept in the block itself, so scopes leave no record behind. Serials are never
// used twice, so by induction equal keys mean equal tokens from the first one on: a collision cannot leak.
#pragma once
#include <array>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "kernels/kernels.h"
#include "model/memory.h"

namespace zen {

// Only sequences of equal scopes share blocks.
struct KvScope {
  bool given = false;
  std::array<uint8_t, 32> bytes = {};
  bool operator==(const KvScope& other) const { return given == other.given && bytes == other.bytes; }
};

class KvCache {
 public:
  // At most `budgetBytes`; throws Failure("kvBytes", …) where not even one block fits.
  KvCache(size_t blockBytes, size_t budgetBytes);

  static constexpr int kTokens = kKvBlockTokens;
  static constexpr uint64_t kRoot = 0;  // the predecessor's serial of a first block

  uint8_t* data(int block) const { return pool_.data() + static_cast<size_t>(block) * blockBytes_; }
  size_t blockBytes() const { return blockBytes_; }
  int total() const { return total_; }
  int available() const { return static_cast<int>(free_.size() + idle_.size()); }
  int cached() const { return static_cast<int>(index_.size()); }

  // A block with one reference, evicting the cached block that was unused the longest if need be; −1 if there is none.
  int allocate();
  void release(int block);
  // Writing needs a block of one's own: shared or cached ones are copied first.
  bool writable(int block) const { return blocks_[block].refs == 1 && blocks_[block].serial == 0; }

  struct Found {
    int block;  // −1: none
    uint64_t serial;
  };
  // The cached block after `parent`; takes a reference.
  Found match(const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens);
  // Offers a full block for sharing. Where the same content is cached already, `block` is released and the cached one
  // (with a reference) takes its place: equal tokens at one stage have bit-identical keys and values.
  Found publish(int block, const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens);

  // Takes every block of this stage and those above out of the cache: nobody finds it any more.
  void purge(int stage);
  // The same for every block of this scope.
  void purge(const KvScope& scope);

  // Tests: throws std::logic_error where counts and lists disagree.
  void verify() const;

 private:
  struct Block {
    int refs = 0;
    uint64_t serial = 0;  // 0: not cached
    uint64_t parent = 0;
    int stage = 0;
    KvScope scope;
    int32_t tokens[kTokens] = {};
    std::list<int>::iterator idle;  // valid while cached and refs is 0
  };
  static uint64_t hash(const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens);
  int find(uint64_t key, const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens) const;
  void take(int block);
  void unindex(int block);
  void forget(int block);
  void expel(int block);

  const size_t blockBytes_;
  int total_ = 0;
  Region pool_;
  std::vector<Block> blocks_;
  std::vector<int> free_;
  std::list<int> idle_;  // cached and unused, longest unused first
  std::unordered_multimap<uint64_t, int> index_;
  uint64_t nextSerial_ = 1;
};

}  // namespace zen
