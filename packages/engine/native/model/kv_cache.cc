#include "model/kv_cache.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "model/failure.h"

namespace zen {
namespace {

constexpr size_t kMaxBlocks = 1 << 24;

uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9u;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

KvCache::KvCache(size_t blockBytes, size_t budgetBytes) : blockBytes_(blockBytes) {
  if (budgetBytes / blockBytes == 0)
    throw Failure("kvBytes", "must hold one block of " + std::to_string(blockBytes) + " bytes");
  total_ = static_cast<int>(std::min(budgetBytes / blockBytes, kMaxBlocks));
  pool_ = Region(static_cast<size_t>(total_) * blockBytes);
  blocks_.resize(static_cast<size_t>(total_));
  free_.reserve(static_cast<size_t>(total_));
  for (int b = total_ - 1; b >= 0; b--)
    free_.push_back(b);
}

int KvCache::allocate() {
  if (free_.empty()) {
    if (idle_.empty()) return -1;
    const int oldest = idle_.front();
    forget(oldest);
  }
  const int block = free_.back();
  free_.pop_back();
  blocks_[block].refs = 1;
  return block;
}

void KvCache::take(int block) {
  Block& b = blocks_[block];
  if (b.refs++ == 0) idle_.erase(b.idle);
}

void KvCache::release(int block) {
  Block& b = blocks_[block];
  if (--b.refs > 0) return;
  if (b.serial == 0)
    free_.push_back(block);
  else
    b.idle = idle_.insert(idle_.end(), block);
}

void KvCache::unindex(int block) {
  Block& b = blocks_[block];
  const auto [begin, end] = index_.equal_range(hash(b.scope, b.parent, b.stage, b.tokens));
  for (auto it = begin; it != end; ++it)
    if (it->second == block) {
      index_.erase(it);
      break;
    }
  b.serial = 0;
}

// Takes an unused block out of the cache.
void KvCache::forget(int block) {
  unindex(block);
  idle_.erase(blocks_[block].idle);
  free_.push_back(block);
}

void KvCache::purge(int stage) {
  for (int b = 0; b < total_; b++) {
    if (blocks_[b].serial != 0 && blocks_[b].stage >= stage) expel(b);
  }
}

void KvCache::purge(const KvScope& scope) {
  for (int b = 0; b < total_; b++) {
    if (blocks_[b].serial != 0 && blocks_[b].scope == scope) expel(b);
  }
}

void KvCache::expel(int block) {
  if (blocks_[block].refs == 0)
    forget(block);
  else
    unindex(block);  // its sequences keep it until they let go
}

uint64_t KvCache::hash(const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens) {
  uint64_t h = mix(parent * 8 + static_cast<uint64_t>(stage) + 0x9e3779b97f4a7c15u);
  // Later blocks differ by their parents already.
  if (parent == kRoot && scope.given)
    for (size_t i = 0; i < scope.bytes.size(); i += sizeof h) {
      uint64_t part;
      std::memcpy(&part, scope.bytes.data() + i, sizeof part);
      h = mix(h ^ part);
    }
  for (int i = 0; i < kTokens; i++)
    h = mix(h + 0x9e3779b97f4a7c15u + static_cast<uint32_t>(tokens[i]));
  return h;
}

int KvCache::find(uint64_t key, const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens) const {
  const auto [begin, end] = index_.equal_range(key);
  for (auto it = begin; it != end; ++it) {
    const Block& b = blocks_[it->second];
    if (b.parent == parent && b.stage == stage && b.scope == scope &&
        std::memcmp(b.tokens, tokens, sizeof b.tokens) == 0)
      return it->second;
  }
  return -1;
}

KvCache::Found KvCache::match(const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens) {
  const int block = find(hash(scope, parent, stage, tokens), scope, parent, stage, tokens);
  if (block < 0) return {-1, 0};
  take(block);
  return {block, blocks_[block].serial};
}

KvCache::Found KvCache::publish(int block, const KvScope& scope, uint64_t parent, int stage, const int32_t* tokens) {
  const uint64_t key = hash(scope, parent, stage, tokens);
  const int known = find(key, scope, parent, stage, tokens);
  if (known >= 0) {
    take(known);
    release(block);
    return {known, blocks_[known].serial};
  }
  Block& b = blocks_[block];
  b.serial = nextSerial_++;
  b.parent = parent;
  b.stage = stage;
  b.scope = scope;
  std::memcpy(b.tokens, tokens, sizeof b.tokens);
  index_.emplace(key, block);
  return {block, b.serial};
}

void KvCache::verify() const {
  size_t unused = 0, cached = 0, idle = 0;
  for (const Block& b : blocks_) {
    if (b.refs < 0) throw std::logic_error("negative references");
    cached += b.serial != 0;
    unused += b.serial == 0 && b.refs == 0;
    idle += b.serial != 0 && b.refs == 0;
  }
  if (unused != free_.size()) throw std::logic_error("free list");
  if (cached != index_.size()) throw std::logic_error("index");
  if (idle != idle_.size()) throw std::logic_error("idle list");
  for (int block : free_)
    if (blocks_[block].refs != 0 || blocks_[block].serial != 0) throw std::logic_error("free block in use");
}

}  // namespace zen
