// Sixteen floats on NEON. Included after the target pragma.
#pragma once

namespace zen {
namespace {

struct V16 {
  float32x4_t q[4];
};
template <class Each>
ZEN_INLINE V16 quarters(const Each& each) {
  return {{each(0), each(1), each(2), each(3)}};
}

ZEN_INLINE V16 load(const float* p) {
  return quarters([&](int i) ZEN_LAMBDA { return vld1q_f32(p + 4 * i); });
}
ZEN_INLINE void store(float* p, V16 v) {
  for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v.q[i]);
}
ZEN_INLINE V16 splat(float x) {
  return quarters([&](int) ZEN_LAMBDA { return vdupq_n_f32(x); });
}
ZEN_INLINE V16 fma(V16 x, V16 y, V16 z) {
  return quarters([&](int i) ZEN_LAMBDA { return vfmaq_f32(z.q[i], x.q[i], y.q[i]); });
}
ZEN_INLINE V16 add(V16 x, V16 y) {
  return quarters([&](int i) ZEN_LAMBDA { return vaddq_f32(x.q[i], y.q[i]); });
}
ZEN_INLINE V16 sub(V16 x, V16 y) {
  return quarters([&](int i) ZEN_LAMBDA { return vsubq_f32(x.q[i], y.q[i]); });
}
ZEN_INLINE V16 mul(V16 x, V16 y) {
  return quarters([&](int i) ZEN_LAMBDA { return vmulq_f32(x.q[i], y.q[i]); });
}
ZEN_INLINE V16 div(V16 x, V16 y) {
  return quarters([&](int i) ZEN_LAMBDA { return vdivq_f32(x.q[i], y.q[i]); });
}
ZEN_INLINE V16 negate(V16 x) {
  return quarters([&](int i) ZEN_LAMBDA { return vnegq_f32(x.q[i]); });
}
// −x in the lanes whose bit is 0.
ZEN_INLINE V16 withSigns(V16 x, int bits) {
  const uint32x4_t all = vdupq_n_u32(static_cast<uint32_t>(bits)), sign = vdupq_n_u32(0x80000000u);
  static const int32_t kTop[4] = {31, 30, 29, 28};
  const int32x4_t top = vld1q_s32(kTop);
  return quarters([&](int i) ZEN_LAMBDA {
    const uint32x4_t moved = vshlq_u32(all, vsubq_s32(top, vdupq_n_s32(4 * i)));
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x.q[i]), vbicq_u32(sign, moved)));
  });
}
// x > y ? x : y, and x < y ? x : y, so y where one is NaN.
ZEN_INLINE V16 larger(V16 x, V16 y) {
  return quarters([&](int i) ZEN_LAMBDA { return vbslq_f32(vcgtq_f32(x.q[i], y.q[i]), x.q[i], y.q[i]); });
}
ZEN_INLINE V16 smaller(V16 x, V16 y) {
  return quarters([&](int i) ZEN_LAMBDA { return vbslq_f32(vcltq_f32(x.q[i], y.q[i]), x.q[i], y.q[i]); });
}
ZEN_INLINE V16 nearest(V16 x) {
  return quarters([&](int i) ZEN_LAMBDA { return vrndnq_f32(x.q[i]); });
}
// 2^n for whole n in [−126, 127].
ZEN_INLINE V16 power2(V16 n) {
  return quarters([&](int i) ZEN_LAMBDA {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n.q[i]), vdupq_n_s32(127)), 23));
  });
}

ZEN_INLINE V16 loadHalves(const uint8_t* p) {
  return quarters([&](int i) ZEN_LAMBDA { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p + 8 * i))); });
}
ZEN_INLINE V16 loadBrains(const uint8_t* p) {
  return quarters([&](int i) ZEN_LAMBDA {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p + 8 * i)), 16));
  });
}
ZEN_INLINE V16 widen(int16x8_t low, int16x8_t high) {
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(high)))}};
}
ZEN_INLINE V16 loadInt8(const uint8_t* p) {
  const int8x16_t v = vreinterpretq_s8_u8(vld1q_u8(p));
  return widen(vmovl_s8(vget_low_s8(v)), vmovl_s8(vget_high_s8(v)));
}
ZEN_INLINE V16 loadUint8(const uint8_t* p) {
  const uint8x16_t v = vld1q_u8(p);
  return widen(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(v))), vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(v))));
}
ZEN_INLINE void storeHalves(uint8_t* p, V16 v) {
  for (int i = 0; i < 4; i++) vst1_u8(p + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(v.q[i])));
}
// Rounded to nearest even; values fit 16 bits.
ZEN_INLINE void storeInt16(int16_t* p, V16 v) {
  for (int i = 0; i < 4; i++) vst1_s16(p + 4 * i, vqmovn_s32(vcvtnq_s32_f32(v.q[i])));
}

// Sum of 16 numbers.
ZEN_INLINE int sumInt16(const int16_t* p) { return vaddlvq_s16(vld1q_s16(p)) + vaddlvq_s16(vld1q_s16(p + 8)); }

constexpr int kScoreRows = 4;  // × 16 keys: 16 of 32 registers
constexpr int kValueRows = 2;  // × 32 dimensions
constexpr int kRawTokens = 4;

}  // namespace
}  // namespace zen
