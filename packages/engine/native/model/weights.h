// What the graph reads at one stage: views of the mapped blobs, merged planes and the small vectors as floats.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "model/expert.h"
#include "model/ladder_config.h"
#include "model/memory.h"

namespace zen {

struct LayerWeights {
  Matrix q, k, v, output, gate, up, down;
  const float *attnNorm, *ffnNorm;
  const float *qBias, *kBias, *vBias;  // qwen2, else null
  const float *qNorm, *kNorm;          // qwen3, else null
  // Of a mixture, in place of gate, up and down; the experts themselves are StageWeights::expert.
  Matrix router, sharedRouter;
  ExpertWeights shared;
};

// Immutable; a running step holds the stages that it started with.
struct StageWeights {
  int stage = 0;
  std::vector<LayerWeights> layers;
  Matrix embedding, head;
  const float* outputNorm = nullptr;
  // Every matrix has the source's own values. Only then do layer inputs need more than 8 bits: what a coded rung
  // loses is far larger.
  bool exact = true;
  uint64_t mergedBytes = 0;  // of all but experts

  // A mixture's experts at this stage and those below, which a cap may ask for: [stage][layer · experts + expert]. Where
  // the rungs are the same, so is the expert. They get ready while steps use them, one step at a time.
  std::array<std::vector<std::shared_ptr<Expert>>, kStages> experts;

  // By tensor: the view, and what keeps it alive.
  std::vector<Matrix> matrices;
  std::vector<std::shared_ptr<const Region>> merged;
  std::vector<std::shared_ptr<const std::vector<float>>> vectors;
  std::vector<std::shared_ptr<const Blob>> blobs;  // of stages 0 to this one
};

// Builds stage `stage` over `below` (null for stage 0); reads the blob in and merges residuals, layer by layer. Of a
// mixture's experts only those that are ready below are made ready: those that something has used. `expertBytes` counts
// what merging experts takes. `resident`: [layer][expert], up to which stage an expert is computed here; empty: all are.
// Throws Failure.
std::shared_ptr<const StageWeights> buildStage(const LadderConfig& config, int stage, const StageWeights* below,
                                               std::shared_ptr<const Blob> blob,
                                               std::shared_ptr<std::atomic<uint64_t>> expertBytes,
                                               const std::vector<int8_t>& resident = {});

}  // namespace zen
