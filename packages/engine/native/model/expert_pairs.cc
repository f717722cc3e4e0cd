#include "model/expert_pairs.h"

namespace zen {

void ExpertPairs::reserve(int rows) {
  const size_t pairs = static_cast<size_t>(rows * perToken_), experts = static_cast<size_t>(experts_);
  begins_.resize(experts + 1);
  next_.resize(experts);
  if (places_.size() >= pairs) return;
  for (std::vector<int>* each : {&places_, &passRows_, &rows_})
    each->resize(pairs);
  runs_.reserve(pairs);
  cold_.reserve(pairs);
}

}  // namespace zen
