// AVX2: scales and offsets of a block's 16 rows. Included only by avx2_*.cc, after the target pragma.
#pragma once

namespace zen {
namespace {

ZEN_INLINE __m256 halves8(const uint8_t* at) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}
ZEN_INLINE __m256 unsigned8(const uint8_t* at) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
}
ZEN_INLINE __m256 signed8(const uint8_t* at) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))));
}
ZEN_INLINE __m256 negate(__m256 v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }

// Rows 0–7 and 8–15: scale s and offset o of the block; for K6 s is of its first and o of its second 16 columns.
struct Scales {
  const Matrix& m;
  int tile;
  int blocksPerGroup;
  __m256 row[2], unit;
  __m256 s[2], o[2];

  Scales(const Matrix& matrix, int tileIndex) : m(matrix), tile(tileIndex), blocksPerGroup(1) {
    const bool coded = m.scaleKind == ScaleKind::Row8;
    if (coded) blocksPerGroup = m.group / kBlockCols;
    for (int h = 0; h < 2; h++) {
      row[h] = coded ? halves8(rowScales(m, tile) + 16 * h) : _mm256_setzero_ps();
      s[h] = o[h] = _mm256_setzero_ps();
    }
    unit = _mm256_set1_ps(zeroUnit(m));
  }

  // Blocks in ascending order.
  ZEN_INLINE void load(int block) {
    if (block % blocksPerGroup != 0) return;
    const uint8_t* at = scaleBlock(m, tile, block);
    switch (m.scaleKind) {
      case ScaleKind::Row8:
        for (int h = 0; h < 2; h++) {
          s[h] = _mm256_mul_ps(row[h], unsigned8(at + 8 * h));
          o[h] = negate(_mm256_mul_ps(s[h], _mm256_mul_ps(unsigned8(at + 16 + 8 * h), unit)));
        }
        break;
      case ScaleKind::F16Pair:
        for (int h = 0; h < 2; h++) {
          s[h] = halves8(at + 16 * h);
          o[h] = halves8(at + 32 + 16 * h);
        }
        break;
      case ScaleKind::F16Sym:
        for (int h = 0; h < 2; h++) {
          s[h] = halves8(at + 16 * h);
          o[h] = _mm256_setzero_ps();
        }
        break;
      case ScaleKind::K4: {
        const uint8_t* super = superBlock(m, tile, block);
        for (int h = 0; h < 2; h++) {
          s[h] = _mm256_mul_ps(halves8(super + 16 * h), unsigned8(at + 8 * h));
          o[h] = negate(_mm256_mul_ps(halves8(super + 32 + 16 * h), unsigned8(at + 16 + 8 * h)));
        }
        break;
      }
      case ScaleKind::K6: {
        const uint8_t* super = superBlock(m, tile, block);
        for (int h = 0; h < 2; h++) {
          const __m256 d = halves8(super + 16 * h);
          s[h] = _mm256_mul_ps(d, signed8(at + 8 * h));
          o[h] = _mm256_mul_ps(d, signed8(at + 16 + 8 * h));
        }
        break;
      }
    }
  }
};

}  // namespace
}  // namespace zen
