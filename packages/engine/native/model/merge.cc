#include "model/merge.h"

#include <cstring>

#include "kernels/block.h"

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
      for (int i = 0; i < 64; i++) codes[64 * step + i] = static_cast<uint8_t>(codes[64 * step + i] << width | (vector[i] >> shift & mask));
    }
  }
}

void packPlane(const uint8_t* codes, int shift, int width, uint8_t* out) {
  const int perByte = 8 / width, mask = (1 << width) - 1;
  std::memset(out, 0, 64 * static_cast<size_t>(width));
  for (int step = 0; step < 8; step++)
    for (int i = 0; i < 64; i++)
      out[64 * (step / perByte) + i] |= static_cast<uint8_t>((codes[64 * step + i] >> shift & mask) << (width * (step % perByte)));
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

// The code ≡ residual (mod 2^R) in [0, 2^B) nearest to the prediction; ties take the smaller.
inline uint8_t nearestCode(float prediction, int residual, int step, int candidates) {
  const float above = (prediction - static_cast<float>(residual)) / static_cast<float>(step);
  int k = 0;
  if (above > 0.5f) {
    k = above < static_cast<float>(candidates) ? static_cast<int>(above) : candidates - 1;
    if (above - static_cast<float>(k) > 0.5f) k++;
    if (k >= candidates) k = candidates - 1;
  }
  return static_cast<uint8_t>(residual + k * step);
}

void mergeBlock(const Matrix& coded, const Matrix& exact, int tile, int block, int residualBits, uint8_t* codes) {
  alignas(64) uint8_t base[kBlockWeights], residual[kBlockWeights];
  unpackBlock(coded, tile, block, base);
  unpackBlock(exact, tile, block, residual);
  float s[kTileRows], zero[kTileRows];
  const uint8_t* group = scaleBlock(coded, tile, block);
  for (int r = 0; r < kTileRows; r++) {
    s[r] = loadHalf(rowScales(coded, tile) + 2 * r) * static_cast<float>(group[r]);
    const float z = static_cast<float>(group[16 + r] * ((1 << coded.bits) - 1)) / 255.0f;
    zero[r] = s[r] * z;
  }
  const int step = 1 << residualBits, candidates = 1 << (exact.bits - residualBits);
  for (int half = 0; half < 2; half++) {
    float scale[kTileRows], offset[kTileRows];
    sourceScales(exact, tile, block, half, scale, offset);
    for (int i = 256 * half; i < 256 * (half + 1); i++) {
      const int r = i % 64 / 4;
      const float product = s[r] * static_cast<float>(base[i]);
      const float v = product - zero[r];
      const float p = scale[r] == 0.0f ? 0.0f : (v - offset[r]) / scale[r];
      codes[i] = nearestCode(p, residual[i], step, candidates);
    }
  }
}

// 8 bits as 4 + 4, 5 as 4 + 1, 6 as 4 + 2, 4 as 4: the widths that the kernels are fastest at.
int firstWidth(int bits) { return bits >= 4 ? 4 : bits; }

}  // namespace

size_t mergedBytes(const Matrix& exact) {
  return static_cast<size_t>(exact.tiles()) * kTileRows * static_cast<size_t>(exact.cols) * static_cast<size_t>(exact.bits) / 8;
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

void mergeResidual(const Matrix& coded, const Matrix& exact, uint8_t* out) {
  int residualBits = 0;
  for (int p = 0; p < exact.planeCount; p++) residualBits += exact.planes[p].width;
  const Matrix merged = mergedMatrix(exact, out);
  alignas(64) uint8_t codes[kBlockWeights];
  for (int tile = 0; tile < exact.tiles(); tile++)
    for (int block = 0; block < exact.blocks(); block++) {
      mergeBlock(coded, exact, tile, block, residualBits, codes);
      int low = exact.bits;
      for (int p = 0; p < merged.planeCount; p++) {
        low -= merged.planes[p].width;
        packPlane(codes, low, merged.planes[p].width, const_cast<uint8_t*>(planeBlock(merged, p, tile, block)));
      }
    }
}

}  // namespace zen
