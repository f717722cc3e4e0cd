#include "model/delta_slots.h"

#include <string>

#include "model/delta_writer.h"
#include "model/failure.h"

namespace zen {
namespace {

constexpr int kMaxSlots = 65536, kMaxDenseSlots = 4096, kMaxHandle = 0x7ffffffe;
constexpr uint64_t kMaxSlotBytes = uint64_t{1} << 32;

DeltaOptions checked(const DeltaOptions& o) {
  if (o.slots < 0 || o.slots > kMaxSlots) throw Failure("delta.slots", "must be from 0 to 65536");
  if (o.denseSlots < 0 || o.denseSlots > kMaxDenseSlots) throw Failure("delta.denseSlots", "must be from 0 to 4096");
  if (o.slotBytes > kMaxSlotBytes || (o.slots > 0 && o.slotBytes == 0))
    throw Failure("delta.slotBytes", "must be from 1 to 2^32");
  return o;
}

}  // namespace

DeltaSlots::DeltaSlots(const ModelShape& model, const DeltaOptions& options)
    : options_(checked(options)),
      slotBytes_((static_cast<size_t>(options.slotBytes) + 63) / 64 * 64),
      denseBytes_(options.denseSlots > 0 ? DeltaWriter::denseBytes(model) : 0) {
  const size_t small = static_cast<size_t>(options.slots), dense = static_cast<size_t>(options.denseSlots);
  if (small + dense == 0) return;
  memory_ = Region(small * slotBytes_ + dense * denseBytes_);
  uint8_t* at = memory_.data();
  for (size_t i = 0; i < small; i++, at += slotBytes_)
    all_.push_back(std::make_unique<DeltaSlot>(static_cast<int>(all_.size()), model.layers, at, false));
  for (size_t i = 0; i < dense; i++, at += denseBytes_)
    all_.push_back(std::make_unique<DeltaSlot>(static_cast<int>(all_.size()), model.layers, at, true));
}

DeltaSlot& DeltaSlots::take(size_t bytes) {
  const bool dense = options_.slots == 0 || bytes > slotBytes_;
  if (dense && bytes > denseBytes_)
    throw Failure("delta", "must fit in a slot: it takes " + std::to_string(bytes) + " bytes, small slots have " +
                               std::to_string(options_.slots > 0 ? slotBytes_ : 0) + " and dense slots " +
                               std::to_string(denseBytes_));
  for (auto& slot : all_) {
    if (slot->taken || slot->dense != dense) continue;
    slot->taken = true;
    slot->bytes = bytes;
    return *slot;
  }
  throw Failure("delta", std::string("must find a free slot: all ") +
                             std::to_string(dense ? options_.denseSlots : options_.slots) +
                             (dense ? " dense" : " small") + " slots are taken");
}

int DeltaSlots::ready(DeltaSlot& slot) {
  const int count = static_cast<int>(all_.size());
  slot.load = slot.load < (kMaxHandle - slot.index) / count ? slot.load + 1 : 0;
  slot.handle = slot.load * count + slot.index + 1;
  return slot.handle;
}

void DeltaSlots::release(DeltaSlot& slot) {
  slot.taken = false;
  slot.handle = 0;
  slot.bytes = 0;
}

DeltaSlot* DeltaSlots::find(int handle) {
  if (handle == 0) return nullptr;
  if (handle > 0 && !all_.empty()) {
    DeltaSlot& slot = *all_[static_cast<size_t>(handle - 1) % all_.size()];
    if (slot.handle == handle) return &slot;
  }
  throw Failure("delta", "must be a loaded delta, not " + std::to_string(handle));
}

int DeltaSlots::used(bool dense) const {
  int count = 0;
  for (const auto& slot : all_)
    count += slot->taken && slot->dense == dense;
  return count;
}

uint64_t DeltaSlots::bytes() const {
  uint64_t total = 0;
  for (const auto& slot : all_)
    total += slot->bytes;
  return total;
}

}  // namespace zen
