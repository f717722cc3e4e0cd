// A delta in its slot: what the graph adds to the linear modules of one user's rows.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"
#include "model/ladder_config.h"

namespace zen {

enum class Module : uint8_t { Q, K, V, O, Gate, Up, Down };
constexpr int kModules = 7;
const char* nameOf(Module module);
// Rows and columns of the module's matrix.
struct ModuleShape {
  int out, in;
};
ModuleShape shapeOf(const ModelShape& model, Module module);

// A part as the caller has it (DeltaPart of native.ts): untrusted, read during loadDelta only.
struct DeltaPart {
  enum class Form : uint8_t { Dense1, Lora1, Lora16, Vec };
  template <typename T>
  struct Array {
    const T* data = nullptr;
    size_t count = 0;
  };
  Module module;
  Form form;
  Array<int32_t> layers;
  int group = 0, rank = 0;
  float scale = 0;
  Array<uint8_t> signs;      // dense1
  Array<uint8_t> a, b;       // lora1 bits, or the bytes of lora16's bf16
  Array<uint16_t> scales, v;  // f16
};

// A view of slot memory. Its numbers are those of one load; nothing in it moves while a sequence uses it.
class Delta {
 public:
  // Layers of all forms of a module; so a slot's tables are made once.
  explicit Delta(int layers) {
    for (Change& c : changes_) {
      c.sumLayer.assign(static_cast<size_t>(layers), -1);
      c.vecLayer.assign(static_cast<size_t>(layers), -1);
    }
  }

  // What the module of a layer gets; false where it is unchanged.
  bool dense(int layer, Module module, Matrix& out) const;
  bool lowRank(int layer, Module module, LowRank& out) const;
  // y *= 1 + v: f16 [out], or null.
  const uint8_t* vec(int layer, Module module) const;
  bool anyDense(int layer, Module module) const {
    const Change& c = changes_[static_cast<size_t>(module)];
    return c.sum == Sum::Dense && c.sumLayer[static_cast<size_t>(layer)] >= 0;
  }
  bool anyLowRank(int layer, Module module) const {
    const Change& c = changes_[static_cast<size_t>(module)];
    return c.sum == Sum::LowRank && c.sumLayer[static_cast<size_t>(layer)] >= 0;
  }

 private:
  friend class DeltaWriter;
  enum class Sum : uint8_t { None, Dense, LowRank };
  // Arrays are stacked by the part's layers; sumLayer and vecLayer say at which place a layer is.
  struct Change {
    Sum sum = Sum::None;
    Matrix matrix;    // of the first layer
    LowRank factors;  // of the first layer
    size_t aBytes = 0, bBytes = 0, scaleBytes = 0;
    const uint8_t* v = nullptr;
    size_t vBytes = 0;
    std::vector<int16_t> sumLayer, vecLayer;
  };
  std::array<Change, kModules> changes_;
};

}  // namespace zen
