// Which variant runs.
#include <atomic>
#include <cstdio>
#include <cstring>

#include "kernels/self_check.h"
#include "kernels/variants.h"

namespace zen {
namespace {

#define ZEN_TABLE(isa, label) \
  {label, isa##Quantize, isa##Matmul, isa##Rmsnorm, isa##SiluMul, isa##Add, isa##KvStore, isa##Attention}

const Kernels kScalar = ZEN_TABLE(scalar, "scalar");
#if defined(__x86_64__)
const Kernels kAvx2 = ZEN_TABLE(avx2, "avx2");
bool hasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
#endif

struct Variant {
  const Kernels* kernels;
  bool (*available)();
};

// Best first.
const Variant kVariants[] = {
#if defined(__x86_64__)
    {&kAvx2, hasAvx2},
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
