// Random deltas with their arrays, and what they make of a ladder's weights in double precision: the formulas of
// DeltaPart (native.ts), written down once more.
#pragma once
#include <map>
#include <memory>

#include "kernels_cases.h"
#include "model/delta.h"
#include "tiny_ladder.h"

namespace zen::test {

inline uint16_t brain(float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, 4);
  return static_cast<uint16_t>(bits >> 16);
}

// One part that owns its arrays.
struct OwnedPart {
  Module module;
  DeltaPart::Form form;
  ModuleShape shape;
  std::vector<int32_t> layers;
  int group, rank;
  float scale = 0.5f;
  std::vector<uint8_t> signs, a, b;
  std::vector<uint16_t> scales, v;

  static bool bit(const std::vector<uint8_t>& bits, size_t rowBytes, size_t row, int at) {
    return (bits[row * rowBytes + size_t(at) / 8] >> (at % 8)) & 1;
  }

  // `size`: how large a change of y is, about, for an x of size 1.
  OwnedPart(const ModelShape& model, Module m, DeltaPart::Form f, std::vector<int32_t> in, int groupOrRank, float size,
            Random& random)
      : module(m), form(f), shape(shapeOf(model, m)), layers(std::move(in)), group(groupOrRank), rank(groupOrRank) {
    const size_t n = layers.size(), cols = size_t(shape.in), rows = size_t(shape.out), r = size_t(rank);
    const auto bytes = [&](size_t count) {
      std::vector<uint8_t> out(count);
      for (uint8_t& one : out)
        one = uint8_t(below(random, 256));
      return out;
    };
    const auto halves = [&](size_t count, float most) {
      std::vector<uint16_t> out(count);
      for (uint16_t& one : out)
        one = floatToHalf(real(random, most));
      return out;
    };
    const auto brains = [&](size_t count, float most) {
      std::vector<uint8_t> out(2 * count);
      for (size_t i = 0; i < count; i++) {
        const uint16_t one = brain(real(random, most));
        std::memcpy(&out[2 * i], &one, 2);
      }
      return out;
    };
    const float perInput = size / std::sqrt(float(cols));
    switch (form) {
      case DeltaPart::Form::Dense1:
        signs = bytes(n * rows * cols / 8);
        scales = halves(n * rows * (cols / size_t(group)), perInput);
        break;
      case DeltaPart::Form::Lora1: {
        a = bytes(n * r * cols / 8);
        b = bytes(n * r * ((rows + 7) / 8));
        if (rows % 8 != 0)
          for (size_t i = 0; i < n * r; i++)
            b[(i + 1) * ((rows + 7) / 8) - 1] &= uint8_t((1 << rows % 8) - 1);
        scales = halves(n * r, perInput / std::sqrt(float(rank)));
        break;
      }
      case DeltaPart::Form::Lora16:
        a = brains(n * r * cols, 2 * perInput);
        b = brains(n * r * rows, 2 / std::sqrt(float(rank)));
        break;
      case DeltaPart::Form::Vec:
        v = halves(n * rows, size);
        break;
    }
  }

  DeltaPart view() const {
    DeltaPart p = {};
    p.module = module;
    p.form = form;
    p.layers = {layers.data(), layers.size()};
    if (form == DeltaPart::Form::Dense1) p.group = group;
    if (form == DeltaPart::Form::Lora1 || form == DeltaPart::Form::Lora16) p.rank = rank;
    p.scale = scale;
    p.signs = {signs.data(), signs.size()};
    p.a = {a.data(), a.size()};
    p.b = {b.data(), b.size()};
    p.scales = {scales.data(), scales.size()};
    p.v = {v.data(), v.size()};
    return p;
  }

  // What the part adds to weight [row][col] of the layer at `place` (not for vec).
  double addition(size_t place, int row, int col) const {
    const size_t cols = size_t(shape.in), rows = size_t(shape.out), r = size_t(rank);
    const auto half = [](uint16_t one) { return double(halfToFloat(one)); };
    const auto wide = [](const std::vector<uint8_t>& from, size_t at) { return double(bfloatToFloat(loadU16(&from[2 * at]))); };
    if (form == DeltaPart::Form::Dense1) {
      const size_t own = place * rows + size_t(row), groups = cols / size_t(group);
      const double s = half(scales[own * groups + size_t(col / group)]);
      return bit(signs, cols / 8, own, col) ? s : -s;
    }
    double sum = 0;
    for (size_t k = 0; k < r; k++) {
      if (form == DeltaPart::Form::Lora1) {
        const double sign = bit(a, cols / 8, place * r + k, col) == bit(b, (rows + 7) / 8, place * r + k, row) ? 1 : -1;
        sum += half(scales[place * r + k]) * sign;
      } else {
        sum += double(scale) * wide(a, (place * r + k) * cols + size_t(col)) *
               wide(b, (place * rows + size_t(row)) * r + k);
      }
    }
    return sum;
  }
};

struct OwnedDelta {
  std::vector<OwnedPart> parts;
  std::vector<DeltaPart> views() const {
    std::vector<DeltaPart> out;
    for (const OwnedPart& p : parts)
      out.push_back(p.view());
    return out;
  }
};

using Form = DeltaPart::Form;
inline std::vector<int32_t> everyLayer(const ModelShape& model) {
  std::vector<int32_t> all;
  for (int l = 0; l < model.layers; l++)
    all.push_back(l);
  return all;
}
// One form for modules [first, last].
inline OwnedDelta uniform(const ModelShape& model, Form form, int groupOrRank, Module first, Module last,
                          Random& random, float size = 0.3f) {
  OwnedDelta out;
  for (int m = int(first); m <= int(last); m++)
    out.parts.emplace_back(model, Module(m), form, everyLayer(model), groupOrRank, size, random);
  return out;
}
// Every form somewhere, some layers only.
inline OwnedDelta mixed(const ModelShape& model, Random& random) {
  OwnedDelta out;
  const auto add = [&](Module module, Form form, std::vector<int32_t> layers, int n) {
    out.parts.emplace_back(model, module, form, std::move(layers), n, 0.3f, random);
  };
  const std::vector<int32_t> all = everyLayer(model), last = {model.layers - 1}, first = {0};
  add(Module::Q, Form::Lora1, last, 3);
  add(Module::Q, Form::Vec, all, 0);
  add(Module::K, Form::Vec, all, 0);
  add(Module::V, Form::Lora16, all, 5);
  add(Module::V, Form::Vec, first, 0);
  add(Module::O, Form::Dense1, first, 32);
  add(Module::O, Form::Vec, last, 0);
  add(Module::Gate, Form::Lora1, all, 64);
  add(Module::Up, Form::Dense1, all, shapeOf(model, Module::Up).in);
  add(Module::Down, Form::Lora16, first, 17);
  add(Module::Down, Form::Vec, all, 0);
  return out;
}

// The ladder's weights at a stage with the delta in them, by tensor name; what is not there is unchanged.
inline std::map<std::string, std::vector<float>> changed(const TinyLadder& ladder, int stage, const OwnedDelta& delta) {
  static const char* const kNames[] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};
  std::map<std::string, std::vector<float>> out;
  const auto at = [&](const std::string& name) -> std::vector<float>& {
    auto found = out.find(name);
    return (found == out.end() ? out.emplace(name, ladder.values(name, stage)).first : found)->second;
  };
  for (bool vectors : {false, true})
    for (const OwnedPart& p : delta.parts) {
      if ((p.form == Form::Vec) != vectors) continue;
      for (size_t place = 0; place < p.layers.size(); place++) {
        const std::string name = "blk." + std::to_string(p.layers[place]) + "." + kNames[size_t(p.module)];
        std::vector<float>& w = at(name + ".weight");
        for (int row = 0; row < p.shape.out; row++) {
          const double gain = vectors ? 1 + double(halfToFloat(p.v[place * size_t(p.shape.out) + size_t(row)])) : 1;
          for (int col = 0; col < p.shape.in; col++) {
            float& one = w[size_t(row) * size_t(p.shape.in) + size_t(col)];
            one = float(vectors ? one * gain : one + p.addition(place, row, col));
          }
          if (vectors && ladder.has(name + ".bias")) at(name + ".bias")[size_t(row)] *= float(gain);
        }
      }
    }
  return out;
}

}  // namespace zen::test
