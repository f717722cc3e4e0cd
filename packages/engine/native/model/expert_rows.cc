#include "model/expert_rows.h"

#include <cstring>

#include "kernels/floats.h"

namespace zen {
namespace {

int16_t loadInt16(const uint8_t* at) { return static_cast<int16_t>(loadU16(at)); }

size_t blockAt(const Acts& acts, int row) { return static_cast<size_t>(row) * static_cast<size_t>(acts.blockCount()); }

}  // namespace

void writeInteger(const Acts& acts, int row, uint8_t* columns, float* scales) {
  const int16_t* wide = actWide(acts, row, 0);
  if (acts.levels == 1)
    for (int c = 0; c < acts.cols; c++)
      columns[c] = static_cast<uint8_t>(wide[c]);
  else
    for (int c = 0; c < acts.cols; c++)
      storeU16(columns + 2 * c, static_cast<uint16_t>(wide[c]));
  for (int b = 0; b < acts.blockCount(); b++)
    scales[b] = actBlock(acts, row, b).scale;
}

bool readInteger(const uint8_t* columns, const float* scales, Acts& acts, int at) {
  const int limit = static_cast<int>(actLimit(acts.levels));
  int16_t* wide = const_cast<int16_t*>(actWide(acts, at, 0));
  int worst = 0;
  if (acts.levels == 1)
    for (int c = 0; c < acts.cols; c++)
      wide[c] = static_cast<int8_t>(columns[c]);
  else
    for (int c = 0; c < acts.cols; c++)
      wide[c] = loadInt16(columns + 2 * c);
  for (int c = 0; c < acts.cols; c++) {
    const int size = wide[c] < 0 ? -wide[c] : wide[c];
    worst = size > worst ? size : worst;
  }
  if (worst > limit) return false;
  for (int b = 0; b < acts.blockCount(); b++) {
    const int16_t* q = wide + b * kBlockCols;
    ActBlock block = {scales[b], 0.0f, {0, 0}};
    for (int c = 0; c < kBlockCols; c++)
      block.sum[c / 16] += q[c];
    block.scaledSum = block.scale * static_cast<float>(block.sum[0] + block.sum[1]);
    acts.blocks[blockAt(acts, at) + static_cast<size_t>(b)] = block;
    splitActs(q, acts.levels, const_cast<int8_t*>(actBytes(acts, at, b)));
  }
  return true;
}

void readFloats(RowEncoding encoding, const uint8_t* columns, int cols, float* out) {
  if (encoding == RowEncoding::F32)
    std::memcpy(out, columns, static_cast<size_t>(cols) * sizeof(float));
  else
    for (int c = 0; c < cols; c++)
      out[c] = bfloatToFloat(loadU16(columns + 2 * c));
}

void writeBfloats(const float* from, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, from + i, 4);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    const uint32_t rounded = nan ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
    storeU16(out + 2 * i, static_cast<uint16_t>(rounded >> 16));
  }
}

void copyRow(const Acts& source, int from, Acts& target, int to) {
  const size_t blocks = static_cast<size_t>(source.blockCount()), columns = static_cast<size_t>(source.cols);
  std::memcpy(target.blocks + blockAt(target, to), source.blocks + blockAt(source, from), blocks * sizeof(ActBlock));
  std::memcpy(const_cast<int16_t*>(actWide(target, to, 0)), actWide(source, from, 0), columns * 2);
  std::memcpy(const_cast<int8_t*>(actBytes(target, to, 0)), actBytes(source, from, 0),
              columns * static_cast<size_t>(source.levels));
}

}  // namespace zen
