// Values of one row, by the formulas of docs/ladder-format.md with every operation rounded to float32.
#include "kernels/block.h"

namespace zen {
namespace {

// One block's 32 values.
void dequantizeBlock(const Matrix& m, int tile, int block, int r, const int* code, float* out) {
  const uint8_t* at = scaleBlock(m, tile, block);
  switch (m.scaleKind) {
    case ScaleKind::Row8: {
      const float s = loadHalf(rowScales(m, tile) + 2 * r) * static_cast<float>(at[r]);
      const float z = static_cast<float>(at[16 + r] * ((1 << m.bits) - 1)) / 255.0f;
      const float zero = s * z;
      for (int c = 0; c < kBlockCols; c++) out[c] = s * static_cast<float>(code[c]) - zero;
      return;
    }
    case ScaleKind::F16Pair: {
      const float d = loadHalf(at + 2 * r), min = loadHalf(at + 32 + 2 * r);
      for (int c = 0; c < kBlockCols; c++) out[c] = d * static_cast<float>(code[c]) + min;
      return;
    }
    case ScaleKind::F16Sym: {
      const float d = loadHalf(at + 2 * r);
      for (int c = 0; c < kBlockCols; c++) out[c] = d * static_cast<float>(code[c] - m.center);
      return;
    }
    case ScaleKind::K4: {
      const uint8_t* super = superBlock(m, tile, block);
      const float s = loadHalf(super + 2 * r) * static_cast<float>(at[r]);
      const float min = loadHalf(super + 32 + 2 * r) * static_cast<float>(at[16 + r]);
      for (int c = 0; c < kBlockCols; c++) out[c] = s * static_cast<float>(code[c]) - min;
      return;
    }
    case ScaleKind::Sign: {
      const float s = loadHalf(at + 2 * r);
      for (int c = 0; c < kBlockCols; c++) out[c] = code[c] ? s : -s;
      return;
    }
    case ScaleKind::K6: {
      const float d = loadHalf(superBlock(m, tile, block) + 2 * r);
      for (int c = 0; c < kBlockCols; c++)
        out[c] =
            (d * static_cast<float>(static_cast<int8_t>(at[c / 16 * 16 + r]))) * static_cast<float>(code[c] - m.center);
      return;
    }
  }
}

}  // namespace

void dequantizeRow(const Matrix& m, int row, float* out) {
  if (m.coding == Coding::Codes) {
    const int tile = row / kTileRows, r = row % kTileRows;
    for (int b = 0; b < m.blocks(); b++, out += kBlockCols) {
      int code[kBlockCols];
      for (int c = 0; c < kBlockCols; c++) code[c] = codeAt(m, tile, b, r, c);
      dequantizeBlock(m, tile, b, r, code, out);
    }
    return;
  }
  const size_t first = static_cast<size_t>(row) * m.cols;
  if (m.coding == Coding::F32) {
    std::memcpy(out, m.data + 4 * first, sizeof(float) * m.cols);
    return;
  }
  for (int c = 0; c < m.cols; c++) {
    const uint8_t* at = m.data + 2 * (first + c);
    out[c] = m.coding == Coding::F16 ? loadHalf(at) : bfloatToFloat(loadU16(at));
  }
}

}  // namespace zen
