#include "model/sequence.h"

#include <algorithm>
#include <cstring>

namespace zen {

void Sequence::setBlock(size_t index, int block) {
  blocks_[index] = block;
  blockData_[index] = cache_.data(block);
}

// Last blocks first, so that a chain is evicted from its end.
void Sequence::release(size_t keepBlocks) {
  while (blocks_.size() > keepBlocks) {
    cache_.release(blocks_.back());
    blocks_.pop_back();
    blockData_.pop_back();
  }
  if (serials_.size() > keepBlocks) serials_.resize(keepBlocks);
}

int Sequence::matchPrefix(int stage, const int32_t* given, int count) {
  constexpr int kTokens = KvCache::kTokens;
  release(0);
  // At least one token is left to compute: its logits are wanted.
  while (length() + kTokens < count) {
    const uint64_t parent = serials_.empty() ? KvCache::kRoot : serials_.back();
    const auto found = cache_.match(scope_, parent, stage, given + length());
    if (found.block < 0) break;
    blocks_.push_back(found.block);
    blockData_.push_back(cache_.data(found.block));
    serials_.push_back(found.serial);
    tokens.insert(tokens.end(), given + length(), given + length() + kTokens);
  }
  if (!tokens.empty()) stage_ = stage;
  return length();
}

bool Sequence::reserve(int count) {
  constexpr int kTokens = KvCache::kTokens;
  const size_t first = static_cast<size_t>(length() / kTokens);
  const size_t needed = static_cast<size_t>((length() + count + kTokens - 1) / kTokens);
  const bool copy = first < blocks_.size() && !cache_.writable(blocks_[first]);
  const size_t grow = needed > blocks_.size() ? needed - blocks_.size() : 0;
  if (grow + (copy ? 1 : 0) > static_cast<size_t>(cache_.available())) return false;
  if (copy) {
    const int own = cache_.allocate();
    std::memcpy(const_cast<uint8_t*>(cache_.data(own)), cache_.data(blocks_[first]), cache_.blockBytes());
    cache_.release(blocks_[first]);
    setBlock(first, own);
  }
  for (size_t i = 0; i < grow; i++) {
    blocks_.push_back(cache_.allocate());
    blockData_.push_back(cache_.data(blocks_.back()));
  }
  return true;
}

void Sequence::publish(int stage) {
  constexpr int kTokens = KvCache::kTokens;
  if (stage_ < 0) stage_ = stage;
  shareable_ = shareable_ && stage_ == stage;
  while (shareable_ && static_cast<int>(serials_.size() + 1) * kTokens <= length()) {
    const size_t index = serials_.size();
    const int32_t* own = tokens.data() + index * kTokens;
    if (std::find(own, own + kTokens, kNoToken) != own + kTokens) {
      shareable_ = false;
      break;
    }
    const uint64_t parent = index == 0 ? KvCache::kRoot : serials_.back();
    const auto found = cache_.publish(blocks_[index], scope_, parent, stage, own);
    setBlock(index, found.block);
    serials_.push_back(found.serial);
  }
}

void Sequence::truncate(int length) {
  constexpr int kTokens = KvCache::kTokens;
  tokens.resize(static_cast<size_t>(length));
  release(static_cast<size_t>((length + kTokens - 1) / kTokens));
  if (serials_.size() > static_cast<size_t>(length / kTokens)) serials_.resize(static_cast<size_t>(length / kTokens));
  if (length == 0) {
    stage_ = -1;
    shareable_ = true;
  }
}

}  // namespace zen
