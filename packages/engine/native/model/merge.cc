#include "model/merge.h"

#include <cstring>

#include "kernels/block.h"
#include "model/background.h"

namespace zen {
namespace {

constexpr int kBlockWeights = kTileRows * kBlockCols;

// Codes of a block in the order of its bytes: [step][row · 4 + column of the step].
void unpackBlock(const Matrix& m, int tile, int block, uint8_t* codes) {
  std::memset(codes, 0, kBlockWeights);
  for (int p = 0; p < m.planeCount; p++) {
    const int width = m.planes[p].width, perByte = 8 / width, mask = (1 << width) - 1;
    const uint8_t* in = planeBlock(m, p, tile, block);
    for (int step = 0; step < 8; step++) {
      const uint8_t* vector = in + 64 * (step / perByte);
      const int shift = width * (step % perByte);
      for (int i = 0; i < 64; i++)
        codes[64 * step + i] = static_cast<uint8_t>(codes[64 * step + i] << width | (vector[i] >> shift & mask));
    }
  }
}

void packPlane(const uint8_t* codes, int shift, int width, uint8_t* out) {
  const int perByte = 8 / width, mask = (1 << width) - 1;
  std::memset(out, 0, 64 * static_cast<size_t>(width));
  for (int step = 0; step < 8; step++)
    for (int i = 0; i < 64; i++)
      out[64 * (step / perByte) + i] |=
          static_cast<uint8_t>((codes[64 * step + i] >> shift & mask) << (width * (step % perByte)));
}

// Scale and offset of the source's formula for one row and half block (16 columns).
void sourceScales(const Matrix& m, int tile, int block, int half, float* scale, float* offset) {
  const uint8_t* at = scaleBlock(m, tile, block);
  const uint8_t* super = m.supers ? superBlock(m, tile, block) : nullptr;
  for (int r = 0; r < kTileRows; r++) {
    switch (m.scaleKind) {
      case ScaleKind::F16Pair:
        scale[r] = loadHalf(at + 2 * r);
        offset[r] = loadHalf(at + 32 + 2 * r);
        break;
      case ScaleKind::F16Sym:
        scale[r] = loadHalf(at + 2 * r);
        offset[r] = static_cast<float>(-m.center) * scale[r];
        break;
      case ScaleKind::K4: {
        scale[r] = loadHalf(super + 2 * r) * static_cast<float>(at[r]);
        const float min = loadHalf(super + 32 + 2 * r) * static_cast<float>(at[16 + r]);
        offset[r] = -min;
        break;
      }
      default:
        scale[r] = loadHalf(super + 2 * r) * static_cast<float>(static_cast<int8_t>(at[16 * half + r]));
        offset[r] = static_cast<float>(-m.center) * scale[r];
    }
  }
}

// Per lane of a step's 64 bytes (row r has lanes 4r to 4r + 3), so that the loop below is one vector loop.
struct Lanes {
  float s[64], zero[64], offset[64], inverse[64];
};

// Codes ≡ residual (mod 2^R) in [0, 2^B) nearest to the predictions; ties take the smaller. The packer keeps codes
// 1/64 of a source step away from ties, far more than the reciprocal's rounding.
void nearestCodes(const Lanes& l, const uint8_t* base, const uint8_t* residual, int residualBits, int bits,
                  uint8_t* codes) {
  const int candidates = 1 << (bits - residualBits);
  const float step = static_cast<float>(1 << residualBits), unit = 1.0f / step,
              most = static_cast<float>(candidates) - 0.5f;
  for (int i = 0; i < 64; i++) {
    const float product = l.s[i] * static_cast<float>(base[i]);
    const float v = product - l.zero[i];
    const float p = (v - l.offset[i]) * l.inverse[i];
    float t = (p - static_cast<float>(residual[i])) * unit + 0.5f;
    t = t > 0.0f ? t : 0.0f;  // NaN too
    t = t < most ? t : most;
    int k = static_cast<int>(t);
    k -= (static_cast<float>(k) == t) & (k > 0);
    codes[i] = static_cast<uint8_t>(residual[i] + (k << residualBits));
  }
}

void mergeBlock(const Matrix& coded, const Matrix& exact, int tile, int block, int residualBits, uint8_t* codes) {
  alignas(64) uint8_t base[kBlockWeights], residual[kBlockWeights];
  unpackBlock(coded, tile, block, base);
  unpackBlock(exact, tile, block, residual);
  const uint8_t* group = scaleBlock(coded, tile, block);
  Lanes lanes;
  for (int half = 0; half < 2; half++) {
    // Only Q6_K has other scales for the second half.
    if (half == 0 || exact.scaleKind == ScaleKind::K6) {
      float scale[kTileRows], offset[kTileRows];
      sourceScales(exact, tile, block, half, scale, offset);
      for (int r = 0; r < kTileRows; r++) {
        const float s = loadHalf(rowScales(coded, tile) + 2 * r) * static_cast<float>(group[r]);
        const float z = static_cast<float>(group[16 + r] * ((1 << coded.bits) - 1)) / 255.0f;
        for (int i = 4 * r; i < 4 * r + 4; i++) {
          lanes.s[i] = s;
          lanes.zero[i] = s * z;
          lanes.offset[i] = offset[r];
          lanes.inverse[i] = scale[r] == 0.0f ? 0.0f : 1.0f / scale[r];
        }
      }
    }
    for (int step = 4 * half; step < 4 * half + 4; step++)
      nearestCodes(lanes, base + 64 * step, residual + 64 * step, residualBits, exact.bits, codes + 64 * step);
  }
}

// 8 bits as 4 + 4, 5 as 4 + 1, 6 as 4 + 2, 4 as 4: the widths that the kernels are fastest at.
int firstWidth(int bits) { return bits >= 4 ? 4 : bits; }

}  // namespace

size_t mergedBytes(const Matrix& exact) {
  return static_cast<size_t>(exact.tiles()) * kTileRows * static_cast<size_t>(exact.cols) *
         static_cast<size_t>(exact.bits) / 8;
}

Matrix mergedMatrix(const Matrix& exact, const uint8_t* merged) {
  Matrix m = exact;
  const size_t weights = static_cast<size_t>(m.tiles()) * kTileRows * static_cast<size_t>(m.cols);
  const int first = firstWidth(m.bits), second = m.bits - first;
  m.planeCount = second > 0 ? 2 : 1;
  m.planes[0] = {merged, first};
  m.planes[1] = {second > 0 ? merged + weights * static_cast<size_t>(first) / 8 : nullptr, second};
  return m;
}

void mergeResidual(const Matrix& coded, const Matrix& exact, int tileBegin, int tileEnd, uint8_t* out) {
  int residualBits = 0;
  for (int p = 0; p < exact.planeCount; p++)
    residualBits += exact.planes[p].width;
  const Matrix merged = mergedMatrix(exact, out);
  alignas(64) uint8_t codes[kBlockWeights];
  for (int tile = tileBegin; tile < tileEnd; tile++) {
    breathe();
    for (int block = 0; block < exact.blocks(); block++) {
      mergeBlock(coded, exact, tile, block, residualBits, codes);
      int low = exact.bits;
      for (int p = 0; p < merged.planeCount; p++) {
        low -= merged.planes[p].width;
        packPlane(codes, low, merged.planes[p].width, const_cast<uint8_t*>(planeBlock(merged, p, tile, block)));
      }
    }
  }
}

}  // namespace zen
