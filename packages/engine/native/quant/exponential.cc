#include "exponential.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "clones.h"

namespace zen::quant {
namespace {

// Cody and Waite's reduction, the polynomial of Cephes' expf.
inline __attribute__((always_inline)) float Exp(float x) {
  const float limited = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float n = std::nearbyint(limited * 1.44269504088896341f);
  const float r = limited - n * 0.693359375f - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, 4);
  return x < -87.0f ? 0.0f : p * power;
}

ZEN_CLONES void ExpAll(float* x, int n, float shift, float scale) {
  for (int i = 0; i < n; i++) x[i] = Exp((x[i] - shift) * scale);
}

}  // namespace

float ExpSum(float* x, int n, float shift, float scale) {
  ExpAll(x, n, shift, scale);
  double sum = 0;
  for (int i = 0; i < n; i++) sum += x[i];
  return static_cast<float>(sum);
}

ZEN_CLONES void SwiGlu(float* gate, const float* up, int n) {
  for (int i = 0; i < n; i++) gate[i] = gate[i] / (1.0f + Exp(-gate[i])) * up[i];
}

}  // namespace zen::quant
