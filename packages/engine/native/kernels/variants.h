// The functions of every instruction set, by the same names. Internal to kernels/.
#pragma once
#include "kernels/kernels.h"
#include "kernels/low_rank.h"

namespace zen {

#define ZEN_KERNELS(isa)                                                                                          \
  void isa##Quantize(Acts& acts, int begin, int end);                                                             \
  void isa##Matmul(const Matrix& matrix, const Acts& acts, int tokenBegin, int tokenEnd, float* y, size_t ldy,    \
                   int tileBegin, int tileEnd, void* scratch);                                                    \
  void isa##MatmulAdd(const Matrix& matrix, const Acts& acts, int tokenBegin, int tokenEnd, float* y, size_t ldy, \
                      int tileBegin, int tileEnd, void* scratch);                                                 \
  void isa##LowRankIn(const LowRank& factors, const float* x, float* u);                                          \
  void isa##LowRankOut(const LowRank& factors, const float* u, int tileBegin, int tileEnd, float* y);             \
  void isa##Amplify(const uint8_t* halves, int n, float* y);                                                      \
  void isa##RawMatmul(const Matrix& matrix, const Acts& acts, int tokenBegin, int tokenEnd, float* y, size_t ldy, \
                      int rowBegin, int rowEnd);                                                                  \
  void isa##Rmsnorm(const float* x, const float* weight, float eps, int n, float* y);                             \
  void isa##SiluMul(const float* gate, const float* up, int n, float* y);                                         \
  void isa##Add(const float* x, int n, float* y);                                                                 \
  void isa##KvStore(KvType type, int headSize, const float* key, const float* value, int slot, uint8_t* head);    \
  void isa##Attention(const AttentionJob& job, void* scratch);
ZEN_KERNELS(scalar)
ZEN_KERNELS(avx2)
ZEN_KERNELS(avx512)
ZEN_KERNELS(neon)
#undef ZEN_KERNELS

}  // namespace zen
