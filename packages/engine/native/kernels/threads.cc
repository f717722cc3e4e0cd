#include "kernels/threads.h"

#include <chrono>

namespace zen {
namespace {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// How long a thread looks for its turn before it sleeps. Regions of a step follow each other within microseconds. After
// the first few it offers the core to others each time, among them maybe the thread that it waits for.
constexpr std::chrono::microseconds kAlone{5}, kSpin{40};

// True once done() is; false when the time is over.
template <typename Done>
bool spin(const Done& done) {
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (done()) return true;
      relax();
    }
    const auto waited = std::chrono::steady_clock::now() - start;
    if (waited >= kSpin) return false;
    if (waited >= kAlone) std::this_thread::yield();
  }
}

}  // namespace

int Team::size() const { return pool_.size(); }
void Team::barrier() { pool_.barrier(); }

int Team::claim(int round, int grain) {
  return pool_.counters_[round % 2].next.fetch_add(grain, std::memory_order_relaxed);
}

void Team::finish(int round) {
  // The other counter is free since the barrier before this round, and not used until the one below.
  if (index_ == 0) pool_.counters_[(round + 1) % 2].next.store(0, std::memory_order_relaxed);
  pool_.barrier();
}

ThreadPool::ThreadPool(int threads) : size_(threads < 1 ? 1 : threads > 256 ? 256 : threads) {
  for (int i = 1; i < size_; i++) threads_.emplace_back([this, i] { worker(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    job_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::run(const std::function<void(Team&)>& body) {
  counters_[0].next.store(0, std::memory_order_relaxed);
  body_ = &body;
  if (size_ > 1) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      job_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
  }
  Team team(*this, 0);
  body(team);
  barrier();
}

void ThreadPool::worker(int index) {
  uint32_t seen = 0;
  for (;;) {
    const auto changed = [&] { return job_.load(std::memory_order_acquire) != seen; };
    if (!spin(changed)) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, changed);
    }
    seen = job_.load(std::memory_order_acquire);
    if (stop_) return;
    Team team(*this, index);
    (*body_)(team);
    barrier();
  }
}

void ThreadPool::barrier() {
  if (size_ == 1) return;
  const uint32_t phase = phase_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == size_ - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    phase_.store(phase + 1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) {
      std::lock_guard<std::mutex> lock(phaseMutex_);
      phaseWake_.notify_all();
    }
    return;
  }
  const auto passed = [&] { return phase_.load(std::memory_order_seq_cst) != phase; };
  if (spin(passed)) return;
  std::unique_lock<std::mutex> lock(phaseMutex_);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  phaseWake_.wait(lock, passed);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace zen
