// NEON with dot products: 64 codes and their integer products. Included after the target pragma.
#pragma once

namespace zen {
namespace {

struct Bytes {
  uint8x16_t q[4];
};
struct I16 {
  int32x4_t q[4];
};

template <class Each>
ZEN_INLINE Bytes byteQuarters(const Each& each) {
  return {{each(0), each(1), each(2), each(3)}};
}
ZEN_INLINE Bytes loadBytes(const uint8_t* p) {
  return byteQuarters([&](int i) ZEN_LAMBDA { return vld1q_u8(p + 16 * i); });
}
ZEN_INLINE void storeBytes(uint8_t* p, Bytes v) {
  for (int i = 0; i < 4; i++) vst1q_u8(p + 16 * i, v.q[i]);
}
template <int N>
ZEN_INLINE Bytes shiftRight(Bytes v) {
  return byteQuarters([&](int i) ZEN_LAMBDA { return vshrq_n_u8(v.q[i], N); });
}
template <int N>
ZEN_INLINE Bytes shiftLeft(Bytes v) {
  return byteQuarters([&](int i) ZEN_LAMBDA { return vshlq_n_u8(v.q[i], N); });
}
ZEN_INLINE Bytes keep(Bytes v, int mask) {
  return byteQuarters([&](int i) ZEN_LAMBDA { return vandq_u8(v.q[i], vdupq_n_u8(static_cast<uint8_t>(mask))); });
}
ZEN_INLINE Bytes either(Bytes v, Bytes w) {
  return byteQuarters([&](int i) ZEN_LAMBDA { return vorrq_u8(v.q[i], w.q[i]); });
}
ZEN_INLINE Bytes flip(Bytes v) {
  return byteQuarters([&](int i) ZEN_LAMBDA { return veorq_u8(v.q[i], vdupq_n_u8(0x80)); });
}
// Both factors of vdotq_s32 are signed.
constexpr bool kSignedCodes = true;

ZEN_INLINE V16 toFloats(I16 v) {
  return quarters([&](int i) ZEN_LAMBDA { return vcvtq_f32_s32(v.q[i]); });
}
ZEN_INLINE I16 subtract(I16 v, int x) {
  for (int32x4_t& q : v.q) q = vsubq_s32(q, vdupq_n_s32(x));
  return v;
}

constexpr int bitClass(int) { return 8; }
// Tiles and tokens of one register block: four sums a level and token, of 32 registers.
constexpr int kTilesTogether = 1;
constexpr int kMostTokens = 4;
constexpr int tokensOf(int, int levels) { return levels == 2 ? 2 : 4; }

// The running products of 16 rows with one token.
template <int Bits, int Levels>
struct Dot {
  struct Four {
    int8x16_t level[Levels];
  };
  int32x4_t part[Levels][4];

  ZEN_INLINE Dot() {
    for (auto& level : part)
      for (int32x4_t& q : level) q = vdupq_n_s32(0);
  }
  // The four activations of a step, for every row.
  template <int Step>
  ZEN_INLINE static Four activations(const int8_t* bytes, const int16_t*) {
    Four out;
    for (int l = 0; l < Levels; l++) {
      int32_t four;
      std::memcpy(&four, bytes + kBlockCols * l + 4 * Step, 4);
      out.level[l] = vreinterpretq_s8_s32(vdupq_n_s32(four));
    }
    return out;
  }
  template <int Step>
  ZEN_INLINE void step(Bytes codes, Four four) {
    for (int l = 0; l < Levels; l++)
      for (int i = 0; i < 4; i++) part[l][i] = vdotq_s32(part[l][i], vreinterpretq_s8_u8(codes.q[i]), four.level[l]);
  }
  template <int Steps>
  ZEN_INLINE I16 total() {
    I16 out;
    for (int i = 0; i < 4; i++)
      out.q[i] = Levels == 2 ? vaddq_s32(vshlq_n_s32(part[0][i], 8), part[Levels - 1][i]) : part[0][i];
    return out;
  }
};

}  // namespace
}  // namespace zen
