// The talker's weights: what a row of its input is made of, the stack, and the logits of code 0.
#pragma once
#include "omni/stack.h"

namespace zen::omni {

class TalkerModel {
 public:
  TalkerModel(const TensorFiles& files, const OmniConfig& config);

  const Stack& stack() const { return stack_; }
  // rows [count][hidden]: the projections of text tokens' embeddings.
  void textRows(ThreadPool& pool, const int32_t* tokens, int count, float* rows) const;
  // rows [count][hidden]: the projections of the thinker's hidden states [count][thinker's hidden].
  void hiddenRows(ThreadPool& pool, const float* hidden, int count, float* rows) const;
  // row += the embedding of one of the talker's own ids.
  void addCode(int32_t id, float* row) const;
  void logits(ThreadPool& pool, const float* row, float* logits) const;

 private:
  struct Projection {
    Linear first, second;
  };
  void project(ThreadPool& pool, const Projection& projection, const float* x, int count, float* rows) const;

  Matrix text_;       // the thinker's embeddings
  Matrix embedding_;  // the talker's own
  Projection textProjection_, hiddenProjection_;
  Stack stack_;
  Linear head_;
};

}  // namespace zen::omni
