// Source formats in GGUF block layout: their codes, parameters and exact values.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace zen::quant {

enum class SourceType { F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K };

struct SourceFormat {
  SourceType type;
  const char* name;
  int blockWeights;   // weights per block
  int blockBytes;     // bytes per block
  int bits;           // width of a code, 0 for plain floats
  int group;          // weights that share a scale, 0 for plain floats
  int paramBytes;     // bytes of the exact rung's `params` per row and group
  int superBytes;     // bytes of `supers` per row and 256 columns, 0 where there are none
};

// Throws std::invalid_argument that names an unknown type.
const SourceFormat& FormatOf(const std::string& name);

// Bytes of a row; throws where cols is not a multiple of the block.
size_t RowBytes(const SourceFormat& format, int cols);

// Exact float32 values of `rows` rows.
void Dequantize(const SourceFormat& format, const uint8_t* source, int rows, int cols, float* values);

// One row's codes (unsigned) with scale and offset of each group: value = scale * code + offset.
void UnpackRow(const SourceFormat& format, const uint8_t* source, int cols, uint8_t* codes, float* scale,
               float* offset);

// Exact value of one code by the format's own order of operations; the parameters as UnpackRow gives them.
inline float ExactValue(SourceType type, float scale, float offset, int code) {
  switch (type) {
    case SourceType::Q4_0: return scale * static_cast<float>(code - 8);
    case SourceType::Q5_0: return scale * static_cast<float>(code - 16);
    case SourceType::Q8_0: return scale * static_cast<float>(code - 128);
    case SourceType::Q6_K: return scale * static_cast<float>(code - 32);
    default: {
      const float product = scale * static_cast<float>(code);
      return product + offset;
    }
  }
}

// The 6-bit scale and minimum of sub-block j of a Q4_K or Q5_K block.
inline void KScale(const uint8_t* packed, int j, uint8_t& scale, uint8_t& minimum) {
  if (j < 4) {
    scale = packed[j] & 63;
    minimum = packed[j + 4] & 63;
  } else {
    scale = static_cast<uint8_t>((packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4));
    minimum = static_cast<uint8_t>((packed[j + 4] >> 4) | ((packed[j] >> 6) << 4));
  }
}

}  // namespace zen::quant
