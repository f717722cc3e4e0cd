#include "omni/code_predictor.h"

#include <algorithm>

namespace zen::omni {

CodePredictor::CodePredictor(const TensorFiles& files, const StackShape& shape, int groups, int codes)
    : stack_(files, "talker.code_predictor.model.", shape) {
  for (int g = 0; g + 1 < groups; g++) {
    const std::string number = std::to_string(g) + ".weight";
    heads_.push_back({files.matrix("talker.code_predictor.lm_head." + number, {codes, shape.hidden}), {}});
    embeddings_.push_back(
        files.matrix("talker.code_predictor.model.codec_embedding." + number, {codes, shape.hidden}));
  }
}

void CodePredictor::predict(ThreadPool& pool, const float* hidden, float* embedded, const Choose& choose,
                            int32_t* codes) const {
  const int width = stack_.shape().hidden;
  std::vector<float> x(2 * static_cast<size_t>(width)), code(static_cast<size_t>(width));
  std::vector<float> logits(static_cast<size_t>(heads_[0].matrix.rows));
  std::copy(hidden, hidden + width, x.begin());
  std::copy(embedded, embedded + width, x.begin() + width);
  KvRows kv;
  const Position first[2] = {{0, 0, 0}, {1, 1, 1}};
  stack_.forward(pool, kv, first, 2, x.data());
  const float* last = x.data() + width;
  for (size_t g = 0; g < heads_.size(); g++) {
    multiply(pool, heads_[g], last, width, 1, logits.data(), logits.size());
    codes[g] = choose(static_cast<int>(g) + 1, logits.data());
    dequantizeRow(embeddings_[g], codes[g], code.data());
    kernels().add(code.data(), width, embedded);
    if (g + 1 == heads_.size()) return;
    const int at = static_cast<int>(g) + 2;
    const Position position = {at, at, at};
    std::copy(code.begin(), code.end(), x.begin());
    stack_.forward(pool, kv, &position, 1, x.data());
    last = x.data();
  }
}

}  // namespace zen::omni
