// The kernels for AVX2 with FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#include <utility>

#include "kernels/floats.h"
#include "kernels/variants.h"
#pragma GCC target("avx2,fma,f16c")
#include "kernels/vec_avx2.h"
#include "kernels/dot_avx2.h"
#define ZEN_NAME(x) avx2##x
#include "kernels/float_kernels.inl"
#include "kernels/low_rank.inl"
#include "kernels/attention.inl"
#include "kernels/codes.inl"
#include "kernels/matmul.inl"
#endif
