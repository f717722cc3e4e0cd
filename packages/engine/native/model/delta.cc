#include "model/delta.h"

namespace zen {

const char* nameOf(Module module) {
  static const char* const kNames[kModules] = {"q", "k", "v", "o", "gate", "up", "down"};
  return kNames[static_cast<size_t>(module)];
}

ModuleShape shapeOf(const ModelShape& m, Module module) {
  switch (module) {
    case Module::Q:
      return {m.queryWidth(), m.hiddenSize};
    case Module::K:
    case Module::V:
      return {m.kvWidth(), m.hiddenSize};
    case Module::O:
      return {m.hiddenSize, m.queryWidth()};
    case Module::Gate:
    case Module::Up:
      return {m.ffnSize, m.hiddenSize};
    case Module::Down:
      return {m.hiddenSize, m.ffnSize};
  }
  return {0, 0};
}

bool Delta::dense(int layer, Module module, Matrix& out) const {
  const Change& c = changes_[static_cast<size_t>(module)];
  const int at = c.sumLayer[static_cast<size_t>(layer)];
  if (c.sum != Sum::Dense || at < 0) return false;
  out = c.matrix;
  out.planes[0].data += static_cast<size_t>(at) * c.aBytes;
  out.scales += static_cast<size_t>(at) * c.scaleBytes;
  return true;
}

bool Delta::lowRank(int layer, Module module, LowRank& out) const {
  const Change& c = changes_[static_cast<size_t>(module)];
  const int at = c.sumLayer[static_cast<size_t>(layer)];
  if (c.sum != Sum::LowRank || at < 0) return false;
  out = c.factors;
  out.a += static_cast<size_t>(at) * c.aBytes;
  out.b += static_cast<size_t>(at) * c.bBytes;
  if (out.signs) out.scales += static_cast<size_t>(at) * c.scaleBytes;
  return true;
}

const uint8_t* Delta::vec(int layer, Module module) const {
  const Change& c = changes_[static_cast<size_t>(module)];
  const int at = c.vecLayer[static_cast<size_t>(layer)];
  return at < 0 ? nullptr : c.v + static_cast<size_t>(at) * c.vBytes;
}

}  // namespace zen
