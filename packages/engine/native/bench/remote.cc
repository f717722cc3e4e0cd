// Decode of a mixture whose experts are all elsewhere and answer after a while: passes as one against two side by side.
//   build/bench/remote LADDER_FOLDER [THREADS]
// Who answers computes nothing, so that only the way counts; rounds of both kinds take turns, and the best is shown: on a
// busy machine it says what the engine can do.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "bench/ladder_folder.h"
#include "model/engine.h"

namespace {

using zen::Engine;
using zen::Json;
using Clock = std::chrono::steady_clock;
using Two = zen::EngineOptions::Experts::Two;

// Answers every call with zeros when its time has come.
class Way {
 public:
  Way() : thread_([this] { serve(); }) {}
  ~Way() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  zen::ExpertCalls::Dispatch to(std::unique_ptr<Engine>& engine) {
    return [this, &engine](const zen::ExpertCall& call) {
      const std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back({Clock::now() + delay, &engine, call.id, call.pairs.size(), call.experts.size()});
      wake_.notify_all();
    };
  }
  std::chrono::microseconds delay{0};
  size_t hidden = 0;

 private:
  struct Due {
    Clock::time_point at;
    std::unique_ptr<Engine>* engine;
    int id;
    size_t pairs, experts;
  };
  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!stop_) {
      if (queue_.empty()) {
        wake_.wait(lock);
        continue;
      }
      const Due due = queue_.front();
      if (Clock::now() < due.at) {
        wake_.wait_until(lock, due.at);
        continue;
      }
      queue_.pop_front();
      lock.unlock();
      const std::vector<float> outputs(due.pairs * hidden);
      const std::vector<uint8_t> missing(due.experts);
      (*due.engine)->completeExperts(due.id, {outputs.data(), outputs.size()}, {missing.data(), missing.size()});
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Due> queue_;
  bool stop_ = false;
  std::thread thread_;
};

double best(const std::vector<double>& times) { return *std::min_element(times.begin(), times.end()); }

void run(const std::string& folder, int threads) {
  const Json manifest = manifestOf(folder);
  const std::string config = readAll(blobPath(folder, need(manifest, "config")));
  const auto& layers = need(manifest, "layers").items;
  Way way;
  std::unique_ptr<Engine> engines[3];
  const Two kinds[] = {Two::Never, Two::Always, Two::Quicker};
  for (int k = 0; k < 3; k++) {
    auto ladder = zen::LadderConfig::parse(config);
    const auto& m = ladder.model;
    way.hidden = size_t(m.hiddenSize);
    std::vector<int8_t> none(size_t(m.layers) * size_t(m.experts.count), -1);
    const std::vector<uint32_t> offsets(size_t(m.vocabSize) + 1);
    engines[k] = std::make_unique<Engine>(
        std::move(ladder), zen::EngineOptions{threads, 64 << 20, zen::KvType::F16, 512, "", offsets, {},
                                              {none, way.to(engines[k]), kinds[k]}});
    engines[k]->attachStage(0, blobPath(folder, layers[0]));
  }
  std::printf("%8s %8s %10s %10s %8s %10s\n", "way", "streams", "one ms", "two ms", "two/one", "chosen ms");
  for (int delay : {200, 1000, 3000})
    for (int streams : {2, 8, 32}) {
      way.delay = std::chrono::microseconds(delay);
      std::vector<double> times[3];
      std::vector<zen::StepItem> items[3];
      for (int k = 0; k < 3; k++)
        for (int i = 0; i < streams; i++)
          items[k].push_back({engines[k]->createSequence({}), {i + 1, 2, 3}, {}, 0, true});
      for (int round = 0; round < 60; round++)
        for (int k = 0; k < 3; k++) {
          const auto begin = Clock::now();
          engines[k]->step(items[k]);
          if (round > 20) times[k].push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
          for (auto& item : items[k])
            item.tokens = {1};
        }
      for (int k = 0; k < 3; k++)
        for (const auto& item : items[k])
          engines[k]->freeSequence(item.sequence);
      const double one = best(times[0]), two = best(times[1]);
      std::printf("%6d µs %8d %10.2f %10.2f %8.2f %10.2f\n", delay, streams, one, two, two / one, best(times[2]));
      std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s LADDER_FOLDER [THREADS]\n", argv[0]);
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::atoi(argv[2]) : 2);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  return 0;
}
