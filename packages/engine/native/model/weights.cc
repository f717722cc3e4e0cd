#include "model/weights.h"

#include "model/merge.h"
#include "model/tensor_view.h"

namespace zen {
namespace {

class Builder {
 public:
  Builder(const LadderConfig& config, int stage, const StageWeights* below, std::shared_ptr<const Blob> blob)
      : config_(config), stage_(stage), below_(below), out_(std::make_shared<StageWeights>()) {
    if (below) out_->blobs = below->blobs;
    out_->blobs.push_back(std::move(blob));
  }

  std::shared_ptr<const StageWeights> build() {
    const size_t count = config_.tensors.size();
    out_->matrices.resize(count);
    out_->merged.resize(count);
    out_->vectors.resize(count);
    for (size_t i = 0; i < count; i++)
      tensor(i);
    link();
    return out_;
  }

 private:
  void tensor(size_t i) {
    const TensorEntry& t = config_.tensors[i];
    const int index = t.rungAt(stage_);
    if (t.rungs[index].kind == Rung::Kind::Coded) out_->exact = false;
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
      w.gate = m[at + 6];
      w.up = m[at + 7];
      w.down = m[at + 8];
      if (config_.model.architecture == Architecture::Qwen2) {
        w.qBias = vector(at + 9);
        w.kBias = vector(at + 10);
        w.vBias = vector(at + 11);
      } else if (config_.model.architecture == Architecture::Qwen3) {
        w.qNorm = vector(at + 9);
        w.kNorm = vector(at + 10);
      }
      out_->layers.push_back(w);
      at += static_cast<size_t>(tensorsPerLayer(config_.model.architecture));
    }
    out_->outputNorm = vector(at++);
    out_->head = config_.model.tiedEmbeddings ? out_->embedding : m[at];
  }

  const LadderConfig& config_;
  const int stage_;
  const StageWeights* below_;
  std::shared_ptr<StageWeights> out_;
};

}  // namespace

std::shared_ptr<const StageWeights> buildStage(const LadderConfig& config, int stage, const StageWeights* below,
                                               std::shared_ptr<const Blob> blob) {
  return Builder(config, stage, below, std::move(blob)).build();
}

}  // namespace zen
