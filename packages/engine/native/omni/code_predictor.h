// The codes of a frame after its first: one small pass for each.
#pragma once
#include <functional>
#include <vector>

#include "omni/stack.h"

namespace zen::omni {

class CodePredictor {
 public:
  CodePredictor(const TensorFiles& files, const StackShape& shape, int groups, int codes);

  // From a code's logits [codes], which it may change, to the code.
  using Choose = std::function<int32_t(int group, float* logits)>;
  // `hidden`: the talker's row that chose code 0; `embedded`: that code's embedding [hidden]. Writes codes 1 to
  // groups − 1 and adds their embeddings to `embedded`, in this order.
  void predict(ThreadPool& pool, const float* hidden, float* embedded, const Choose& choose, int32_t* codes) const;

 private:
  Stack stack_;
  std::vector<Linear> heads_;
  std::vector<Matrix> embeddings_;
};

}  // namespace zen::omni
