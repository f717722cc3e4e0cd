// The kernels for AVX-512 with VNNI.
#if defined(__x86_64__)
// GCC's own header starts some results from an undefined register (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

#include <utility>

#include "kernels/floats.h"
#include "kernels/variants.h"
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")
#include "kernels/vec_avx512.h"
#include "kernels/dot_avx512.h"
#define ZEN_NAME(x) avx512##x
#include "kernels/float_kernels.inl"
#include "kernels/low_rank.inl"
#include "kernels/attention.inl"
#include "kernels/codes.inl"
#include "kernels/matmul.inl"
#endif
