// The kernels for 64-bit ARM with dot products (ARMv8.2 and later).
#if defined(__aarch64__)
#include <arm_neon.h>

#include <utility>

#include "kernels/floats.h"
#include "kernels/variants.h"
#pragma GCC target("arch=armv8.2-a+dotprod")
#include "kernels/vec_neon.h"
#include "kernels/dot_neon.h"
#define ZEN_NAME(x) neon##x
#include "kernels/float_kernels.inl"
#include "kernels/low_rank.inl"
#include "kernels/attention.inl"
#include "kernels/codes.inl"
#include "kernels/matmul.inl"
#endif
