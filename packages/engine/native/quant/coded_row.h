// One row of a tensor while it is being coded: stored scales, codes, and what keeps the source's codes decodable.
#pragma once
#include <cstdint>
#include <vector>

#include "quantize.h"
#include "tile_layout.h"

namespace zen::quant {

struct Affine {
  float s, o;  // value = s·code + o
};

// Scale and offset for one group (a multiple of 8 weights) that minimize the weighted error of rounding.
Affine FitGroup(const float* w, const float* weight, int n, int top);

// One row while it is being coded.
class Row {
 public:
  Row(const float* w, int cols, const QuantizeOptions& options, const SourceCodes& source, int row)
      : w(w), cols(cols), options(options), source(source), top((1 << options.bits) - 1),
        groups(Groups(cols, options.group)), scale(groups), zero(groups), at(groups), codes(cols), row(row) {}

  // Rounds affine parameters to the stored form; the row scale follows the widest group.
  void Store(const std::vector<Affine>& fit);

  void SetZero(int g, float offset);

  // Recomputes `at` from the stored form.
  void Restore();

  float Value(int col, int code) const { return CodedValue(at[col / options.group], code); }

  bool Fits(int col, int code) const;

  // The decodable code whose value is nearest to `target`, -1 where the group's range allows none.
  int Nearest(int col, float target);

  // Widens a group to cover its source values, so that every source code is decodable again.
  void Cover(int g);

  // Best decodable code for every weight alone (with `keep` only where its code is none); widens groups until there is
  // one. True where it changed anything.
  bool Settle(bool keep);

  const float* w;
  int cols;
  const QuantizeOptions& options;
  const SourceCodes& source;
  int top, groups;
  uint16_t rowScale = 0;
  std::vector<uint8_t> scale, zero;
  std::vector<CodedScale> at;
  std::vector<uint8_t> codes;
  int row;
  int64_t bent = 0;
};

}  // namespace zen::quant
