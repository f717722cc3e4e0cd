// Checks a delta's parts and writes them into a slot in the kernels' layout.
#pragma once
#include <vector>

#include "model/delta.h"

namespace zen {

class DeltaWriter {
 public:
  explicit DeltaWriter(const ModelShape& model) : model_(model) {}

  // Checks everything but the numbers themselves, and gives the bytes that the delta takes in a slot, a multiple of
  // 64. Throws Failure("delta", …).
  size_t check(const std::vector<DeltaPart>& parts) const;
  // `memory`: as many bytes as check() said, 64-byte aligned. Throws Failure where a number is not finite or padding
  // is not zero; what is then in memory and `delta` is not to be used.
  void write(const std::vector<DeltaPart>& parts, uint8_t* memory, Delta& delta) const;

  // Of a dense1 delta over all modules with the smallest groups.
  static size_t denseBytes(const ModelShape& model);

 private:
  size_t bytesOf(const DeltaPart& part) const;

  const ModelShape model_;
};

}  // namespace zen
