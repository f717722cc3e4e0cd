#include "audio/audio_encoder.h"

#include <algorithm>
#include <cmath>

#include "audio/rows.h"
#include "kernels/kernels.h"
#include "model/failure.h"

namespace zen {
namespace {

constexpr double kTimescale = 10000;
constexpr int kRowsAtOnce = 4;

// Sines, then cosines, in float32 as the reference: place · 10000^(−i / (width / 2 − 1)).
std::vector<float> positionsOf(int width) {
  std::vector<float> out(static_cast<size_t>(AudioShape::kChunkRows) * width);
  const int half = width / 2;
  const float step = static_cast<float>(-std::log(kTimescale) / (half - 1));
  for (int row = 0; row < AudioShape::kChunkRows; row++)
    for (int i = 0; i < half; i++) {
      const float angle = static_cast<float>(row) * static_cast<float>(std::exp(static_cast<double>(step * static_cast<float>(i))));
      out[static_cast<size_t>(row) * width + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
      out[static_cast<size_t>(row) * width + half + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
    }
  return out;
}

void* aligned(std::vector<uint8_t>& memory) {
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
}

float* room(std::vector<float>& memory, size_t rows, size_t cols) {
  if (memory.size() < rows * cols) memory.resize(rows * cols);
  return memory.data();
}

}  // namespace

AudioEncoder::AudioEncoder(AudioShape shape, std::shared_ptr<const TensorFiles> files, int threads)
    : shape_(shape), weights_(shape, std::move(files)), pool_(threads), positions_(positionsOf(shape.width)) {
  scores_.resize(static_cast<size_t>(threads));
  scratch_.resize(static_cast<size_t>(threads), std::vector<uint8_t>(matmulScratchBytes() + 64));
}

void AudioEncoder::linear(const Linear& by, const float* x, int rows, float* y, After after) {
  const Matrix& m = by.matrix;
  const size_t width = static_cast<size_t>(m.rows);
  float* to = after == After::Added ? room(added_, static_cast<size_t>(rows), width) : y;
  Acts acts;
  acts.tokens = rows;
  acts.cols = m.cols;
  acts.x = x;
  acts.ldx = static_cast<size_t>(m.cols);
  pool_.run([&](Team& team) {
    void* scratch = aligned(scratch_[static_cast<size_t>(team.index())]);
    team.parallelFor(m.tiles(), 1, [&](int begin, int end) {
      kernels().matmul(m, acts, 0, rows, to, width, begin, end, scratch);
    });
    team.parallelFor(rows, kRowsAtOnce, [&](int begin, int end) {
      for (int r = begin; r < end; r++) {
        float* row = to + static_cast<size_t>(r) * width;
        const float* bias = by.bias.empty() ? nullptr : by.bias.data();
        if (after == After::Gelu)
          geluBias(bias, m.rows, row);
        else if (bias)
          addBias(bias, m.rows, row);
        if (after == After::Added) kernels().add(row, m.rows, y + static_cast<size_t>(r) * width);
      }
    });
  });
}

void AudioEncoder::normalize(const LayerNorm& by, const float* x, int rows, float* y) {
  pool_.run([&](Team& team) {
    team.parallelFor(rows, kRowsAtOnce, [&](int begin, int end) {
      for (int r = begin; r < end; r++)
        layerNorm(x + static_cast<size_t>(r) * shape_.width, by.weight.data(), by.bias.data(), shape_.width,
                  y + static_cast<size_t>(r) * shape_.width);
    });
  });
}

void AudioEncoder::attention(int rows) {
  const size_t width = static_cast<size_t>(shape_.width);
  const int size = shape_.headSize();
  float* out = room(mixed_, static_cast<size_t>(rows), width);
  pool_.run([&](Team& team) {
    team.parallelFor(rows * shape_.heads, shape_.heads, [&](int begin, int end) {
      std::vector<float>& scores = scores_[static_cast<size_t>(team.index())];
      for (int i = begin; i < end; i++) {
        const size_t head = static_cast<size_t>(i % shape_.heads * size), at = static_cast<size_t>(i / shape_.heads) * width + head;
        attend(q_.data() + at, k_.data() + head, v_.data() + head, shape_.width, rows, size, scores.data(), out + at);
      }
    });
  });
}

void AudioEncoder::unfold(const float* x, int bins, int frames, int channels) {
  const int binsOut = AudioShape::halved(bins), framesOut = AudioShape::halved(frames), cols = 9 * channels;
  float* out = room(columns_, static_cast<size_t>(binsOut) * framesOut, static_cast<size_t>(cols));
  pool_.run([&](Team& team) {
    team.parallelFor(binsOut, 1, [&](int begin, int end) {
      for (int b = begin; b < end; b++)
        for (int f = 0; f < framesOut; f++) {
          float* row = out + (static_cast<size_t>(b) * framesOut + f) * cols;
          for (int tap = 0; tap < 9; tap++) {
            const int bin = 2 * b - 1 + tap / 3, frame = 2 * f - 1 + tap % 3;
            const bool inside = bin >= 0 && bin < bins && frame >= 0 && frame < frames;
            const float* from = inside ? x + (static_cast<size_t>(bin) * frames + frame) * channels : nullptr;
            for (int c = 0; c < channels; c++)
              row[9 * c + tap] = inside ? from[c] : 0.0f;
          }
        }
    });
  });
}

void AudioEncoder::front(const float* frames, int count, bool padded, std::vector<float>& rows) {
  const std::lock_guard<std::mutex> lock(running_);
  int bins = shape_.melBins, times = padded ? AudioShape::kChunkFrames : count, channels = 1;
  // [bins][times]
  float* plane = room(planes_[1], static_cast<size_t>(bins), static_cast<size_t>(times));
  for (int b = 0; b < bins; b++)
    for (int t = 0; t < times; t++)
      plane[b * times + t] = t < count ? frames[static_cast<size_t>(t) * bins + b] : 0.0f;
  for (int i = 0; i < 3; i++) {
    unfold(planes_[(i + 1) % 2].data(), bins, times, channels);
    bins = AudioShape::halved(bins);
    times = AudioShape::halved(times);
    channels = shape_.channels;
    const size_t places = static_cast<size_t>(bins) * times;
    linear(weights_.convolution[i], columns_.data(), static_cast<int>(places),
           room(planes_[i % 2], places, static_cast<size_t>(channels)), After::Gelu);
  }
  // [bins][times][channels] to rows of a time with columns by channel, then bin.
  const int made = AudioShape::strided(count);
  const size_t cols = static_cast<size_t>(channels) * bins, width = static_cast<size_t>(shape_.width);
  const float* last = planes_[0].data();
  float* flat = room(columns_, static_cast<size_t>(made), cols);
  for (int t = 0; t < made; t++)
    for (int c = 0; c < channels; c++)
      for (int b = 0; b < bins; b++)
        flat[t * cols + static_cast<size_t>(c * bins + b)] = last[(static_cast<size_t>(b) * times + t) * channels + c];
  const size_t before = rows.size();
  rows.resize(before + made * width);
  float* to = rows.data() + before;
  linear(weights_.front, flat, made, to, After::Nothing);
  for (size_t i = 0; i < made * width; i++)
    to[i] = to[i] + positions_[i];
}

void AudioEncoder::window(const std::vector<float>& rows, int count, std::vector<float>& out) {
  const std::lock_guard<std::mutex> lock(running_);
  const size_t n = static_cast<size_t>(count), width = static_cast<size_t>(shape_.width);
  float* x = room(x_, n, width);
  std::copy_n(rows.data(), n * width, x);
  float* normed = room(normed_, n, width);
  float* wide = room(wide_, n, static_cast<size_t>(std::max(shape_.ffnSize, shape_.width)));
  for (auto& scores : scores_)
    room(scores, n, 1);
  for (const AudioLayer& layer : weights_.layers) {
    normalize(layer.attentionNorm, x, count, normed);
    linear(layer.q, normed, count, room(q_, n, width), After::Nothing);
    linear(layer.k, normed, count, room(k_, n, width), After::Nothing);
    linear(layer.v, normed, count, room(v_, n, width), After::Nothing);
    attention(count);
    linear(layer.out, mixed_.data(), count, x, After::Added);
    normalize(layer.ffnNorm, x, count, normed);
    linear(layer.up, normed, count, wide, After::Gelu);
    linear(layer.down, wide, count, x, After::Added);
  }
  normalize(weights_.norm, x, count, normed);
  linear(weights_.inner, normed, count, wide, After::Gelu);
  const size_t before = out.size(), size = n * static_cast<size_t>(shape_.outputSize);
  out.resize(before + size);
  linear(weights_.output, wide, count, out.data() + before, After::Nothing);
  for (size_t i = 0; i < size; i++)
    if (!std::isfinite(out[before + i])) throw Failure("rows", "must be finite: the weights are damaged");
}

}  // namespace zen
