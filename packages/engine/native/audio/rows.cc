#include "audio/rows.h"

#include <cmath>
#include <cstring>

#include "kernels/floats.h"

namespace zen {
namespace {

constexpr double kEps = 1e-5;

// e^x for x in [−87, 0] without fused steps, so that any compiler may work on several at once: the constants of
// exponentialOf, rounding to whole numbers by adding and taking away 1.5·2^23.
inline float decay(float x) {
  x = x > kExpLow ? x : kExpLow;
  constexpr float round = 12582912.0f;
  const float n = (x * kLog2E + round) - round;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = kExpTerms[0];
  for (int i = 1; i < kExpTermCount; i++)
    p = p * r + kExpTerms[i];
  const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, 4);
  return p * power;
}

// erfc(z) = t · P(t) · e^(−z²) with t = 1 / (1 + z / 2), z ≥ 0: P fitted to the least relative error, 2e-8.
constexpr int kTermCount = 10;
constexpr float kTerms[kTermCount] = {0.2820644974708557f,   0.28285714983940125f, 0.23864462971687317f,
                                      0.2255392074584961f,   -0.09829822182655334f, 0.4212143123149872f,
                                      -0.6699201464653015f,  0.4288282096385956f,   -0.1232018768787384f,
                                      0.012272253632545471f};

inline float gelu(float v) {
  const float size = v < 0 ? -v : v;
  const float z = size * 0.70710678118654752f;
  const float t = 1.0f / (1.0f + 0.5f * z);
  float p = kTerms[kTermCount - 1];
  for (int i = kTermCount - 2; i >= 0; i--)
    p = p * t + kTerms[i];
  const float half = 0.5f * size * (p * t * decay(0.0f - z * z));
  // v / 2 · (2 − erfc) above zero, v / 2 · erfc below. NaN stays NaN, for it is in t.
  return v < 0 ? 0.0f - half : v - half;
}

}  // namespace

void geluBias(const float* bias, int n, float* x) {
  if (bias)
    for (int i = 0; i < n; i++)
      x[i] = x[i] + bias[i];
  for (int i = 0; i < n; i++)
    x[i] = gelu(x[i]);
}

void addBias(const float* bias, int n, float* x) {
  for (int i = 0; i < n; i++)
    x[i] = x[i] + bias[i];
}

void layerNorm(const float* x, const float* weight, const float* bias, int n, float* y) {
  double sum[8] = {}, squares[8] = {};
  for (int i = 0; i < n; i++)
    sum[i % 8] += x[i];
  double mean = 0;
  for (const double lane : sum)
    mean += lane;
  mean /= n;
  for (int i = 0; i < n; i++)
    squares[i % 8] += (x[i] - mean) * (x[i] - mean);
  double variance = 0;
  for (const double lane : squares)
    variance += lane;
  const double inverse = 1.0 / std::sqrt(variance / n + kEps);
  for (int i = 0; i < n; i++)
    y[i] = static_cast<float>((x[i] - mean) * inverse) * weight[i] + bias[i];
}

void attend(const float* q, const float* keys, const float* values, int stride, int rows, int headSize, float* scores,
            float* out) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(headSize));
  float largest = -std::numeric_limits<float>::infinity(), health = 0;  // NaN where a score is no number
  for (int r = 0; r < rows; r++) {
    const float* key = keys + static_cast<size_t>(r) * stride;
    float lane[16] = {};
    for (int d = 0; d < headSize; d++)
      lane[d % 16] += q[d] * key[d];
    scores[r] = laneTree(lane) * scale;
    largest = scores[r] > largest ? scores[r] : largest;
    health += scores[r] * 0.0f;
  }
  double sum = 0;
  for (int r = 0; r < rows; r++) {
    scores[r] = decay(scores[r] - largest);
    sum += scores[r];
  }
  for (int d = 0; d < headSize; d++)
    out[d] = 0;
  for (int r = 0; r < rows; r++) {
    const float* value = values + static_cast<size_t>(r) * stride;
    for (int d = 0; d < headSize; d++)
      out[d] += scores[r] * value[d];
  }
  const float inverse = static_cast<float>(1.0 / sum) + health;
  for (int d = 0; d < headSize; d++)
    out[d] *= inverse;
}

}  // namespace zen
