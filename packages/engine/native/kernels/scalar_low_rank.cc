// The reference of a delta's thin factors and its vector: plain loops in the documented order of operations.
#include <cmath>

#include "kernels/floats.h"
#include "kernels/variants.h"

namespace zen {
namespace {

float withSign(float x, const uint8_t* bits, int at) { return (bits[at / 8] >> (at % 8)) & 1 ? x : -x; }

}  // namespace

void scalarLowRankIn(const LowRank& f, const float* x, float* u) {
  for (int r = 0; r < f.rank; r++) {
    float lane[16] = {};
    for (int c = 0; c < f.in; c++) {
      const size_t at = static_cast<size_t>(r) * f.in;
      float& sum = lane[c % 16];
      if (f.signs)
        sum = sum + withSign(x[c], f.a + at / 8, c);
      else
        sum = std::fmaf(bfloatToFloat(loadU16(f.a + 2 * (at + c))), x[c], sum);
    }
    u[r] = (f.signs ? loadHalf(f.scales + 2 * r) : f.scale) * laneTree(lane);
  }
}

void scalarLowRankOut(const LowRank& f, const float* u, int tileBegin, int tileEnd, float* y) {
  for (int tile = tileBegin; tile < tileEnd; tile++)
    for (int i = 0; i < kTileRows && tile * kTileRows + i < f.out; i++) {
      float sum = 0.0f;
      for (int r = 0; r < f.rank; r++) {
        const size_t at = static_cast<size_t>(tile) * f.rank + r;
        if (f.signs)
          sum = sum + withSign(u[r], f.b + 2 * at, i);
        else
          sum = std::fmaf(bfloatToFloat(loadU16(f.b + 2 * (16 * at + i))), u[r], sum);
      }
      float& to = y[tile * kTileRows + i];
      to = to + sum;
    }
}

void scalarAmplify(const uint8_t* halves, int n, float* y) {
  for (int i = 0; i < n; i++) y[i] = y[i] * (1.0f + loadHalf(halves + 2 * i));
}

}  // namespace zen
