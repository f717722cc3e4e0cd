// e^x over arrays, within about one unit in the last place; vectorized by the compiler.
#pragma once

namespace zen::quant {

// x[i] = exp((x[i] - shift) * scale) for results in float32's normal range; smaller ones become 0. Returns the sum.
float ExpSum(float* x, int n, float shift, float scale);

// gate[i] = gate[i] · sigmoid(gate[i]) · up[i]
void SwiGlu(float* gate, const float* up, int n);

}  // namespace zen::quant
