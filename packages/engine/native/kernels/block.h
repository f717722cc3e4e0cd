// Where things lie in a tile, and number formats, for the kernels' own files. Everything is static: files of different
// instruction sets include this and must not share code through the linker.
#pragma once
#include <cstring>

#include "kernels/kernels.h"

// The compiler would leave some steps of the inner loops as calls.
#define ZEN_INLINE inline __attribute__((always_inline))
#define ZEN_LAMBDA __attribute__((always_inline))

namespace zen {

static inline float halfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  uint32_t magnitude = static_cast<uint32_t>(half & 0x7fffu) << 13;
  float value;
  if (magnitude >= 0x0f800000u) {  // infinity and NaN
    magnitude |= 0x70000000u;
    magnitude = (half & 0x3ffu) ? magnitude | 0x7fc00000u : 0x7f800000u;
    magnitude |= sign;
    std::memcpy(&value, &magnitude, 4);
    return value;
  }
  std::memcpy(&value, &magnitude, 4);
  value *= 5.192296858534828e33f;  // 2^112: moves the exponent's bias, exact for subnormals too
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  bits |= sign;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Round to nearest even, as the hardware does.
static inline uint16_t floatToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((bits >> 13) & 0x3ffu));
  if (bits >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (bits < 0x38800000u) {
    float magnitude;
    std::memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;  // aligns the mantissa to units of 2^-24 with the adder's own rounding
    uint32_t aligned;
    std::memcpy(&aligned, &magnitude, 4);
    return static_cast<uint16_t>(sign | (aligned - 0x3f000000u));
  }
  bits += 0xfffu + ((bits >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((bits - 0x38000000u) >> 13));
}

static inline float bfloatToFloat(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

static inline uint16_t loadU16(const uint8_t* at) {
  uint16_t value;
  std::memcpy(&value, at, 2);
  return value;
}
static inline float loadHalf(const uint8_t* at) { return halfToFloat(loadU16(at)); }

static inline size_t tileBlock(const Matrix& m, int tile, int block) {
  return static_cast<size_t>(tile) * m.blocks() + block;
}
static inline const uint8_t* planeBlock(const Matrix& m, int plane, int tile, int block) {
  return m.planes[plane].data + tileBlock(m, tile, block) * 64 * m.planes[plane].width;
}
// The parameters of a block: of its group for Row8, of its two groups of 16 columns for K6.
static inline const uint8_t* scaleBlock(const Matrix& m, int tile, int block) {
  switch (m.scaleKind) {
    case ScaleKind::Row8:
      return m.scales + (static_cast<size_t>(tile) * m.groups() + block * kBlockCols / m.group) * 32;
    case ScaleKind::Sign:
      return m.scales + (static_cast<size_t>(tile) * m.groups() + block * kBlockCols / m.group) * 32;
    case ScaleKind::F16Pair:
      return m.scales + tileBlock(m, tile, block) * 64;
    default:
      return m.scales + tileBlock(m, tile, block) * 32;
  }
}
static inline const uint8_t* superBlock(const Matrix& m, int tile, int block) {
  const size_t bytes = m.scaleKind == ScaleKind::K4 ? 64 : 32;
  return m.supers + (static_cast<size_t>(tile) * m.supersPerTile() + block / 8) * bytes;
}
static inline const uint8_t* rowScales(const Matrix& m, int tile) {
  return m.rowScale + static_cast<size_t>(tile) * 32;
}

// Code of tile row r and column c of the block.
static inline int codeAt(const Matrix& m, int tile, int block, int r, int c) {
  int code = 0;
  for (int p = 0; p < m.planeCount; p++) {
    const int width = m.planes[p].width, perByte = 8 / width, step = c / 4;
    const uint8_t byte = planeBlock(m, p, tile, block)[64 * (step / perByte) + r * 4 + c % 4];
    code = (code << width) | ((byte >> (width * (step % perByte))) & ((1 << width) - 1));
  }
  return code;
}

// Row8: zeros are stored in units of 1/255 of the code range.
static inline float zeroUnit(const Matrix& m) { return static_cast<float>((1 << m.bits) - 1) / 255.0f; }

// What is unpacked at once lies in L1 together with the activations of some tokens: blocks of tiles next to each other.
constexpr int kStripBlocks = 16;
constexpr int kStripTiles = 2;
// Tokens whose activations stay in L2 while the tiles pass.
constexpr int kPanelTokens = 128;

// The matmul scratch.
struct StripScratch {
  uint8_t* codes;  // [tile][block], 8 steps of 64 bytes
  float* scales;   // [tile][block], 16 scales and 16 offsets, or for K6 16 scales of either half
  float* sums;     // [token of the panel][tile][16]

  static constexpr size_t kBlocks = static_cast<size_t>(kStripTiles) * kStripBlocks;
  static constexpr size_t kBytes =
      kBlocks * 512 + kBlocks * 32 * sizeof(float) + static_cast<size_t>(kPanelTokens) * kStripTiles * 16 * sizeof(float);

  explicit StripScratch(void* memory)
      : codes(static_cast<uint8_t*>(memory)),
        scales(reinterpret_cast<float*>(codes + kBlocks * 512)),
        sums(scales + kBlocks * 32) {}
};

static inline const int8_t* actBytes(const Acts& a, int token, int block) {
  return a.bytes + (static_cast<size_t>(token) * a.blockCount() + block) * a.levels * kBlockCols;
}
static inline const int16_t* actWide(const Acts& a, int token, int block) {
  return a.wide + static_cast<size_t>(token) * a.cols + block * kBlockCols;
}
static inline const ActBlock& actBlock(const Acts& a, int token, int block) {
  return a.blocks[static_cast<size_t>(token) * a.blockCount() + block];
}

// Quantization: below this a block counts as zero (its reciprocal would overflow).
constexpr float kActFloor = 1e-30f;
static inline float actLimit(int levels) { return levels == 2 ? 32639.0f : 127.0f; }

}  // namespace zen
