#include "model/background.h"

#include <algorithm>

namespace zen {
namespace {

// A turn has a third of a step: half of one made an attach a fifth shorter and its longest steps longer.
constexpr int kStepsPerTurn = 3;
constexpr std::chrono::microseconds kShortestTurn{200};

thread_local Turns* besideOf = nullptr;

}  // namespace

void Turns::begin() {
  std::unique_lock<std::mutex> lock(mutex_);
  wanted_.store(true, std::memory_order_relaxed);
  // Whoever does not give way in time waits for a disk or for a core itself. Nobody waits for it until it is back.
  if (!away_) {
    const auto until = std::max(turnEnds_, Clock::now()) + patience_;
    away_ = !changed_.wait_until(lock, until, [&] { return rested_ >= working_; });
  }
  stepping_ = true;
  began_ = Clock::now();
}

void Turns::end() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = Clock::now();
  lasted_[steps_++ % lasted_.size()] = now - began_;
  const auto count = std::min<uint64_t>(steps_, lasted_.size());
  const auto shortest = *std::min_element(lasted_.begin(), lasted_.begin() + static_cast<long>(count));
  turnEnds_ = now + std::max<Clock::duration>(kShortestTurn, shortest / kStepsPerTurn);
  stepping_ = false;
  rested_ = 0;
  wanted_.store(false, std::memory_order_relaxed);
  changed_.notify_all();
}

void Turns::enter() {
  besideOf = this;
  const std::lock_guard<std::mutex> lock(mutex_);
  working_++;
}

void Turns::leave() {
  besideOf = nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  working_--;
  away_ = false;
  changed_.notify_all();
}

void Turns::giveWay() {
  if (!wanted_.load(std::memory_order_relaxed)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  const bool wanted = wanted_.load(std::memory_order_relaxed);
  if (!stepping_ && !(wanted && Clock::now() >= turnEnds_)) return;
  const uint64_t before = steps_;
  away_ = false;
  rested_++;
  changed_.notify_all();
  changed_.wait(lock, [&] { return steps_ != before; });
}

void breathe() {
  if (besideOf) besideOf->giveWay();
}

}  // namespace zen
