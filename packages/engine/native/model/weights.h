// What the graph reads at one stage: views of the mapped blobs, merged planes and the small vectors as floats.
#pragma once
#include <memory>
#include <vector>

#include "model/ladder_config.h"
#include "model/memory.h"

namespace zen {

struct LayerWeights {
  Matrix q, k, v, output, gate, up, down;
  const float *attnNorm, *ffnNorm;
  const float *qBias, *kBias, *vBias;  // qwen2, else null
  const float *qNorm, *kNorm;          // qwen3, else null
};

// Immutable; a running step holds the stages that it started with.
struct StageWeights {
  std::vector<LayerWeights> layers;
  Matrix embedding, head;
  const float* outputNorm = nullptr;
  // Every matrix has the source's own values. Only then do layer inputs need more than 8 bits: what a coded rung
  // loses is far larger.
  bool exact = true;
  uint64_t mergedBytes = 0;

  // By tensor: the view, and what keeps it alive.
  std::vector<Matrix> matrices;
  std::vector<std::shared_ptr<const Region>> merged;
  std::vector<std::shared_ptr<const std::vector<float>>> vectors;
  std::vector<std::shared_ptr<const Blob>> blobs;  // of stages 0 to this one
};

// Builds stage `stage` over `below` (null for stage 0); merges residuals, layer by layer. Throws Failure.
std::shared_ptr<const StageWeights> buildStage(const LadderConfig& config, int stage, const StageWeights* below,
                                               std::shared_ptr<const Blob> blob);

}  // namespace zen
