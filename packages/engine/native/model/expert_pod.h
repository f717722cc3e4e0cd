// Some experts of a mixture without the rest of the model: what an expert pod computes with.
#pragma once
#include <string>
#include <vector>

#include "model/expert_rows.h"
#include "model/ladder_config.h"

namespace zen {

struct ExpertPodStats {
  int held;
  uint64_t mappedBytes, mergedBytes;
};

// Every method throws Failure, and may be called from any thread; `hold` and `run` wait for others of their kind.
class ExpertPod {
 public:
  ExpertPod(LadderConfig config, int threads);

  const ModelShape& shape() const { return config_.model; }
  // `blobs`: paths of stages 0 to the highest.
  void hold(int layer, const std::vector<int32_t>& experts, const std::vector<std::string>& blobs);
  void release(int layer, const std::vector<int32_t>& experts);
  // [pairs][hiddenSize] of float32 or bfloat16. The result is the microseconds of arithmetic.
  double run(const ExpertRows& call, RowEncoding answer, uint8_t* outputs, size_t outputBytes);
  ExpertPodStats stats();

 private:
  const LadderConfig config_;
};

}  // namespace zen
