#include "coded_row.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "clones.h"
#include "half.h"

namespace zen::quant {
namespace {

// Weighted error of rounding to a grid, and the sums that the least squares of its codes need.
struct GridSums {
  float error, c, cc, cw;
};

ZEN_CLONES GridSums RoundTo(const float* w, const float* weight, int n, Affine grid, float top) {
  const float inverse = 1.0f / grid.s;
  float error[8] = {}, c[8] = {}, cc[8] = {}, cw[8] = {};
  for (int i = 0; i + 8 <= n; i += 8) {
    for (int l = 0; l < 8; l++) {
      const float x = w[i + l], h = weight[i + l];
      float code = std::nearbyint((x - grid.o) * inverse);
      code = code < 0.0f ? 0.0f : (code > top ? top : code);
      const float miss = code * grid.s + grid.o - x, hc = h * code;
      error[l] += h * miss * miss;
      c[l] += hc;
      cc[l] += hc * code;
      cw[l] += hc * x;
    }
  }
  GridSums sums{};
  for (int l = 0; l < 8; l++) {
    sums.error += error[l];
    sums.c += c[l];
    sums.cc += cc[l];
    sums.cw += cw[l];
  }
  return sums;
}

}  // namespace

// Shrunken ranges first, each followed by least squares for its codes.
Affine FitGroup(const float* w, const float* weight, int n, int top) {
  float low = 0, high = 0;  // zero stays in range, because z lies in [0, top]
  double sw = 0, sx = 0;
  for (int i = 0; i < n; i++) {
    low = std::min(low, w[i]);
    high = std::max(high, w[i]);
    sw += weight[i];
    sx += static_cast<double>(weight[i]) * w[i];
  }
  Affine best{0, 0};
  float bestError = INFINITY;
  auto consider = [&](Affine a, auto&& again) -> void {
    if (!(a.s > 0)) return;
    a.o = std::clamp(a.o, -a.s * static_cast<float>(top), 0.0f);
    const GridSums sums = RoundTo(w, weight, n, a, static_cast<float>(top));
    if (!(sums.error < bestError)) return;
    bestError = sums.error;
    best = a;
    const double det = sw * sums.cc - static_cast<double>(sums.c) * sums.c;
    if (!(det > 0)) return;
    const double s = (sw * sums.cw - sums.c * sx) / det;
    again({static_cast<float>(s), static_cast<float>((sx - s * sums.c) / sw)}, again);
  };
  const float middle = (high + low) / 2, width = std::max(high - low, 1e-12f);
  for (int step = 0; step <= 10; step++) {
    const float s = width * (1.0f - 0.05f * static_cast<float>(step)) / static_cast<float>(top);
    consider({s, middle - s * static_cast<float>(top) / 2}, consider);
  }
  return best;
}

void Row::Store(const std::vector<Affine>& fit) {
  float widest = 0;
  for (const Affine& a : fit) widest = std::max(widest, a.s);
  rowScale = FloatToHalf(widest / 255.0f);
  if (HalfToFloat(rowScale) * 255.0f < widest) rowScale++;
  const float unit = HalfToFloat(rowScale);
  for (int g = 0; g < groups; g++) {
    scale[g] = unit == 0 ? 0 : static_cast<uint8_t>(std::clamp(std::nearbyint(fit[g].s / unit), 1.0f, 255.0f));
    SetZero(g, fit[g].o);
  }
}

void Row::SetZero(int g, float offset) {
  const float s = HalfToFloat(rowScale) * static_cast<float>(scale[g]);
  const float z = s == 0 ? 0 : -offset / s * 255.0f / static_cast<float>(top);
  zero[g] = static_cast<uint8_t>(std::clamp(std::nearbyint(z), 0.0f, 255.0f));
  at[g] = {s, static_cast<float>(zero[g]) * static_cast<float>(top) / 255.0f};
}

void Row::Restore() {
  for (int g = 0; g < groups; g++) {
    at[g] = {HalfToFloat(rowScale) * static_cast<float>(scale[g]),
             static_cast<float>(zero[g]) * static_cast<float>(top) / 255.0f};
  }
}

bool Row::Fits(int col, int code) const {
  if (source.codes == nullptr) return true;
  const size_t g = static_cast<size_t>(row) * (cols / source.group) + col / source.group;
  const float s = source.scale[g];
  return Decodable(Prediction(Value(col, code), s, source.offset[g]),
                   source.codes[static_cast<size_t>(row) * cols + col], source.residualBits, source.bits);
}

int Row::Nearest(int col, float target) {
  const CodedScale a = at[col / options.group];
  const float x = a.s == 0 ? 0 : target / a.s + a.z;
  const int first = static_cast<int>(std::clamp(std::nearbyint(x), 0.0f, static_cast<float>(top)));
  if (Fits(col, first)) return first;
  bent++;
  const int direction = x > static_cast<float>(first) ? 1 : -1;
  for (int step = 1; step <= top; step++) {
    for (int side : {direction, -direction}) {
      const int code = first + side * step;
      if (code >= 0 && code <= top && Fits(col, code)) return code;
    }
  }
  return -1;
}

void Row::Cover(int g) {
  const int begin = g * options.group, end = std::min(cols, begin + options.group);
  const auto [low, high] = std::minmax_element(w + begin, w + end);
  std::vector<Affine> fit(groups);
  for (int i = 0; i < groups; i++) fit[i] = {at[i].s, -at[i].s * at[i].z};
  const float bottom = std::min(*low, 0.0f), roof = std::max(*high, 0.0f);
  const float s = std::max((roof - bottom) * 1.02f / static_cast<float>(top), 1e-12f);
  fit[g] = {s, (bottom + roof) / 2 - s * static_cast<float>(top) / 2};
  Store(fit);
}

bool Row::Settle(bool keep) {
  bool changed = false;
  for (int attempt = 0; attempt < 4 * groups + 4; attempt++) {
    int failed = -1;
    for (int c = 0; c < cols && failed < 0; c++) {
      if (keep && Fits(c, codes[c])) continue;
      const int code = Nearest(c, w[c]);
      changed = true;
      if (code < 0) failed = c / options.group;
      else codes[c] = static_cast<uint8_t>(code);
    }
    if (failed < 0) return changed;
    Cover(failed);
  }
  throw Undecodable("row " + std::to_string(row) + " has source codes that no scale keeps decodable");
}

}  // namespace zen::quant
