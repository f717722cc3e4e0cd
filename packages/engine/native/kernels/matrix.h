// A weight matrix as it lies in a ladder blob: a view, nothing is copied (docs/ladder-format.md).
#pragma once
#include <cstddef>
#include <cstdint>

namespace zen {

constexpr int kTileRows = 16;
constexpr int kBlockCols = 32;
constexpr int kMaxPlanes = 8;

enum class Coding : uint8_t { Codes, F32, F16, BF16 };

// Where the value of a code comes from. `scales` and `supers` below hold what each kind needs.
enum class ScaleKind : uint8_t {
  Row8,     // `coded`: rowScale = 16 f16 per tile; scales = per tile and group 16 u8 scales, 16 u8 zeros
  F16Pair,  // Q4_1, Q5_1: scales = per tile and block 16 f16 d, 16 f16 m; d·c + m
  F16Sym,   // Q4_0, Q5_0, Q8_0: scales = per tile and block 16 f16 d; d·(c − center)
  K4,       // Q4_K, Q5_K: scales = per tile and block 16 u8 sc, 16 u8 m; supers = per 256 columns 16 f16 d, 16 f16 dmin
  Sign,     // a delta's signs: scales = per tile and group 16 f16 s; s·(2c − 1)
  K6,       // Q6_K: scales = per tile and 16 columns 16 i8 sc; supers = per 256 columns 16 f16 d; (d·sc)·(c − center)
};

struct Plane {
  const uint8_t* data;  // tile-major, then block-major; 64·width bytes a block
  int width;            // 1, 2, 4 or 8 bits of every code
};

struct Matrix {
  int rows = 0;
  int cols = 0;  // a multiple of 32 where coding is Codes
  Coding coding = Coding::Codes;

  // Codes only.
  ScaleKind scaleKind = ScaleKind::Row8;
  int bits = 0;    // sum of the planes' widths, 1 to 8
  int group = 32;  // Row8: 32, 64 or 128 columns; Sign: a multiple of 32 that divides cols
  int center = 0;  // F16Sym and K6: the code of zero (2^(bits−1))
  int planeCount = 0;
  Plane planes[kMaxPlanes] = {};  // most significant first
  const uint8_t* rowScale = nullptr;
  const uint8_t* scales = nullptr;
  const uint8_t* supers = nullptr;

  // F32, F16, BF16: row-major.
  const uint8_t* data = nullptr;

  int tiles() const { return (rows + kTileRows - 1) / kTileRows; }
  int blocks() const { return cols / kBlockCols; }
  int groups() const { return (cols + group - 1) / group; }
  int supersPerTile() const { return (cols + 255) / 256; }
};

// Why the kernels cannot use this matrix ("group 48 is not 32, 64 or 128"), or null. Pointers' sizes are the
// reader's job; this checks the numbers.
const char* matrixProblem(const Matrix& matrix);

}  // namespace zen
