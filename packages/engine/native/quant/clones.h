// Functions that the compiler builds twice, for AVX2 and for any machine, and picks from at load.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#define ZEN_CLONES __attribute__((target_clones("arch=haswell", "default")))
#else
#define ZEN_CLONES
#endif
