// The kernels of one instruction set behind one table. Every variant gives bit-identical results, for every number
// of tokens and every split of tiles over threads; kernels/README.md writes down the order of each float operation.
//
// Pointers may be unaligned unless said otherwise. Nothing here allocates or throws; sizes are the caller's promise.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/low_rank.h"
#include "kernels/matrix.h"

namespace zen {

// --- Activations -----------------------------------------------------------------------------------------------

// 32 columns of one token: x ≈ scale·q, q an integer of `levels` bytes.
struct ActBlock {
  float scale;      // absmax / 127 (one level) or absmax / 32639 (two levels); 0 where all are zero
  float scaledSum;  // scale · float(sum of q)
  int32_t sum[2];   // sum of q over columns 0–15 and 16–31
};

// One input of a layer, quantized once and used by all its matrices. A view over memory of actsBytes().
struct Acts {
  int tokens = 0;
  int cols = 0;
  int levels = 1;              // 1: q in [−127, 127]; 2: q = 256·high + low in [−32639, 32639], both bytes signed
  int8_t* bytes = nullptr;     // [token][block][level][32]; level 0 is the high byte where there are two
  int16_t* wide = nullptr;     // [token][cols]: q itself
  ActBlock* blocks = nullptr;  // [token][block]
  const float* x = nullptr;    // the input itself, for raw matrices; row m starts at x + m·ldx
  size_t ldx = 0;

  int blockCount() const { return cols / kBlockCols; }
};

size_t actsBytes(int tokens, int cols, int levels);
// `memory` is 64-byte aligned; x stays owned by the caller and must live as long as the view.
Acts bindActs(void* memory, const float* x, size_t ldx, int tokens, int cols, int levels);

// --- Attention -------------------------------------------------------------------------------------------------

constexpr int kKvBlockTokens = 16;
enum class KvType : uint8_t { F16, Int8 };

// Bytes of the keys and values of 16 tokens of one KV head, a multiple of 64. Inside: keys [headSize][16 tokens],
// values [16 tokens][headSize], then for Int8 16 f32 key scales and 16 f32 value scales.
size_t kvHeadBytes(KvType type, int headSize);

// All query heads of one KV head, for consecutive tokens of one sequence. Query token t sees positions 0 to
// position + t. headSize is a multiple of 16, at most 256.
struct AttentionJob {
  KvType type;
  int headSize;
  int queryHeads;  // that share this KV head
  int tokens;
  int position;    // of the first query token
  float scale;     // 1 / sqrt(headSize)
  const float* q;  // head h of token t: q + t·ldq + h·headSize
  size_t ldq;
  float* out;  // like q
  size_t ldout;
  const uint8_t* const* blocks;  // block i holds positions 16·i to 16·i + 15
  size_t headOffset;             // of this KV head (and layer) inside every block; multiple of 64
};

// --- The table -------------------------------------------------------------------------------------------------

struct Kernels {
  const char* name;  // avx512, avx2, neon, scalar

  // Quantizes tokens [begin, end) of acts.x.
  void (*quantize)(Acts& acts, int begin, int end);

  // y[m·ldy + row] = sum over columns, for tokens m in [tokenBegin, tokenEnd) and the rows of tiles
  // [tileBegin, tileEnd). Rows past matrix.rows are not written. `scratch` is private to the caller's thread,
  // 64-byte aligned, of matmulScratchBytes().
  void (*matmul)(const Matrix& matrix, const Acts& acts, int tokenBegin, int tokenEnd, float* y, size_t ldy,
                 int tileBegin, int tileEnd, void* scratch);

  // The same, added to y; of codes only.
  void (*matmulAdd)(const Matrix& matrix, const Acts& acts, int tokenBegin, int tokenEnd, float* y, size_t ldy,
                    int tileBegin, int tileEnd, void* scratch);

  // u[r] = scale(r) · sum over columns of a[r][c] · x[c], for one token.
  void (*lowRankIn)(const LowRank& factors, const float* x, float* u);

  // y[row] += sum over r of b[row][r] · u[r], for one token and the rows of tiles [tileBegin, tileEnd).
  void (*lowRankOut)(const LowRank& factors, const float* u, int tileBegin, int tileEnd, float* y);

  // y *= 1 + v, v as f16.
  void (*amplify)(const uint8_t* halves, int n, float* y);

  // y = x / sqrt(mean(x²) + eps) · weight
  void (*rmsnorm)(const float* x, const float* weight, float eps, int n, float* y);

  // y = silu(gate) · up
  void (*siluMul)(const float* gate, const float* up, int n, float* y);

  // y += x
  void (*add)(const float* x, int n, float* y);

  // Writes key and value of one token (already rotated) at `slot` (0 to 15) of a KV head's block.
  void (*kvStore)(KvType type, int headSize, const float* key, const float* value, int slot, uint8_t* head);

  void (*attention)(const AttentionJob& job, void* scratch);
};

size_t matmulScratchBytes();
size_t attentionScratchBytes(int contextTokens, int headSize);

// --- Kernels that are the same code everywhere --------------------------------------------------------------------

enum class RopeStyle : uint8_t { Interleaved, Half };
// Cosines then sines of headSize/2 angles: position · theta^(−2i/headSize).
void ropeAngles(float theta, int headSize, int position, float* cosSin);
// Rotates `heads` consecutive heads of one token in place.
void rope(float* x, int heads, int headSize, RopeStyle style, const float* cosSin);

// The row's values by the ladder format's own formula and rounding.
void dequantizeRow(const Matrix& matrix, int row, float* out);

// --- Choice ----------------------------------------------------------------------------------------------------

// The best variant of this machine, chosen once: by cpuid, then checked against the scalar reference on small
// inputs; a variant that differs is passed over with a message on stderr.
const Kernels& kernels();
const Kernels& scalarKernels();
// Tests: the variant of that name, or null where this machine (or build) has none.
const Kernels* kernelsNamed(const char* name);
// Uses `name` from now on; false where there is none. Not while kernels run.
bool forceKernels(const char* name);

}  // namespace zen
