// Rows on their way to experts elsewhere. The integers of a layer's input cross in a portable form, so that whoever
// computes an expert multiplies the same numbers: one or two bytes a column and one scale for 32 of them.
#pragma once
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace zen {

enum class RowEncoding : uint8_t { F32, BF16, Int8, Int16 };
constexpr int kRowEncodings = 4;

inline size_t bytesPerColumn(RowEncoding e) { return e == RowEncoding::F32 ? 4 : e == RowEncoding::Int8 ? 1 : 2; }
inline bool isInteger(RowEncoding e) { return e == RowEncoding::Int8 || e == RowEncoding::Int16; }

// Rows through some experts of one layer, as a caller has them: untrusted views.
struct ExpertRows {
  template <typename T>
  struct Array {
    const T* data = nullptr;
    size_t count = 0;
  };
  int layer = 0, stage = 0;
  RowEncoding encoding = RowEncoding::F32;
  Array<uint8_t> rows;   // [rows][cols], little-endian
  Array<float> scales;   // [rows][cols / 32]; integers only
  Array<int32_t> experts, counts, pairs;
};

// Of a row that has been quantized: `columns` gets cols integers of `levels` bytes, `scales` one number a block.
void writeInteger(const Acts& acts, int row, uint8_t* columns, float* scales);
// Into row `at` of acts, as quantizing the row would have made it. False where a column is no integer of that kind.
bool readInteger(const uint8_t* columns, const float* scales, Acts& acts, int at);
// float32 or bfloat16 to floats.
void readFloats(RowEncoding encoding, const uint8_t* columns, int cols, float* out);
// `count` numbers to bfloat16, rounded to the nearest even.
void writeBfloats(const float* from, size_t count, uint8_t* out);
// Row `from` of one to row `to` of another, integers and floats.
void copyRow(const Acts& source, int from, Acts& target, int to);

}  // namespace zen
