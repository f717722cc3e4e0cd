#include "omni/code2wav.h"

#include <algorithm>
#include <cmath>

namespace zen::omni {
namespace {

constexpr int kTaps = 7;
constexpr int kDilations[] = {1, 3, 9};
constexpr int kFramesAtOnce = 8;
constexpr float kNormEps = 1e-6f;

void layerNorm(const float* x, const std::vector<float>& weight, const std::vector<float>& bias, float* y) {
  const size_t n = weight.size();
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  const double mean = sum / static_cast<double>(n);
  for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  const float inverse = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + kNormEps));
  for (size_t i = 0; i < n; i++) y[i] = (x[i] - static_cast<float>(mean)) * inverse * weight[i] + bias[i];
}

float gelu(float x) { return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); }

}  // namespace

Code2Wav::Code2Wav(const TensorFiles& files, const Code2WavShape& shape)
    : shape_(shape),
      embedding_(files.matrix("code2wav.code_embedding.weight", {shape.codes * shape.groups, shape.stack.hidden})),
      stack_(files, "code2wav.pre_transformer.", shape.stack) {
  const int hidden = shape.stack.hidden;
  const auto biased = [&](const std::string& name, int rows, int cols) {
    return Linear{files.matrix(name + ".weight", {rows, cols}), files.vector(name + ".bias", rows)};
  };
  for (size_t i = 0; i < shape.ratios.size(); i++) {
    const std::string at = "code2wav.upsample." + std::to_string(i) + ".", own = at + "1.";
    upsamplings_.push_back({TransposedConv(files, at + "0", hidden, hidden, shape.ratios[i], false),
                            {DepthwiseConv(files, own + "dwconv", hidden, kTaps),
                             files.vector(own + "norm.weight", hidden), files.vector(own + "norm.bias", hidden),
                             files.vector(own + "gamma", hidden), biased(own + "pwconv1", 4 * hidden, hidden),
                             biased(own + "pwconv2", hidden, 4 * hidden)}});
  }
  int width = shape.decoderWidth;
  const auto place = [](size_t i) { return "code2wav.decoder." + std::to_string(i); };
  input_ = std::make_unique<CausalConv>(files, place(0), hidden, width, kTaps);
  const size_t blocks = shape.rates.size();
  for (size_t i = 0; i < blocks; i++) {
    const std::string at = place(i + 1) + ".block.";
    Block block = {SnakeBeta(files, at + "0", width),
                   TransposedConv(files, at + "1", width, width / 2, shape.rates[i], true),
                   {}};
    width /= 2;
    int number = 2;
    for (int dilation : kDilations) {
      const std::string own = at + std::to_string(number++) + ".";
      block.residuals.push_back({SnakeBeta(files, own + "act1", width),
                                 CausalConv(files, own + "conv1", width, width, kTaps, dilation),
                                 SnakeBeta(files, own + "act2", width),
                                 CausalConv(files, own + "conv2", width, width, 1)});
    }
    blocks_.push_back(std::move(block));
  }
  last_ = std::make_unique<SnakeBeta>(files, place(blocks + 1), width);
  output_ = std::make_unique<CausalConv>(files, place(blocks + 2), width, 1, kTaps);
}

void Code2Wav::mix(ThreadPool& pool, const Mixer& mixer, History& history, Signal& x) const {
  Signal y;
  mixer.depthwise.run(pool, history, x, y);
  const size_t width = x.channels;
  std::vector<float> wide(x.rows * 4 * width);
  pool.run([&](Team& team) {
    each(team, x.rows, 4, [&](int row) {
      float* own = &y.data[row * width];
      layerNorm(own, mixer.normWeight, mixer.normBias, own);
    });
    multiply(team, mixer.wide, y.data.data(), width, x.rows, wide.data(), 4 * width);
    each(team, x.rows, 1, [&](int row) {
      for (size_t i = 0; i < 4 * width; i++) wide[row * 4 * width + i] = gelu(wide[row * 4 * width + i]);
    });
    multiply(team, mixer.narrow, wide.data(), 4 * width, x.rows, y.data.data(), width);
    each(team, x.rows, 4, [&](int row) {
      for (size_t i = 0; i < width; i++)
        x.data[row * width + i] = x.data[row * width + i] + mixer.gamma[i] * y.data[row * width + i];
    });
  });
}

void Code2Wav::decode(ThreadPool& pool, State& state, const int32_t* codes, int frames,
                      std::vector<float>& samples) const {
  for (int from = 0; from < frames; from += kFramesAtOnce)
    decodeSome(pool, state, codes + size_t(from) * shape_.groups, std::min(kFramesAtOnce, frames - from), samples);
}

void Code2Wav::decodeSome(ThreadPool& pool, State& state, const int32_t* codes, int frames,
                          std::vector<float>& samples) const {
  Signal x;
  x.rows = frames;
  x.channels = shape_.stack.hidden;
  x.data.assign(size_t(frames) * x.channels, 0.0f);
  std::vector<float> row(static_cast<size_t>(x.channels));
  std::vector<Position> positions;
  for (int f = 0; f < frames; f++) {
    float* sum = &x.data[size_t(f) * x.channels];
    for (int g = 0; g < shape_.groups; g++) {
      dequantizeRow(embedding_, codes[f * shape_.groups + g] + g * shape_.codes, row.data());
      for (int i = 0; i < x.channels; i++) sum[i] = sum[i] + row[i];
    }
    for (int i = 0; i < x.channels; i++) sum[i] = sum[i] / static_cast<float>(shape_.groups);
    const int at = static_cast<int>(state.frames + f);
    positions.push_back({at, at, at});
  }
  stack_.forward(pool, state.kv, positions.data(), frames, x.data.data());
  state.frames += frames;

  size_t next = 0;
  const auto history = [&]() -> History& {
    if (next == state.histories.size()) state.histories.emplace_back();
    return state.histories[next++];
  };
  for (const Upsampling& u : upsamplings_) {
    u.rows.run(pool, history(), x);
    mix(pool, u.mixer, history(), x);
  }
  input_->run(pool, history(), x);
  for (const Block& block : blocks_) {
    block.activation.run(pool, x);
    block.rows.run(pool, history(), x);
    for (const Residual& r : block.residuals) {
      const std::vector<float> before = x.data;
      r.first.run(pool, x);
      r.dilated.run(pool, history(), x);
      r.second.run(pool, x);
      r.pointwise.run(pool, history(), x);
      kernels().add(before.data(), static_cast<int>(before.size()), x.data.data());
    }
  }
  last_->run(pool, x);
  output_->run(pool, history(), x);
  for (float v : x.data) samples.push_back(v < -1.0f ? -1.0f : v > 1.0f ? 1.0f : v);
}

}  // namespace zen::omni
