#include "tile_layout.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "half.h"
#include "parallel.h"

namespace zen::quant {
namespace {

// Calls use(byte of the plane, bit in it, index of the code) for every weight of rows [begin, end).
template <typename Byte, typename Use>
void EachPlace(Byte* plane, int cols, int width, int begin, int end, Use&& use) {
  const int blocks = cols / kBlockCols32, perVector = 8 / width;
  for (int r = begin; r < end; r++) {
    Byte* tile = plane + static_cast<size_t>(r / kTileRows) * blocks * 64 * width + r % kTileRows * 4;
    size_t index = static_cast<size_t>(r) * cols;
    for (int b = 0; b < blocks; b++, tile += 64 * width) {
      for (int step = 0; step < 8; step++) {
        Byte* four = tile + step / perVector * 64;
        for (int i = 0; i < 4; i++) use(four[i], step % perVector * width, index++);
      }
    }
  }
}

}  // namespace

size_t PlaneBytes(int rows, int cols, int width) {
  if (cols % kBlockCols32 != 0) {
    throw std::invalid_argument("columns must be a multiple of 32, not " + std::to_string(cols));
  }
  return static_cast<size_t>(Tiles(rows)) * (cols / kBlockCols32) * 64 * width;
}
size_t RowScaleBytes(int rows) { return static_cast<size_t>(Tiles(rows)) * kTileRows * 2; }
size_t GroupBytes(int rows, int cols, int group) {
  return static_cast<size_t>(Tiles(rows)) * Groups(cols, group) * kTileRows * 2;
}
size_t ParamBytes(const SourceFormat& format, int rows, int cols) {
  return static_cast<size_t>(Tiles(rows)) * kTileRows * (cols / format.group) * format.paramBytes;
}
size_t SuperBytes(const SourceFormat& format, int rows, int cols) {
  return static_cast<size_t>(Tiles(rows)) * kTileRows * (cols / 256) * format.superBytes;
}

void PackPlane(const uint8_t* codes, int rows, int cols, int shift, int width, uint8_t* plane) {
  std::memset(plane, 0, PlaneBytes(rows, cols, width));
  const int mask = (1 << width) - 1;
  ParallelFor(rows, kTileRows, [&](int begin, int end) {
    EachPlace(plane, cols, width, begin, end, [&](uint8_t& byte, int bit, size_t index) {
      byte |= static_cast<uint8_t>(((codes[index] >> shift) & mask) << bit);
    });
  });
}

void UnpackPlane(const uint8_t* plane, int rows, int cols, int shift, int width, uint8_t* codes) {
  const int mask = (1 << width) - 1;
  ParallelFor(rows, kTileRows, [&](int begin, int end) {
    EachPlace(plane, cols, width, begin, end, [&](uint8_t byte, int bit, size_t index) {
      codes[index] |= static_cast<uint8_t>(((byte >> bit) & mask) << shift);
    });
  });
}

void PackRowScale(const uint16_t* rowScale, int rows, uint8_t* out) {
  std::memset(out, 0, RowScaleBytes(rows));
  for (int r = 0; r < rows; r++) StoreU16(out + 2 * r, rowScale[r]);
}

void PackGroups(const uint8_t* scale, const uint8_t* zero, int rows, int groups, uint8_t* out) {
  std::memset(out, 0, static_cast<size_t>(Tiles(rows)) * groups * 32);
  for (int r = 0; r < rows; r++) {
    for (int g = 0; g < groups; g++) {
      uint8_t* entry = out + (static_cast<size_t>(r / kTileRows) * groups + g) * 32 + r % kTileRows;
      entry[0] = scale[static_cast<size_t>(r) * groups + g];
      entry[16] = zero[static_cast<size_t>(r) * groups + g];
    }
  }
}

void UnpackRowScale(const uint8_t* section, int rows, uint16_t* rowScale) {
  for (int r = 0; r < rows; r++) rowScale[r] = LoadU16(section + 2 * r);
}

void UnpackGroups(const uint8_t* section, int rows, int groups, uint8_t* scale, uint8_t* zero) {
  for (int r = 0; r < rows; r++) {
    for (int g = 0; g < groups; g++) {
      const uint8_t* entry = section + (static_cast<size_t>(r / kTileRows) * groups + g) * 32 + r % kTileRows;
      scale[static_cast<size_t>(r) * groups + g] = entry[0];
      zero[static_cast<size_t>(r) * groups + g] = entry[16];
    }
  }
}

void PackParams(const SourceFormat& format, const uint8_t* source, int rows, int cols, uint8_t* params,
                uint8_t* supers) {
  std::memset(params, 0, ParamBytes(format, rows, cols));
  if (format.superBytes > 0) std::memset(supers, 0, SuperBytes(format, rows, cols));
  const int groups = cols / format.group, blocks = cols / format.blockWeights;
  const int perBlock = format.blockWeights / format.group;
  const size_t rowBytes = RowBytes(format, cols);
  for (int r = 0; r < rows; r++) {
    const int tile = r / kTileRows, lane = r % kTileRows;
    for (int b = 0; b < blocks; b++) {
      const uint8_t* block = source + r * rowBytes + static_cast<size_t>(b) * format.blockBytes;
      for (int j = 0; j < perBlock; j++) {
        uint8_t* to = params + (static_cast<size_t>(tile) * groups + b * perBlock + j) * kTileRows * format.paramBytes;
        if (format.type == SourceType::Q6_K) {
          to[lane] = block[192 + j];
        } else if (format.superBytes > 0) {
          KScale(block + 4, j, to[lane], to[kTileRows + lane]);
        } else {
          std::memcpy(to + 2 * lane, block, 2);
          if (format.paramBytes == 4) std::memcpy(to + 2 * (kTileRows + lane), block + 2, 2);
        }
      }
      if (format.superBytes == 0) continue;
      uint8_t* to = supers + (static_cast<size_t>(tile) * blocks + b) * kTileRows * format.superBytes;
      if (format.type == SourceType::Q6_K) {
        std::memcpy(to + 2 * lane, block + 208, 2);
      } else {
        std::memcpy(to + 2 * lane, block, 2);
        std::memcpy(to + 2 * (kTileRows + lane), block + 2, 2);
      }
    }
  }
}

void UnpackParams(const SourceFormat& format, const uint8_t* params, const uint8_t* supers, int rows, int cols,
                  float* scale, float* offset) {
  const int groups = cols / format.group, perSuper = format.blockWeights / format.group;
  for (int r = 0; r < rows; r++) {
    const int tile = r / kTileRows, lane = r % kTileRows;
    for (int g = 0; g < groups; g++) {
      const uint8_t* from = params + (static_cast<size_t>(tile) * groups + g) * kTileRows * format.paramBytes;
      const uint8_t* super = supers + (static_cast<size_t>(tile) * (groups / perSuper) + g / perSuper) * kTileRows *
                                          format.superBytes;
      float s, o;
      switch (format.type) {
        case SourceType::Q6_K:
          s = LoadHalf(super + 2 * lane) * static_cast<float>(static_cast<int8_t>(from[lane]));
          o = -32.0f * s;
          break;
        case SourceType::Q4_K:
        case SourceType::Q5_K:
          s = LoadHalf(super + 2 * lane) * static_cast<float>(from[lane]);
          o = -(LoadHalf(super + 2 * (kTileRows + lane)) * static_cast<float>(from[kTileRows + lane]));
          break;
        case SourceType::Q4_1:
        case SourceType::Q5_1:
          s = LoadHalf(from + 2 * lane);
          o = LoadHalf(from + 2 * (kTileRows + lane));
          break;
        default:
          s = LoadHalf(from + 2 * lane);
          o = -static_cast<float>(1 << (format.bits - 1)) * s;
      }
      scale[static_cast<size_t>(r) * groups + g] = s;
      offset[static_cast<size_t>(r) * groups + g] = o;
    }
  }
}

CodedScale CodedScaleAt(const uint8_t* rowScale, const uint8_t* groups, int groupCount, int bits, int row, int g) {
  const uint8_t* entry = groups + (static_cast<size_t>(row / kTileRows) * groupCount + g) * 32 + row % kTileRows;
  const float widest = static_cast<float>((1 << bits) - 1);
  return {LoadHalf(rowScale + 2 * row) * static_cast<float>(entry[0]), static_cast<float>(entry[16]) * widest / 255.0f};
}

void DecodeCoded(const uint8_t* codes, const uint8_t* rowScale, const uint8_t* groups, int rows, int cols, int bits,
                 int group, float* values) {
  const int groupCount = Groups(cols, group);
  ParallelFor(rows, kTileRows, [&](int begin, int end) {
    for (int r = begin; r < end; r++) {
      for (int g = 0; g < groupCount; g++) {
        const CodedScale at = CodedScaleAt(rowScale, groups, groupCount, bits, r, g);
        const size_t row = static_cast<size_t>(r) * cols;
        const size_t last = row + std::min(cols, (g + 1) * group);
        for (size_t i = row + static_cast<size_t>(g) * group; i < last; i++) values[i] = CodedValue(at, codes[i]);
      }
    }
  });
}

int NearestCode(float prediction, int residual, int residualBits, int bits) {
  int best = residual;
  float bestDistance = std::fabs(static_cast<float>(residual) - prediction);
  for (int code = residual + (1 << residualBits); code < (1 << bits); code += 1 << residualBits) {
    const float distance = std::fabs(static_cast<float>(code) - prediction);
    if (distance < bestDistance) {
      best = code;
      bestDistance = distance;
    }
  }
  return best;
}

bool Decodable(float prediction, int code, int residualBits, int bits) {
  const int step = 1 << residualBits;
  if (step >= 1 << bits) return true;  // the residual is the whole code
  const float reach = 0.5f * static_cast<float>(step) - 1.0f / 64;
  const float away = prediction - static_cast<float>(code);
  if (!(std::fabs(prediction) < 1e6f)) return false;
  if (code + step < (1 << bits) && away > reach) return false;
  return code - step < 0 || away >= -reach;
}

}  // namespace zen::quant
