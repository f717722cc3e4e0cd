#include "model/delta_writer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "model/background.h"
#include "model/failure.h"

namespace zen {
namespace {

using Form = DeltaPart::Form;

constexpr size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }
size_t tilesOf(int rows) { return static_cast<size_t>((rows + kTileRows - 1) / kTileRows); }

[[noreturn]] void refuse(const DeltaPart& part, const char* array, const std::string& limit) {
  throw Failure("delta", std::string(nameOf(part.module)) + "." + array + " " + limit);
}

template <typename T>
void expectCount(const DeltaPart& part, const char* name, const DeltaPart::Array<T>& array, size_t count) {
  if (array.count != count || (count > 0 && !array.data))
    refuse(part, name, "must have " + std::to_string(count) + ", not " + std::to_string(array.count));
}

// What one layer takes in a slot.
struct LayerBytes {
  size_t a, b, scales;  // signs, A or v in `a`
};
LayerBytes layerBytes(const DeltaPart& part, ModuleShape shape) {
  const size_t in = static_cast<size_t>(shape.in), tiles = tilesOf(shape.out), rank = static_cast<size_t>(part.rank);
  switch (part.form) {
    case Form::Dense1:
      return {tiles * 2 * in, 0, tiles * 32 * (in / static_cast<size_t>(part.group))};
    case Form::Lora1:
      return {rank * in / 8, tiles * 2 * rank, 2 * rank};
    case Form::Lora16:
      return {rank * in * 2, tiles * 32 * rank, 0};
    case Form::Vec:
      return {static_cast<size_t>(shape.out) * 2, 0, 0};
  }
  return {0, 0, 0};
}

// Exponents of all ones are infinities and NaN.
bool finite(const uint16_t* numbers, size_t count, uint16_t exponent) {
  bool good = true;
  for (size_t i = 0; i < count; i++)
    good = good && (numbers[i] & exponent) != exponent;
  return good;
}
// Of a LoRA: alpha / rank and what the caller makes of it.
constexpr float kMaxScale = 1e6f;
constexpr uint16_t kHalfExponent = 0x7c00, kBrainExponent = 0x7f80;

void expectFinite(const DeltaPart& part, const char* name, const uint8_t* copied, size_t count, uint16_t exponent) {
  if (!finite(reinterpret_cast<const uint16_t*>(copied), count, exponent))
    refuse(part, name, "must be finite numbers");
}

// A byte of signs (columns 0 to 7: two steps of four) to the tile layout: byte k of the word has column k of the first
// step at bit 0 and of the second at bit 1.
std::array<uint32_t, 256> spreadBytes() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t byte = 0; byte < 256; byte++)
    for (uint32_t bit = 0; bit < 8; bit++)
      if (byte >> bit & 1) table[byte] |= 1u << (8 * (bit % 4) + bit / 4);
  return table;
}

// Row-major signs to tiles of 16 rows: 64 bytes for 32 columns.
void tileSigns(const uint8_t* from, ModuleShape shape, uint8_t* to) {
  static const std::array<uint32_t, 256> kSpread = spreadBytes();
  const size_t rowBytes = static_cast<size_t>(shape.in) / 8, blocks = static_cast<size_t>(shape.in) / kBlockCols;
  std::memset(to, 0, tilesOf(shape.out) * blocks * 64);
  for (int row = 0; row < shape.out; row++) {
    const uint8_t* bits = from + static_cast<size_t>(row) * rowBytes;
    uint8_t* at = to + static_cast<size_t>(row / kTileRows) * blocks * 64 + row % kTileRows * 4;
    for (size_t b = 0; b < blocks; b++, bits += 4, at += 64) {
      const uint32_t word =
          kSpread[bits[0]] | kSpread[bits[1]] << 2 | kSpread[bits[2]] << 4 | kSpread[bits[3]] << 6;
      std::memcpy(at, &word, 4);
    }
  }
}

// [out][groups] to [tile][group][16 rows].
void tileScales(const uint16_t* from, ModuleShape shape, size_t groups, uint8_t* to) {
  std::memset(to, 0, tilesOf(shape.out) * groups * 32);
  for (int row = 0; row < shape.out; row++)
    for (size_t g = 0; g < groups; g++)
      std::memcpy(to + ((static_cast<size_t>(row / kTileRows) * groups + g) * kTileRows + row % kTileRows) * 2,
                  from + static_cast<size_t>(row) * groups + g, 2);
}

// b [rank][out / 8] to [tile][rank] of 16 bits.
void tileBits(const DeltaPart& part, const uint8_t* from, ModuleShape shape, uint8_t* to) {
  const size_t rank = static_cast<size_t>(part.rank), rowBytes = (static_cast<size_t>(shape.out) + 7) / 8;
  std::memset(to, 0, tilesOf(shape.out) * rank * 2);
  for (size_t r = 0; r < rank; r++) {
    const uint8_t* bits = from + r * rowBytes;
    for (size_t i = 0; i < rowBytes; i++)
      to[(i / 2 * rank + r) * 2 + i % 2] = bits[i];
    if (shape.out % 8 != 0 && bits[rowBytes - 1] >> (shape.out % 8) != 0)
      refuse(part, "b", "must be padded with zero bits");
  }
}

// b [out][rank] to [tile][rank][16 rows].
void tileBrains(const DeltaPart& part, const uint8_t* from, ModuleShape shape, uint8_t* to) {
  const size_t rank = static_cast<size_t>(part.rank);
  std::memset(to, 0, tilesOf(shape.out) * rank * 32);
  for (int row = 0; row < shape.out; row++)
    for (size_t r = 0; r < rank; r++)
      std::memcpy(to + ((static_cast<size_t>(row / kTileRows) * rank + r) * kTileRows + row % kTileRows) * 2,
                  from + (static_cast<size_t>(row) * rank + r) * 2, 2);
}

}  // namespace

size_t DeltaWriter::bytesOf(const DeltaPart& part) const {
  const LayerBytes one = layerBytes(part, shapeOf(model_, part.module));
  return aligned(part.layers.count * one.a) + aligned(part.layers.count * one.b) +
         aligned(part.layers.count * one.scales);
}

size_t DeltaWriter::check(const std::vector<DeltaPart>& parts) const {
  if (parts.empty()) throw Failure("delta", "must have a part");
  bool sums[kModules] = {}, vecs[kModules] = {};
  size_t total = 0;
  for (const DeltaPart& p : parts) {
    const ModuleShape shape = shapeOf(model_, p.module);
    const size_t layers = p.layers.count, in = static_cast<size_t>(shape.in), out = static_cast<size_t>(shape.out),
                 rank = static_cast<size_t>(p.rank);
    if (model_.mixture() && p.module >= Module::Gate)
      refuse(p, "module", "must be q, k, v or o in a mixture of experts");
    bool& taken = (p.form == Form::Vec ? vecs : sums)[static_cast<size_t>(p.module)];
    if (taken) refuse(p, "form", p.form == Form::Vec ? "must be vec once" : "must be one of dense1, lora1 and lora16");
    taken = true;
    if (layers < 1 || layers > static_cast<size_t>(model_.layers) || !p.layers.data)
      refuse(p, "layers", "must be 1 to " + std::to_string(model_.layers));
    for (size_t i = 0; i < layers; i++)
      if (p.layers.data[i] < 0 || p.layers.data[i] >= model_.layers ||
          (i > 0 && p.layers.data[i] <= p.layers.data[i - 1]))
        refuse(p, "layers", "must rise from 0 to " + std::to_string(model_.layers - 1) + " at most");
    switch (p.form) {
      case Form::Dense1:
        if (p.group < kBlockCols || p.group % kBlockCols != 0 || shape.in % p.group != 0)
          refuse(p, "group", "must be a multiple of 32 that divides " + std::to_string(shape.in));
        expectCount(p, "signs", p.signs, layers * out * in / 8);
        expectCount(p, "scales", p.scales, layers * out * (in / static_cast<size_t>(p.group)));
        break;
      case Form::Lora1:
      case Form::Lora16:
        if (p.rank < 1 || p.rank > kMaxRank) refuse(p, "rank", "must be from 1 to " + std::to_string(kMaxRank));
        if (p.form == Form::Lora1) {
          expectCount(p, "a", p.a, layers * rank * in / 8);
          expectCount(p, "b", p.b, layers * rank * ((out + 7) / 8));
          expectCount(p, "scales", p.scales, layers * rank);
        } else {
          expectCount(p, "a", p.a, layers * rank * in * 2);
          expectCount(p, "b", p.b, layers * rank * out * 2);
          if (!(p.scale >= -kMaxScale && p.scale <= kMaxScale)) refuse(p, "scale", "must be a number of at most 1e6");
        }
        break;
      case Form::Vec:
        expectCount(p, "v", p.v, layers * out);
        break;
    }
    total += bytesOf(p);
  }
  return total;
}

void DeltaWriter::write(const std::vector<DeltaPart>& parts, uint8_t* memory, Delta& delta) const {
  for (Delta::Change& c : delta.changes_) {
    c.sum = Delta::Sum::None;
    std::fill(c.sumLayer.begin(), c.sumLayer.end(), static_cast<int16_t>(-1));
    std::fill(c.vecLayer.begin(), c.vecLayer.end(), static_cast<int16_t>(-1));
  }
  for (const DeltaPart& p : parts) {
    const ModuleShape shape = shapeOf(model_, p.module);
    const size_t layers = p.layers.count, in = static_cast<size_t>(shape.in), rank = static_cast<size_t>(p.rank);
    const LayerBytes bytes = layerBytes(p, shape);
    uint8_t* const a = memory;
    uint8_t* const b = a + aligned(layers * bytes.a);
    uint8_t* const scales = b + aligned(layers * bytes.b);
    memory = scales + aligned(layers * bytes.scales);
    Delta::Change& c = delta.changes_[static_cast<size_t>(p.module)];
    auto& places = p.form == Form::Vec ? c.vecLayer : c.sumLayer;
    for (size_t i = 0; i < layers; i++)
      places[static_cast<size_t>(p.layers.data[i])] = static_cast<int16_t>(i);
    // Numbers are checked in the copy: what the caller has may change meanwhile.
    if (p.form == Form::Vec) {
      std::memcpy(a, p.v.data, layers * bytes.a);
      expectFinite(p, "v", a, layers * bytes.a / 2, kHalfExponent);
      c.v = a;
      c.vBytes = bytes.a;
      continue;
    }
    c.aBytes = bytes.a;
    c.bBytes = bytes.b;
    c.scaleBytes = bytes.scales;
    if (p.form == Form::Dense1) {
      const size_t groups = in / static_cast<size_t>(p.group);
      for (size_t i = 0; i < layers; i++) {
        tileSigns(p.signs.data + i * static_cast<size_t>(shape.out) * in / 8, shape, a + i * bytes.a);
        tileScales(p.scales.data + i * static_cast<size_t>(shape.out) * groups, shape, groups,
                   scales + i * bytes.scales);
        breathe();
      }
      expectFinite(p, "scales", scales, layers * bytes.scales / 2, kHalfExponent);
      c.sum = Delta::Sum::Dense;
      Matrix& m = c.matrix;
      m = Matrix();
      m.rows = shape.out;
      m.cols = shape.in;
      m.scaleKind = ScaleKind::Sign;
      m.bits = m.planeCount = 1;
      m.group = p.group;
      m.planes[0] = {a, 1};
      m.scales = scales;
      continue;
    }
    std::memcpy(a, p.a.data, layers * bytes.a);
    if (p.form == Form::Lora1) {
      for (size_t i = 0; i < layers; i++)
        tileBits(p, p.b.data + i * rank * ((static_cast<size_t>(shape.out) + 7) / 8), shape, b + i * bytes.b);
      std::memcpy(scales, p.scales.data, layers * bytes.scales);
      expectFinite(p, "scales", scales, layers * rank, kHalfExponent);
    } else {
      for (size_t i = 0; i < layers; i++) {
        tileBrains(p, p.b.data + i * rank * static_cast<size_t>(shape.out) * 2, shape, b + i * bytes.b);
        breathe();
      }
      expectFinite(p, "a", a, layers * bytes.a / 2, kBrainExponent);
      expectFinite(p, "b", b, layers * bytes.b / 2, kBrainExponent);
    }
    c.sum = Delta::Sum::LowRank;
    c.factors = {p.form == Form::Lora1, p.rank, shape.in, shape.out, a, b, scales, p.scale};
  }
}

size_t DeltaWriter::denseBytes(const ModelShape& model) {
  size_t total = 0;
  for (int m = 0; m < (model.mixture() ? static_cast<int>(Module::Gate) : kModules); m++) {
    DeltaPart part = {};
    part.form = Form::Dense1;
    part.group = kBlockCols;
    const LayerBytes one = layerBytes(part, shapeOf(model, static_cast<Module>(m)));
    total += aligned(static_cast<size_t>(model.layers) * one.a) + aligned(static_cast<size_t>(model.layers) * one.scales);
  }
  return total;
}

}  // namespace zen
