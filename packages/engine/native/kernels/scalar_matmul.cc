// The reference: plain loops in the documented order of operations.
#include <cmath>

#include "kernels/floats.h"
#include "kernels/variants.h"

namespace zen {
namespace {

struct RowScale {
  float s[2];    // of either 16 columns
  float offset;  // of the whole block
};

RowScale rowScaleOf(const Matrix& m, int tile, int block, int r) {
  const uint8_t* at = scaleBlock(m, tile, block);
  switch (m.scaleKind) {
    case ScaleKind::Row8: {
      const float s = loadHalf(rowScales(m, tile) + 2 * r) * static_cast<float>(at[r]);
      return {{s, s}, -(s * (static_cast<float>(at[16 + r]) * zeroUnit(m)))};
    }
    case ScaleKind::F16Pair: {
      const float s = loadHalf(at + 2 * r);
      return {{s, s}, loadHalf(at + 32 + 2 * r)};
    }
    case ScaleKind::F16Sym: {
      const float s = loadHalf(at + 2 * r);
      return {{s, s}, 0.0f};
    }
    case ScaleKind::Sign: {
      const float s = loadHalf(at + 2 * r);
      return {{s + s, s + s}, -s};
    }
    case ScaleKind::K4: {
      const uint8_t* super = superBlock(m, tile, block);
      const float s = loadHalf(super + 2 * r) * static_cast<float>(at[r]);
      return {{s, s}, -(loadHalf(super + 32 + 2 * r) * static_cast<float>(at[16 + r]))};
    }
    case ScaleKind::K6: {
      const float d = loadHalf(superBlock(m, tile, block) + 2 * r);
      return {
          {d * static_cast<float>(static_cast<int8_t>(at[r])), d * static_cast<float>(static_cast<int8_t>(at[16 + r]))},
          0.0f};
    }
  }
  return {{0, 0}, 0};
}

int dot(const Matrix& m, const Acts& a, int token, int tile, int block, int r, int begin, int end) {
  const int16_t* q = actWide(a, token, block);
  int sum = 0;
  for (int c = begin; c < end; c++) sum += codeAt(m, tile, block, r, c) * q[c];
  return sum;
}

float codedRow(const Matrix& m, const Acts& a, int token, int tile, int r) {
  float acc = 0;
  for (int b = 0; b < m.blocks(); b++) {
    const ActBlock& act = actBlock(a, token, b);
    const RowScale scale = rowScaleOf(m, tile, b, r);
    if (m.scaleKind == ScaleKind::K6) {
      for (int half = 0; half < 2; half++) {
        const int d = dot(m, a, token, tile, b, r, 16 * half, 16 * half + 16) - m.center * act.sum[half];
        acc = std::fmaf(static_cast<float>(d), scale.s[half] * act.scale, acc);
      }
    } else {
      const int d = dot(m, a, token, tile, b, r, 0, 32) - m.center * (act.sum[0] + act.sum[1]);
      acc = std::fmaf(static_cast<float>(d), scale.s[0] * act.scale, acc);
      acc = std::fmaf(scale.offset, act.scaledSum, acc);
    }
  }
  return acc;
}

float rawValue(const Matrix& m, size_t at) {
  if (m.coding == Coding::F16) return loadHalf(m.data + 2 * at);
  if (m.coding == Coding::BF16) return bfloatToFloat(loadU16(m.data + 2 * at));
  float value;
  std::memcpy(&value, m.data + 4 * at, 4);
  return value;
}

float rawRow(const Matrix& m, const Acts& a, int token, int row) {
  float lane[16] = {};
  const float* x = a.x + token * a.ldx;
  for (int c = 0; c < m.cols; c++)
    lane[c % 16] = std::fmaf(rawValue(m, static_cast<size_t>(row) * m.cols + c), x[c], lane[c % 16]);
  return laneTree(lane);
}

}  // namespace

void scalarMatmulAdd(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int tileBegin,
                     int tileEnd, void*) {
  for (int tile = tileBegin; tile < tileEnd; tile++)
    for (int r = 0; r < kTileRows && tile * kTileRows + r < m.rows; r++)
      for (int token = tokenBegin; token < tokenEnd; token++) {
        float& sum = y[token * ldy + tile * kTileRows + r];
        sum = sum + codedRow(m, a, token, tile, r);
      }
}

void scalarMatmul(const Matrix& m, const Acts& a, int tokenBegin, int tokenEnd, float* y, size_t ldy, int tileBegin,
                  int tileEnd, void*) {
  for (int tile = tileBegin; tile < tileEnd; tile++)
    for (int r = 0; r < kTileRows && tile * kTileRows + r < m.rows; r++) {
      const int row = tile * kTileRows + r;
      for (int token = tokenBegin; token < tokenEnd; token++)
        y[token * ldy + row] = m.coding == Coding::Codes ? codedRow(m, a, token, tile, r) : rawRow(m, a, token, row);
    }
}

}  // namespace zen
