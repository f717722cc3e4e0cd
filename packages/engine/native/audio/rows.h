// The encoder's small steps over rows of float32, the same code on every machine; each has one order of operations.
#pragma once

namespace zen {

// x[i] = gelu(x[i] + bias[i]) = v / 2 · (1 + erf(v / √2)); bias may be null. Absolute error below 1e-6 (audio_rows test).
void geluBias(const float* bias, int n, float* x);
// x[i] += bias[i]
void addBias(const float* bias, int n, float* x);
// y = (x − mean) / sqrt(variance + 1e-5) · weight + bias, the sums in float64 over eight lanes.
void layerNorm(const float* x, const float* weight, const float* bias, int n, float* y);
// One query over all keys of its window, both ways: q, out [headSize], keys and values [rows][stride] from this head's
// first column on; scores [rows] is scratch.
void attend(const float* q, const float* keys, const float* values, int stride, int rows, int headSize, float* scores,
            float* out);

}  // namespace zen
