// Constants and small steps of the float kernels that every variant shares. Everything static, see block.h.
#pragma once
#include <cmath>
#include <limits>

#include "kernels/block.h"

namespace zen {

// exp on [−87, 88]: 2^n · p(r), r = x − n·ln 2 in two parts, p by Horner's rule with fused steps. Relative error
// below 2e-7 (kernels_conformance).
constexpr float kExpLow = -87.0f, kExpHigh = 88.0f, kLog2E = 1.44269504f;
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
constexpr int kExpTermCount = 8;
constexpr float kExpTerms[kExpTermCount] = {1.9875691500e-4f,
                                            1.3981999507e-3f,
                                            8.3334519073e-3f,
                                            4.1665795894e-2f,
                                            1.6666665459e-1f,
                                            5.0000001201e-1f,
                                            1.0f,
                                            1.0f};

static inline float exponentialOf(float x) {
  x = x > kExpLow ? x : kExpLow;
  x = x < kExpHigh ? x : kExpHigh;
  const float n = std::nearbyint(x * kLog2E);
  float r = std::fmaf(n, -kLn2High, x);
  r = std::fmaf(n, -kLn2Low, r);
  float p = kExpTerms[0];
  for (int i = 1; i < kExpTermCount; i++) p = std::fmaf(p, r, kExpTerms[i]);
  const uint32_t bits = static_cast<uint32_t>(static_cast<int>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, 4);
  return p * power;
}

// Sum of 16 lanes: lane l with l+8, then l with l+4, then 0 with 2 and 1 with 3, then the two.
static inline float laneTree(const float* lane) {
  float sum[8];
  for (int l = 0; l < 8; l++) sum[l] = lane[l] + lane[l + 8];
  for (int l = 0; l < 4; l++) sum[l] = sum[l] + sum[l + 4];
  return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static inline float rmsInverse(float squares, int n, float eps) {
  return 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
}

// Scale of n numbers to integers within ±limit; returns its reciprocal, or 0 where all become 0. The scale is 0 for
// a block that is (almost) zero and NaN for one with an infinity or NaN, which makes every result NaN.
static inline float actScale(const float* x, int n, float limit, float& scale) {
  uint32_t largest = 0;  // of the magnitudes' bits, so that NaN is the largest
  for (int c = 0; c < n; c++) {
    uint32_t bits;
    std::memcpy(&bits, x + c, 4);
    bits &= 0x7fffffffu;
    largest = bits > largest ? bits : largest;
  }
  float most;
  std::memcpy(&most, &largest, 4);
  scale = 0.0f;
  if (largest >= 0x7f800000u) {
    scale = std::numeric_limits<float>::quiet_NaN();
    return 0.0f;
  }
  if (most < kActFloor) return 0.0f;
  scale = most / limit;
  return limit / most;
}

// Bytes of the 32 integers of a block.
static inline void splitActs(const int16_t* wide, int levels, int8_t* bytes) {
  if (levels == 2) {
    for (int c = 0; c < kBlockCols; c++) {
      const int low = static_cast<int8_t>(wide[c] & 255);
      bytes[c] = static_cast<int8_t>((wide[c] - low) >> 8);
      bytes[kBlockCols + c] = static_cast<int8_t>(low);
    }
  } else {
    for (int c = 0; c < kBlockCols; c++) bytes[c] = static_cast<int8_t>(wide[c]);
  }
}

// Query rows of one KV head that share a pass over keys and values.
constexpr int kAttentionRows = 12;

// --- The KV cache ------------------------------------------------------------------------------------------------

static inline void storeU16(uint8_t* at, uint16_t value) { std::memcpy(at, &value, 2); }

// Inside one KV head of a block, see kvHeadBytes.
struct KvHead {
  uint8_t* keys;
  uint8_t* values;
  float* keyScales;
  float* valueScales;

  KvHead(KvType type, int headSize, uint8_t* head) {
    const size_t half = static_cast<size_t>(headSize) * kKvBlockTokens * (type == KvType::F16 ? 2 : 1);
    keys = head;
    values = head + half;
    keyScales = reinterpret_cast<float*>(head + 2 * half);
    valueScales = keyScales + kKvBlockTokens;
  }
};
static inline KvHead kvHeadOf(const AttentionJob& job, int block) {
  return KvHead(job.type, job.headSize, const_cast<uint8_t*>(job.blocks[block]) + job.headOffset);
}

// Largest integer of an int8 key or value.
constexpr float kKvLimit = 127.0f;

// f16 has no room above 65504, and infinity times a weight of zero is NaN.
static inline float kvClamp(float x) { return x > 65504.0f ? 65504.0f : x < -65504.0f ? -65504.0f : x; }

}  // namespace zen
