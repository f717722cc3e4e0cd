#include "omni/talker_model.h"

namespace zen::omni {

TalkerModel::TalkerModel(const TensorFiles& files, const OmniConfig& c)
    : text_(files.matrix("thinker.model.embed_tokens.weight", {c.textVocab, c.thinkerHidden})),
      embedding_(files.matrix("talker.model.codec_embedding.weight", {c.talkerVocab, c.talker.hidden})),
      stack_(files, "talker.model.", c.talker),
      head_{files.matrix("talker.codec_head.weight", {c.talkerVocab, c.talker.hidden}), {}} {
  const auto linear = [&](const std::string& name, int rows, int cols) {
    return Linear{files.matrix(name + ".weight", {rows, cols}), files.vector(name + ".bias", rows)};
  };
  for (auto [name, projection] :
       {std::pair{"text_projection", &textProjection_}, std::pair{"hidden_projection", &hiddenProjection_}}) {
    const std::string at = std::string("talker.") + name;
    projection->first = linear(at + ".linear_fc1", c.projectionWidth, c.thinkerHidden);
    projection->second = linear(at + ".linear_fc2", c.talker.hidden, c.projectionWidth);
  }
}

void TalkerModel::project(ThreadPool& pool, const Projection& p, const float* x, int count, float* rows) const {
  const int wide = p.first.matrix.rows;
  std::vector<float> between(static_cast<size_t>(count) * wide);
  pool.run([&](Team& team) {
    multiply(team, p.first, x, p.first.matrix.cols, count, between.data(), wide);
    each(team, count, 1, [&](int row) { silu(&between[row * size_t(wide)], wide); });
    multiply(team, p.second, between.data(), wide, count, rows, p.second.matrix.rows);
  });
}

void TalkerModel::textRows(ThreadPool& pool, const int32_t* tokens, int count, float* rows) const {
  std::vector<float> x(static_cast<size_t>(count) * text_.cols);
  for (int i = 0; i < count; i++) dequantizeRow(text_, tokens[i], &x[i * size_t(text_.cols)]);
  project(pool, textProjection_, x.data(), count, rows);
}

void TalkerModel::hiddenRows(ThreadPool& pool, const float* hidden, int count, float* rows) const {
  project(pool, hiddenProjection_, hidden, count, rows);
}

void TalkerModel::addCode(int32_t id, float* row) const {
  std::vector<float> code(static_cast<size_t>(embedding_.cols));
  dequantizeRow(embedding_, id, code.data());
  kernels().add(code.data(), embedding_.cols, row);
}

void TalkerModel::logits(ThreadPool& pool, const float* row, float* logits) const {
  multiply(pool, head_, row, head_.matrix.cols, 1, logits, head_.matrix.rows);
}

}  // namespace zen::omni
