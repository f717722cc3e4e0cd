// An item in the running step, between admission and settling.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "model/engine.h"

namespace zen {

struct Engine::Running {
  const StepItem* item = nullptr;
  std::shared_ptr<Sequence> sequence;
  int before = 0;  // length before the step
  int count = 0;   // tokens or rows of the item, without its draft
  StepOutput output;
  std::vector<int32_t> draft;   // guesses of what follows; each is kept while sampling gives it
  std::vector<int32_t> joined;  // the item's tokens and its draft, where there is one
  float* logits = nullptr;      // of its sampled rows, while the pass is sampled
  // To take back what a step that fails has counted.
  std::vector<int32_t> counted;
  std::string stopTail;

  int rows() const { return count + static_cast<int>(draft.size()); }
  int sampledRows() const { return item->sample ? 1 + static_cast<int>(draft.size()) : 0; }
  const int32_t* tokens() const { return joined.empty() ? item->tokens.data() : joined.data(); }
};

}  // namespace zen
