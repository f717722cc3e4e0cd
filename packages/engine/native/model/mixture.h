// What a pass over a mixture of experts has besides a dense one: choices, pairs, outputs, caps and counters.
#pragma once
#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "model/expert_pairs.h"
#include "model/graph.h"

namespace zen {

// What the router says of the rows of a stream. Few rows are routed by every thread for itself.
struct Graph::Choices {
  std::vector<int> experts;   // [row][perToken], ascending
  std::vector<float> gates;   // [row][perToken]
  std::vector<float> logits;  // [row][count]
  std::vector<float> shared;  // [row]: the shared expert's gate
};

// Experts of a pass that are elsewhere.
struct Graph::Away {
  struct Part {  // a run in a call
    size_t run, call, expert;  // places in the pass's runs, the calls, the call's experts
  };
  ExpertCalls* calls = nullptr;
  std::vector<ExpertCall> sent;           // the first `count` are of the layer; the others keep their memory
  std::vector<std::vector<int>> rowPlace; // of each call: where a row of the pass is in it, −1: not yet
  size_t count = 0;
  std::vector<Part> parts;
  bool missing = false;             // by one thread, for the others after the next barrier
  std::vector<ExpertFalls*> leaving;
  bool any = false;                 // of the whole pass
  std::chrono::nanoseconds slept{0};

  void begin() {
    any = false;
    slept = {};
  }
};

struct Graph::Mixture {
  Mixture(const ModelShape& model, int threads);
  void reserve(int rows, int ownRows, int hidden);
  // Of a stage and a layer; see Engine::setExpertCaps.
  int stageOf(int rowStage, int layer, int expert) const {
    if (!caps) return rowStage;
    return std::min<int>(rowStage, (*caps)[static_cast<size_t>(layer * count + expert)]);
  }

  const int count, perToken;
  const bool sharesRouter;  // too large for every thread to read it whole
  ExpertFfn routed;
  std::unique_ptr<ExpertFfn> shared;
  Region outputs;
  float *routedOut = nullptr, *sharedOut = nullptr;  // [pair][hidden], [row][hidden]
  std::vector<int> numbers;                          // 0, 1, 2, …
  std::vector<Choices> choices;                      // of each thread, or the first for all
  std::vector<ExpertPairs> pairs;                    // of each thread, all equal
  std::vector<std::vector<ExpertRun>> sharedRuns;    // the same
  std::vector<float> sharedLogits;                   // [row][count], where threads share the router

  Away away;
  std::vector<std::vector<ExpertRun>> standIns;  // of each thread, all equal
  struct Guess {  // of one row in the next layer
    std::vector<float> input, logits, gates;
    std::vector<int> experts;
  } guess;

  ExpertCaps caps;
  std::vector<std::atomic<uint32_t>> load;  // [layer][expert]: rows since somebody took it

  // A pass in which experts cannot be prepared ends early.
  std::mutex failing;
  std::exception_ptr failure;
  std::atomic<bool> failed{false};
  bool begun = false;  // by one thread, for the others after the next barrier
};

}  // namespace zen
