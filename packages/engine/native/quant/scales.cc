#include <algorithm>
#include <numeric>

#include "coded_row.h"
#include "half.h"
#include "parallel.h"

namespace zen::quant {

CodedTensor FitScales(const float* weights, const uint8_t* codes, int rows, int cols, int bits, int group,
                      const float* columnWeight) {
  const QuantizeOptions options{bits, group, false, 0, 0};
  const SourceCodes free{nullptr, nullptr, nullptr, 0, 0, 0};
  const int groups = Groups(cols, group);
  CodedTensor out;
  out.codes.assign(codes, codes + static_cast<size_t>(rows) * cols);
  out.rowScale.resize(rows);
  out.scale.resize(static_cast<size_t>(rows) * groups);
  out.zero.resize(static_cast<size_t>(rows) * groups);
  struct Sums {
    double n = 0, c = 0, cc = 0, w = 0, cw = 0;
  };
  ParallelFor(rows, kTileRows, [&](int begin, int end) {
    std::vector<Sums> sums(groups);
    std::vector<Affine> fit(groups);
    for (int r = begin; r < end; r++) {
      const float* w = weights + static_cast<size_t>(r) * cols;
      const uint8_t* code = codes + static_cast<size_t>(r) * cols;
      std::fill(sums.begin(), sums.end(), Sums{});
      for (int c = 0; c < cols; c++) {
        const double h = columnWeight ? columnWeight[c] : 1.0, q = code[c];
        Sums& s = sums[c / group];
        s.n += h;
        s.c += h * q;
        s.cc += h * q * q;
        s.w += h * w[c];
        s.cw += h * q * w[c];
      }
      for (int g = 0; g < groups; g++) {
        const Sums& s = sums[g];
        const double spread = s.n * s.cc - s.c * s.c;
        const double scale = spread > 0 ? (s.n * s.cw - s.c * s.w) / spread : 0;
        fit[g] = {static_cast<float>(std::max(scale, 0.0)), static_cast<float>((s.w - scale * s.c) / s.n)};
      }
      Row row(w, cols, options, free, r);
      row.Store(fit);
      for (int g = 0; g < groups; g++) {
        row.SetZero(g, static_cast<float>((sums[g].w - row.at[g].s * sums[g].c) / sums[g].n));
      }
      std::copy(row.scale.begin(), row.scale.end(), out.scale.begin() + static_cast<size_t>(r) * groups);
      std::copy(row.zero.begin(), row.zero.end(), out.zero.begin() + static_cast<size_t>(r) * groups);
      out.rowScale[r] = row.rowScale;
    }
  });
  return out;
}

namespace {

// First group of the row with a code that its residual could not restore, -1 if there is none.
int Broken(const Row& row, const uint8_t* codes) {
  for (int c = 0; c < row.cols; c++) {
    if (!row.Fits(c, codes[c])) return c / row.options.group;
  }
  return -1;
}

}  // namespace

CodedTensor StoreScales(const StoredScales& before, const float* scale, const float* offset, int rows, int cols,
                        int bits, int group, const SourceCodes& source) {
  const QuantizeOptions options{bits, group, false, 0, 0};
  const int groups = Groups(cols, group);
  CodedTensor out;
  out.codes.assign(before.codes, before.codes + static_cast<size_t>(rows) * cols);
  out.rowScale.assign(before.rowScale, before.rowScale + rows);
  out.scale.assign(before.scale, before.scale + static_cast<size_t>(rows) * groups);
  out.zero.assign(before.zero, before.zero + static_cast<size_t>(rows) * groups);
  std::vector<int64_t> reverted(rows);
  ParallelFor(rows, kTileRows, [&](int begin, int end) {
    std::vector<Affine> fit(groups);
    for (int r = begin; r < end; r++) {
      const size_t at = static_cast<size_t>(r) * groups;
      Row row(nullptr, cols, options, source, r);
      row.rowScale = before.rowScale[r];
      std::copy_n(before.scale + at, groups, row.scale.begin());
      std::copy_n(before.zero + at, groups, row.zero.begin());
      row.Restore();
      const std::vector<CodedScale> old = row.at;
      for (int g = 0; g < groups; g++) fit[g] = {std::max(scale[at + g], 0.0f), offset[at + g]};
      int broken = 0;
      for (int attempt = 0; attempt <= groups && broken >= 0; attempt++) {
        row.Store(fit);
        broken = Broken(row, before.codes + static_cast<size_t>(r) * cols);
        if (broken < 0) break;
        fit[broken] = {old[broken].s, -old[broken].s * old[broken].z};
        reverted[r]++;
      }
      if (broken >= 0) {  // even the old scales do not survive the new row scale: the row stays as it was
        reverted[r] = groups;
        continue;
      }
      out.rowScale[r] = row.rowScale;
      std::copy(row.scale.begin(), row.scale.end(), out.scale.begin() + at);
      std::copy(row.zero.begin(), row.zero.end(), out.zero.begin() + at);
    }
  });
  out.bent = std::accumulate(reverted.begin(), reverted.end(), int64_t{0});
  return out;
}

}  // namespace zen::quant
