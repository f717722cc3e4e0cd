// Two thin factors of a delta: y += B (scale · (A x)).
#pragma once
#include <cstdint>

namespace zen {

constexpr int kMaxRank = 64;

// A view over a slot. Signs: one bit a number, 1 is +1 and 0 is −1.
struct LowRank {
  bool signs;  // else bfloat16
  int rank;    // 1 to kMaxRank
  int in;      // a multiple of 32
  int out;
  const uint8_t* a;       // [rank][in]: bits from the lowest of each byte on, or bf16
  const uint8_t* b;       // [tile][rank][16 rows]: 16 bits, or 16 bf16; rows past `out` are 0
  const uint8_t* scales;  // signs: f16 [rank]
  float scale;            // bfloat16: of all
};

}  // namespace zen
