// Codes out of planes and scales out of their sections, for 16 rows at a time, over a variant's Bytes (64 bytes: one
// step of a tile) and V16. Included inside a variant's file after its vector headers.
#include <utility>

namespace zen {
namespace {

// A plane's bits in a step, at their place in the code. `block` is the plane's block.
template <int Step, int Width, int Low>
ZEN_INLINE Bytes planeField(const uint8_t* block) {
  constexpr int perByte = 8 / Width, right = Step % perByte * Width - Low;
  Bytes v = loadBytes(block + 64 * (Step / perByte));
  if constexpr (Width == 8) return v;
  if constexpr (right > 0) v = shiftRight<right>(v);
  if constexpr (right < 0) v = shiftLeft<-right>(v);
  return keep(v, ((1 << Width) - 1) << Low);
}

// A list of planes, most significant first.
template <int... Widths>
struct Codes;
template <int Width, int... Rest>
struct Codes<Width, Rest...> {
  static constexpr int low = (0 + ... + Rest), bits = Width + low, planes = 1 + sizeof...(Rest);
  template <int Step>
  ZEN_INLINE static Bytes at(const uint8_t* const* block) {
    const Bytes v = planeField<Step, Width, low>(block[0]);
    if constexpr (sizeof...(Rest) > 0) return either(v, Codes<Rest...>::template at<Step>(block + 1));
    return v;
  }
  static constexpr int width(int p) {
    constexpr int widths[] = {Width, Rest...};
    return widths[p];
  }
  static bool fits(const Matrix& m) {
    if (m.planeCount != planes) return false;
    for (int p = 0; p < planes; p++)
      if (m.planes[p].width != width(p)) return false;
    return true;
  }
};

// body(step) for 0, 1, …, Steps − 1, each a constant.
template <class Body, int... I>
ZEN_INLINE void unrolledOver(const Body& body, std::integer_sequence<int, I...>) {
  (body(std::integral_constant<int, I>()), ...);
}
template <int Steps, class Body>
ZEN_INLINE void unrolled(const Body& body) {
  unrolledOver(body, std::make_integer_sequence<int, Steps>());
}

// 8-bit codes are 128 less where the instruction set multiplies signed bytes only; the zero point makes up for it.
template <int Bits>
ZEN_INLINE Bytes multipliable(Bytes v) {
  if constexpr (kSignedCodes && Bits == 8) return flip(v);
  return v;
}
ZEN_INLINE int zeroPoint(const Matrix& m) { return m.center - (kSignedCodes && m.bits == 8 ? 128 : 0); }

// Blocks [begin, end) of one tile to bytes, 512 a block.
using Unpack = void (*)(const Matrix&, int tile, int begin, int end, uint8_t* out);
template <class C>
void unpackKnown(const Matrix& m, int tile, int begin, int end, uint8_t* out) {
  const uint8_t* planes[C::planes];
  for (int b = begin; b < end; b++, out += 512) {
    for (int p = 0; p < C::planes; p++) planes[p] = planeBlock(m, p, tile, b);
    unrolled<8>([&](auto step)
                    ZEN_LAMBDA { storeBytes(out + 64 * step, multipliable<C::bits>(C::template at<step>(planes))); });
  }
}

// Appends a plane's bits to the codes of a block so far.
template <int Width>
void appendPlane(const uint8_t* block, bool first, uint8_t* out) {
  unrolled<8>([&](auto step) ZEN_LAMBDA {
    Bytes v = planeField<step, Width, 0>(block);
    if constexpr (Width < 8)
      if (!first) v = either(v, keep(shiftLeft<Width>(loadBytes(out + 64 * step)), 256 - (1 << Width)));
    storeBytes(out + 64 * step, v);
  });
}
void unpackAny(const Matrix& m, int tile, int begin, int end, uint8_t* out) {
  for (int b = begin; b < end; b++, out += 512) {
    for (int p = 0; p < m.planeCount; p++) {
      const uint8_t* block = planeBlock(m, p, tile, b);
      switch (m.planes[p].width) {
        case 1:
          appendPlane<1>(block, p == 0, out);
          break;
        case 2:
          appendPlane<2>(block, p == 0, out);
          break;
        case 4:
          appendPlane<4>(block, p == 0, out);
          break;
        default:
          appendPlane<8>(block, p == 0, out);
      }
    }
    if (kSignedCodes && m.bits == 8)
      for (int step = 0; step < 8; step++) storeBytes(out + 64 * step, flip(loadBytes(out + 64 * step)));
  }
}

// The bits of a block's number that are 0 where its group begins; 0 (every block is looked up) where no mask says it.
ZEN_INLINE int signMask(const Matrix& m) {
  const int blocks = m.group / kBlockCols;
  if (m.group == m.cols) return std::numeric_limits<int>::max();
  return (blocks & (blocks - 1)) == 0 ? blocks - 1 : 0;
}

// Scale s and offset o of a block's 16 rows; for K6 s is of its first and o of its second 16 columns.
struct Scales {
  const Matrix& m;
  int tile, withinGroup;  // mask of a block's place in its group
  V16 row, unit, s, o;

  ZEN_INLINE Scales(const Matrix& matrix, int tileIndex)
      : m(matrix), tile(tileIndex), withinGroup(0), row(splat(0.0f)), unit(splat(zeroUnit(matrix))), s(row), o(row) {
    if (m.scaleKind == ScaleKind::Sign) withinGroup = signMask(m);
    if (m.scaleKind != ScaleKind::Row8) return;
    withinGroup = m.group / kBlockCols - 1;
    row = loadHalves(rowScales(m, tile));
  }

  // Blocks in ascending order from 0.
  ZEN_INLINE void load(int block) {
    if ((block & withinGroup) != 0) return;
    const uint8_t* at = scaleBlock(m, tile, block);
    switch (m.scaleKind) {
      case ScaleKind::Row8:
        s = mul(row, loadUint8(at));
        o = negate(mul(s, mul(loadUint8(at + 16), unit)));
        break;
      case ScaleKind::F16Pair:
        s = loadHalves(at);
        o = loadHalves(at + 32);
        break;
      case ScaleKind::F16Sym:
        s = loadHalves(at);
        break;
      case ScaleKind::Sign:
        s = loadHalves(at);
        o = negate(s);
        s = add(s, s);
        break;
      case ScaleKind::K4: {
        const uint8_t* super = superBlock(m, tile, block);
        s = mul(loadHalves(super), loadUint8(at));
        o = negate(mul(loadHalves(super + 32), loadUint8(at + 16)));
        break;
      }
      case ScaleKind::K6: {
        const V16 d = loadHalves(superBlock(m, tile, block));
        s = mul(d, loadInt8(at));
        o = mul(d, loadInt8(at + 16));
        break;
      }
    }
  }
};

}  // namespace
}  // namespace zen
