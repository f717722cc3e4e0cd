#include "source.h"

#include <cstring>
#include <stdexcept>
#include <vector>

#include "half.h"

namespace zen::quant {
namespace {

constexpr SourceFormat kFormats[] = {
    {SourceType::F32, "F32", 1, 4, 0, 0, 0, 0},      {SourceType::F16, "F16", 1, 2, 0, 0, 0, 0},
    {SourceType::BF16, "BF16", 1, 2, 0, 0, 0, 0},    {SourceType::Q4_0, "Q4_0", 32, 18, 4, 32, 2, 0},
    {SourceType::Q4_1, "Q4_1", 32, 20, 4, 32, 4, 0}, {SourceType::Q5_0, "Q5_0", 32, 22, 5, 32, 2, 0},
    {SourceType::Q5_1, "Q5_1", 32, 24, 5, 32, 4, 0}, {SourceType::Q8_0, "Q8_0", 32, 34, 8, 32, 2, 0},
    {SourceType::Q4_K, "Q4_K", 256, 144, 4, 32, 2, 4}, {SourceType::Q5_K, "Q5_K", 256, 176, 5, 32, 2, 4},
    {SourceType::Q6_K, "Q6_K", 256, 210, 6, 16, 1, 2},
};

void Nibbles(const uint8_t* packed, uint8_t* codes) {
  for (int i = 0; i < 16; i++) {
    codes[i] = packed[i] & 15;
    codes[i + 16] = packed[i] >> 4;
  }
}

void FifthBits(const uint8_t* packed, uint8_t* codes) {
  uint32_t high;
  std::memcpy(&high, packed, 4);
  for (int i = 0; i < 32; i++) codes[i] |= static_cast<uint8_t>(((high >> i) & 1) << 4);
}

void UnpackK45(const SourceFormat& format, const uint8_t* block, uint8_t* codes, float* scale, float* offset) {
  const float d = LoadHalf(block), dmin = LoadHalf(block + 2);
  const bool five = format.type == SourceType::Q5_K;
  const uint8_t* high = block + 16;
  const uint8_t* low = five ? block + 48 : block + 16;
  for (int j = 0; j < 8; j++) {
    uint8_t sc, m;
    KScale(block + 4, j, sc, m);
    scale[j] = d * static_cast<float>(sc);
    offset[j] = -(dmin * static_cast<float>(m));
    for (int i = 0; i < 32; i++) {
      const uint8_t byte = low[(j / 2) * 32 + i];
      uint8_t code = (j & 1) ? byte >> 4 : byte & 15;
      if (five && (high[i] >> j) & 1) code |= 16;
      codes[j * 32 + i] = code;
    }
  }
}

void UnpackK6(const uint8_t* block, uint8_t* codes, float* scale, float* offset) {
  const float d = LoadHalf(block + 208);
  for (int j = 0; j < 16; j++) {
    scale[j] = d * static_cast<float>(static_cast<int8_t>(block[192 + j]));
    offset[j] = -32.0f * scale[j];
  }
  for (int half = 0; half < 2; half++) {
    const uint8_t* low = block + half * 64;
    const uint8_t* high = block + 128 + half * 32;
    uint8_t* out = codes + half * 128;
    for (int i = 0; i < 32; i++) {
      out[i] = static_cast<uint8_t>((low[i] & 15) | ((high[i] & 3) << 4));
      out[i + 32] = static_cast<uint8_t>((low[i + 32] & 15) | (((high[i] >> 2) & 3) << 4));
      out[i + 64] = static_cast<uint8_t>((low[i] >> 4) | (((high[i] >> 4) & 3) << 4));
      out[i + 96] = static_cast<uint8_t>((low[i + 32] >> 4) | ((high[i] >> 6) << 4));
    }
  }
}

}  // namespace

const SourceFormat& FormatOf(const std::string& name) {
  for (const SourceFormat& format : kFormats) {
    if (name == format.name) return format;
  }
  throw std::invalid_argument("source type " + name + " is not known");
}

size_t RowBytes(const SourceFormat& format, int cols) {
  if (cols % format.blockWeights != 0) {
    throw std::invalid_argument(std::string(format.name) + " needs a multiple of " +
                                std::to_string(format.blockWeights) + " columns, not " + std::to_string(cols));
  }
  return static_cast<size_t>(cols / format.blockWeights) * format.blockBytes;
}

void UnpackRow(const SourceFormat& format, const uint8_t* source, int cols, uint8_t* codes, float* scale,
               float* offset) {
  const int groups = format.blockWeights / format.group;
  for (int b = 0; b < cols / format.blockWeights; b++) {
    const uint8_t* block = source + static_cast<size_t>(b) * format.blockBytes;
    uint8_t* c = codes + b * format.blockWeights;
    float* s = scale + b * groups;
    float* o = offset + b * groups;
    if (format.superBytes == 0) *s = LoadHalf(block);
    switch (format.type) {
      case SourceType::Q4_0:
        Nibbles(block + 2, c);
        *o = -8.0f * *s;
        break;
      case SourceType::Q4_1:
        Nibbles(block + 4, c);
        *o = LoadHalf(block + 2);
        break;
      case SourceType::Q5_0:
        Nibbles(block + 6, c);
        FifthBits(block + 2, c);
        *o = -16.0f * *s;
        break;
      case SourceType::Q5_1:
        Nibbles(block + 8, c);
        FifthBits(block + 4, c);
        *o = LoadHalf(block + 2);
        break;
      case SourceType::Q8_0:
        for (int i = 0; i < 32; i++) c[i] = static_cast<uint8_t>(block[2 + i] ^ 0x80);
        *o = -128.0f * *s;
        break;
      case SourceType::Q4_K:
      case SourceType::Q5_K:
        UnpackK45(format, block, c, s, o);
        break;
      case SourceType::Q6_K:
        UnpackK6(block, c, s, o);
        break;
      default:
        throw std::invalid_argument(std::string(format.name) + " has no codes");
    }
  }
}

void Dequantize(const SourceFormat& format, const uint8_t* source, int rows, int cols, float* values) {
  const size_t rowBytes = RowBytes(format, cols);
  const size_t count = static_cast<size_t>(rows) * cols;
  if (format.type == SourceType::F32) {
    std::memcpy(values, source, count * 4);
    return;
  }
  if (format.bits == 0) {
    const bool half = format.type == SourceType::F16;
    for (size_t i = 0; i < count; i++) {
      const uint16_t raw = LoadU16(source + 2 * i);
      values[i] = half ? HalfToFloat(raw) : BrainToFloat(raw);
    }
    return;
  }
  std::vector<uint8_t> codes(cols);
  std::vector<float> scale(cols / format.group), offset(cols / format.group);
  for (int r = 0; r < rows; r++) {
    UnpackRow(format, source + r * rowBytes, cols, codes.data(), scale.data(), offset.data());
    float* out = values + static_cast<size_t>(r) * cols;
    for (int i = 0; i < cols; i++) {
      const int g = i / format.group;
      out[i] = ExactValue(format.type, scale[g], offset[g], codes[i]);
    }
  }
}

}  // namespace zen::quant
