#include "model/weights.h"

#include <algorithm>

#include "model/merge.h"
#include "model/tensor_view.h"

namespace zen {
namespace {

class Builder {
 public:
  Builder(const LadderConfig& config, int stage, const StageWeights* below, std::shared_ptr<const Blob> blob,
          std::shared_ptr<std::atomic<uint64_t>> expertBytes, const std::vector<int8_t>& resident)
      : config_(config),
        stage_(stage),
        below_(below),
        expertBytes_(std::move(expertBytes)),
        resident_(resident),
        out_(std::make_shared<StageWeights>()) {
    out_->stage = stage;
    if (below) out_->blobs = below->blobs;
    out_->blobs.push_back(std::move(blob));
  }

  std::shared_ptr<const StageWeights> build() {
    const size_t count = config_.tensors.size();
    out_->matrices.resize(count);
    out_->merged.resize(count);
    out_->vectors.resize(count);
    load();
    for (size_t i = 0; i < count; i++)
      tensor(i);
    if (config_.model.mixture()) experts();
    link();
    return out_;
  }

 private:
  // No step waits for the disk, but for experts that are used for the first time.
  void load() const {
    const Blob& blob = *out_->blobs.back();
    if (!config_.model.mixture()) return blob.load();
    for (size_t i = 0; i < config_.tensors.size(); i++)
      if (!isExpertTensor(config_.model, i))
        for (const Rung& rung : config_.tensors[i].rungs)
          rung.eachSection([&](const Section& s) {
            if (s.stage == stage_) blob.load(s.offset, s.bytes);
          });
  }

  void experts() {
    const size_t layers = static_cast<size_t>(config_.model.layers), count = static_cast<size_t>(config_.model.experts.count);
    if (below_) out_->experts = below_->experts;
    for (size_t i = 0; i < layers * count; i++) {
      const int layer = static_cast<int>(i / count), expert = static_cast<int>(i % count);
      const std::shared_ptr<Expert> below = below_ ? below_->experts[below_->stage][i] : nullptr;
      if (below && sameRungs(layer, expert)) {
        out_->experts[stage_].push_back(below);
        continue;
      }
      const bool away = !resident_.empty() && stage_ > resident_[i];
      auto made = std::make_shared<Expert>(config_, layer, expert, stage_, out_->blobs, expertBytes_, away);
      if (below && below->ready() && !away) made->prepare();
      out_->experts[stage_].push_back(std::move(made));
    }
  }

  bool sameRungs(int layer, int expert) const {
    const size_t first = expertTensor(config_.model, layer, expert);
    return std::all_of(&config_.tensors[first], &config_.tensors[first] + 3,
                       [&](const TensorEntry& t) { return t.rungAt(stage_) == t.rungAt(stage_ - 1); });
  }

  void tensor(size_t i) {
    const TensorEntry& t = config_.tensors[i];
    const int index = t.rungAt(stage_);
    if (t.rungs[index].kind == Rung::Kind::Coded) out_->exact = false;
    if (isExpertTensor(config_.model, i)) return;
    if (below_ && t.rungAt(stage_ - 1) == index) {
      out_->matrices[i] = below_->matrices[i];
      out_->merged[i] = below_->merged[i];
      out_->vectors[i] = below_->vectors[i];
    } else {
      const Matrix& m = out_->matrices[i] = matrix(i, t);
      if (t.rows == 1) {
        auto values = std::make_shared<std::vector<float>>(static_cast<size_t>(t.cols));
        dequantizeRow(m, 0, values->data());
        out_->vectors[i] = std::move(values);
      }
    }
    if (out_->merged[i]) out_->mergedBytes += out_->merged[i]->bytes();
  }

  Matrix matrix(size_t i, const TensorEntry& t) {
    const TensorView view = viewAt(t, stage_, out_->blobs);
    if (!view.merges) return view.matrix;
    auto region = std::make_shared<Region>(mergedBytes(view.matrix));
    mergeResidual(view.base, view.matrix, 0, view.matrix.tiles(), region->data());
    forgetPlanes(t, stage_, out_->blobs);
    out_->merged[i] = region;
    return mergedMatrix(view.matrix, region->data());
  }

  const float* vector(size_t i) const { return out_->vectors[i]->data(); }

  void link() {
    size_t at = 0;
    const auto& m = out_->matrices;
    out_->embedding = m[at++];
    for (int layer = 0; layer < config_.model.layers; layer++) {
      LayerWeights w = {};
      w.attnNorm = vector(at);
      w.q = m[at + 1];
      w.k = m[at + 2];
      w.v = m[at + 3];
      w.output = m[at + 4];
      w.ffnNorm = vector(at + 5);
      at += 6;
      if (config_.model.mixture()) {
        w.router = m[at];
        if (config_.model.experts.sharedFfnSize > 0) {
          const size_t shared = expertTensor(config_.model, layer, config_.model.experts.count);
          w.sharedRouter = m[shared];
          w.shared = {m[shared + 1], m[shared + 2], m[shared + 3]};
        }
      } else {
        w.gate = m[at];
        w.up = m[at + 1];
        w.down = m[at + 2];
      }
      at += static_cast<size_t>(feedForwardTensors(config_.model));
      if (config_.model.architecture == Architecture::Qwen2) {
        w.qBias = vector(at++);
        w.kBias = vector(at++);
        w.vBias = vector(at++);
      } else if (config_.model.architecture == Architecture::Qwen3) {
        w.qNorm = vector(at++);
        w.kNorm = vector(at++);
      }
      out_->layers.push_back(w);
    }
    out_->outputNorm = vector(at++);
    out_->head = config_.model.tiedEmbeddings ? out_->embedding : m[at];
  }

  const LadderConfig& config_;
  const int stage_;
  const StageWeights* below_;
  const std::shared_ptr<std::atomic<uint64_t>> expertBytes_;
  const std::vector<int8_t>& resident_;
  std::shared_ptr<StageWeights> out_;
};

}  // namespace

std::shared_ptr<const StageWeights> buildStage(const LadderConfig& config, int stage, const StageWeights* below,
                                               std::shared_ptr<const Blob> blob,
                                               std::shared_ptr<std::atomic<uint64_t>> expertBytes,
                                               const std::vector<int8_t>& resident) {
  return Builder(config, stage, below, std::move(blob), std::move(expertBytes), resident).build();
}

}  // namespace zen
