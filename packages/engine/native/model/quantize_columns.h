// Integers of some columns of an input, by the thread that has made them.
#pragma once
#include "kernels/kernels.h"

namespace zen {

// Columns [first, first + count) of one token, multiples of 32: a view whose blocks follow each other.
inline void quantizeColumns(const Kernels& kernels, const Acts& acts, int token, int first, int count) {
  const size_t row = static_cast<size_t>(token),
               block = row * static_cast<size_t>(acts.blockCount()) + static_cast<size_t>(first / kBlockCols);
  Acts part = acts;
  part.tokens = 1;
  part.cols = count;
  part.x = acts.x + row * acts.ldx + first;
  part.blocks = acts.blocks + block;
  part.bytes = acts.bytes + block * static_cast<size_t>(kBlockCols * acts.levels);
  part.wide = acts.wide + row * static_cast<size_t>(acts.cols) + first;
  kernels.quantize(part, 0, 1);
}

}  // namespace zen
