// Fixed memory for deltas: small slots, and dense ones for signs of whole matrices. Allocated once; a sequence names its
// delta by the slot, so that a switch moves no data.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "model/delta.h"
#include "model/memory.h"

namespace zen {

struct DeltaOptions {
  int slots = 0;
  uint64_t slotBytes = 0;
  int denseSlots = 0;
};

struct DeltaSlot {
  DeltaSlot(int at, int layers, uint8_t* bytesFrom, bool isDense)
      : delta(layers), index(at), memory(bytesFrom), dense(isDense) {}
  Delta delta;
  const int index;
  uint8_t* const memory;
  const bool dense;
  int handle = 0;    // 0: none that is ready
  int load = 0;      // how many it has had
  bool taken = false;  // from the begin of its load on
  int users = 0;     // sequences and calls
  size_t bytes = 0;
};

// Keeps a slot's delta where it is; made and ended under the engine's lock.
class DeltaUse {
 public:
  DeltaUse() = default;
  explicit DeltaUse(DeltaSlot* slot) : slot_(slot) {
    if (slot_) slot_->users++;
  }
  ~DeltaUse() {
    if (slot_) slot_->users--;
  }
  DeltaUse(DeltaUse&& other) noexcept : slot_(other.slot_) { other.slot_ = nullptr; }
  DeltaUse& operator=(DeltaUse&&) = delete;
  const Delta* delta() const { return slot_ ? &slot_->delta : nullptr; }

 private:
  DeltaSlot* slot_ = nullptr;
};

// Not safe by itself: the engine's lock guards it. A slot that is taken and has no handle belongs to its loader.
class DeltaSlots {
 public:
  // Throws Failure where the options are out of range.
  DeltaSlots(const ModelShape& model, const DeltaOptions& options);

  // A free slot for so many bytes: small where it fits, else dense. Throws Failure("delta", …).
  DeltaSlot& take(size_t bytes);
  // The slot is ready; gives its handle, 1 or more: of this load, so that an old handle never means another delta.
  int ready(DeltaSlot& slot);
  // Back to the free ones.
  void release(DeltaSlot& slot);
  // Null for handle 0; throws Failure where there is no such delta.
  DeltaSlot* find(int handle);

  int slots() const { return options_.slots; }
  int denseSlots() const { return options_.denseSlots; }
  int used(bool dense) const;
  uint64_t bytes() const;

 private:
  const DeltaOptions options_;
  size_t slotBytes_, denseBytes_;
  Region memory_;
  std::vector<std::unique_ptr<DeltaSlot>> all_;  // small ones first
};

}  // namespace zen
