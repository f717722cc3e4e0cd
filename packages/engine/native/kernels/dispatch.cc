// Which variant runs.
#include <atomic>
#include <cstdio>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "kernels/self_check.h"
#include "kernels/variants.h"

namespace zen {
namespace {

#define ZEN_TABLE(isa, label) \
  {label,         isa##Quantize, isa##Matmul, isa##MatmulAdd, isa##LowRankIn, isa##LowRankOut, \
   isa##Amplify,  isa##Rmsnorm,  isa##SiluMul, isa##Add,      isa##KvStore,   isa##Attention}

const Kernels kScalar = ZEN_TABLE(scalar, "scalar");
#if defined(__x86_64__)
const Kernels kAvx512 = ZEN_TABLE(avx512, "avx512");
bool hasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni");
}
const Kernels kAvx2 = ZEN_TABLE(avx2, "avx2");
bool hasAvx2() {
  unsigned a, b, c = 0, d;
  const bool halves = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);  // not every compiler knows the name
  return halves && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#elif defined(__aarch64__)
const Kernels kNeon = ZEN_TABLE(neon, "neon");
bool hasDotProducts() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & (1ul << 20)) != 0;  // HWCAP_ASIMDDP
#else
  return true;  // every Mac
#endif
}
#endif

struct Variant {
  const Kernels* kernels;
  bool (*available)();
};

// Best first.
const Variant kVariants[] = {
#if defined(__x86_64__)
    {&kAvx512, hasAvx512},
    {&kAvx2, hasAvx2},
#elif defined(__aarch64__)
    {&kNeon, hasDotProducts},
#endif
    {&kScalar, [] { return true; }},
};

const Kernels* choose() {
  for (const Variant& variant : kVariants) {
    if (!variant.available()) continue;
    const char* difference = variant.kernels == &kScalar ? nullptr : selfCheck(*variant.kernels);
    if (!difference) return variant.kernels;
    std::fprintf(stderr, "zen: kernels %s differ from the reference (%s); using the next\n", variant.kernels->name,
                 difference);
  }
  return &kScalar;
}

std::atomic<const Kernels*> forced{nullptr};

}  // namespace

const Kernels& scalarKernels() { return kScalar; }

const Kernels* kernelsNamed(const char* name) {
  for (const Variant& variant : kVariants)
    if (std::strcmp(variant.kernels->name, name) == 0 && variant.available()) return variant.kernels;
  return nullptr;
}

bool forceKernels(const char* name) {
  const Kernels* found = kernelsNamed(name);
  if (found) forced.store(found);
  return found != nullptr;
}

const Kernels& kernels() {
  static const Kernels* const chosen = choose();
  const Kernels* other = forced.load(std::memory_order_relaxed);
  return other ? *other : *chosen;
}

}  // namespace zen
