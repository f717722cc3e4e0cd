// The ladder's tile layout (docs/ladder-format.md): 16 rows a tile, 32 columns a block, planes of 1, 2, 4 or 8 bits.
#pragma once
#include <cstddef>
#include <cstdint>

#include "source.h"

namespace zen::quant {

constexpr int kTileRows = 16;
constexpr int kBlockCols32 = 32;

inline int Tiles(int rows) { return (rows + kTileRows - 1) / kTileRows; }
inline int Groups(int cols, int group) { return (cols + group - 1) / group; }

size_t PlaneBytes(int rows, int cols, int width);
size_t RowScaleBytes(int rows);
size_t GroupBytes(int rows, int cols, int group);
size_t ParamBytes(const SourceFormat& format, int rows, int cols);
size_t SuperBytes(const SourceFormat& format, int rows, int cols);

// Writes the plane that holds bits [shift, shift + width) of row-major codes.
void PackPlane(const uint8_t* codes, int rows, int cols, int shift, int width, uint8_t* plane);
// Adds (by or) a plane's bits at `shift` to row-major codes.
void UnpackPlane(const uint8_t* plane, int rows, int cols, int shift, int width, uint8_t* codes);

// Row scales (f16 bits, one per row) to 16 per tile.
void PackRowScale(const uint16_t* rowScale, int rows, uint8_t* out);
// Row-major [rows][groups] u8 scales and zeros to 16 scales, 16 zeros per tile and group.
void PackGroups(const uint8_t* scale, const uint8_t* zero, int rows, int groups, uint8_t* out);

void UnpackRowScale(const uint8_t* section, int rows, uint16_t* rowScale);
void UnpackGroups(const uint8_t* section, int rows, int groups, uint8_t* scale, uint8_t* zero);

// The exact rung's parameters from the source's blocks.
void PackParams(const SourceFormat& format, const uint8_t* source, int rows, int cols, uint8_t* params,
                uint8_t* supers);
// Scale and offset per row and group, row-major [rows][cols / group], as UnpackRow gives them.
void UnpackParams(const SourceFormat& format, const uint8_t* params, const uint8_t* supers, int rows, int cols,
                  float* scale, float* offset);

// A coded rung's scale s and zero z of one row and group.
struct CodedScale {
  float s, z;
};
CodedScale CodedScaleAt(const uint8_t* rowScale, const uint8_t* groups, int groupCount, int bits, int row, int g);

inline float CodedValue(CodedScale at, int code) {
  const float product = at.s * static_cast<float>(code);
  const float zero = at.s * at.z;
  return product - zero;
}

// Row-major values of a coded rung.
void DecodeCoded(const uint8_t* codes, const uint8_t* rowScale, const uint8_t* groups, int rows, int cols, int bits,
                 int group, float* values);

// The source code nearest to prediction p among those that end in `residual` (R low bits of B).
int NearestCode(float prediction, int residual, int residualBits, int bits);

// Whether NearestCode finds `code` again, with 1/64 of a source step to spare.
bool Decodable(float prediction, int code, int residualBits, int bits);

inline float Prediction(float value, float scale, float offset) { return scale == 0 ? 0.0f : (value - offset) / scale; }

}  // namespace zen::quant
