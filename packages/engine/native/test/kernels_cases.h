// Random matrices in the ladder's layout, packed here from row-major codes by the words of docs/ladder-format.md, so
// that the kernels' own reading of it is tested too; and their values in double precision.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "kernels/block.h"
#include "kernels/kernels.h"

namespace zen::test {

using Random = std::mt19937;
inline float real(Random& random, float size = 1.0f) {
  return std::uniform_real_distribution<float>(-size, size)(random);
}
inline int below(Random& random, int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); }

struct Free {
  void operator()(void* p) const { std::free(p); }
};
using Memory = std::unique_ptr<void, Free>;
inline Memory memory(size_t bytes) {
  Memory m(std::aligned_alloc(64, (bytes + 63) / 64 * 64 + 64));
  std::memset(m.get(), 0xa5, (bytes + 63) / 64 * 64 + 64);
  return m;
}

struct Format {
  const char* name;
  ScaleKind kind;
  std::vector<int> widths;
  int center, group;
};

// Every scale kind with every list of planes that the ladder format makes, and some that it could.
inline std::vector<Format> formats() {
  std::vector<Format> all;
  for (int group : {32, 64, 128})
    for (std::vector<int> widths : std::vector<std::vector<int>>{{1},
                                                                 {2},
                                                                 {1, 1},
                                                                 {2, 1},
                                                                 {1, 2},
                                                                 {4},
                                                                 {2, 2},
                                                                 {2, 1, 1},
                                                                 {4, 1},
                                                                 {2, 1, 2},
                                                                 {4, 2},
                                                                 {2, 4},
                                                                 {4, 2, 1},
                                                                 {8},
                                                                 {4, 4},
                                                                 {2, 1, 4, 1},
                                                                 {1, 1, 1, 1, 1, 1, 1, 1}})
      all.push_back({"coded", ScaleKind::Row8, widths, 0, group});
  for (std::vector<int> widths : std::vector<std::vector<int>>{{4}, {2, 1, 1}, {4, 1}, {2, 1, 2}})
    all.push_back({"pair", ScaleKind::F16Pair, widths, 0, 32});
  for (std::vector<int> widths : std::vector<std::vector<int>>{{4}, {4, 1}, {8}, {4, 4}, {2, 2, 4}, {4, 1, 2, 1}}) {
    int bits = 0;
    for (int w : widths) bits += w;
    all.push_back({"symmetric", ScaleKind::F16Sym, widths, 1 << (bits - 1), 32});
  }
  for (std::vector<int> widths : std::vector<std::vector<int>>{{4}, {2, 1, 1}, {4, 1}})
    all.push_back({"K4", ScaleKind::K4, widths, 0, 32});
  for (int group : {32, 96, 128, 0})  // 0: a scale a row
    all.push_back({"signs", ScaleKind::Sign, {1}, 0, group});
  for (std::vector<int> widths : std::vector<std::vector<int>>{{4, 2}, {2, 1, 2, 1}})
    all.push_back({"K6", ScaleKind::K6, widths, 32, 16});
  return all;
}

enum class Codes { Random, Zero, Largest };

struct CodedMatrix {
  Matrix m;
  std::vector<uint8_t> codes;  // row-major
  std::vector<std::vector<uint8_t>> planes;
  std::vector<uint8_t> rowScale, scales, supers;

  CodedMatrix(const Format& format, int rows, int cols, Codes which, Random& random) : codes(size_t(rows) * cols) {
    m.rows = rows;
    m.cols = cols;
    m.scaleKind = format.kind;
    m.group = format.kind == ScaleKind::Row8 ? format.group : 32;
    if (format.kind == ScaleKind::Sign) m.group = format.group > 0 && cols % format.group == 0 ? format.group : cols;
    m.center = format.center;
    for (int w : format.widths) m.bits += w;
    const int largest = (1 << m.bits) - 1;
    for (uint8_t& c : codes)
      c = static_cast<uint8_t>(which == Codes::Zero      ? 0
                               : which == Codes::Largest ? largest
                                                         : below(random, largest + 1));
    int low = m.bits;
    for (int width : format.widths) {
      low -= width;
      planes.push_back(plane(width, low));
    }
    for (size_t p = 0; p < planes.size(); p++) m.planes[p] = {planes[p].data(), format.widths[p]};
    m.planeCount = static_cast<int>(planes.size());
    makeScales(random);
  }
  CodedMatrix(const CodedMatrix&) = delete;

  std::vector<uint8_t> plane(int width, int low) const {
    const int blocks = m.cols / 32;
    std::vector<uint8_t> out(size_t(m.tiles()) * blocks * 64 * width);
    for (int row = 0; row < m.rows; row++)
      for (int col = 0; col < m.cols; col++) {
        const int step = col % 32 / 4, vector = step / (8 / width), field = step % (8 / width);
        const size_t block = (size_t(row / 16) * blocks + col / 32) * 64 * width;
        const int bits = (codes[size_t(row) * m.cols + col] >> low) & ((1 << width) - 1);
        out[block + 64 * vector + row % 16 * 4 + col % 4] |= static_cast<uint8_t>(bits << (width * field));
      }
    return out;
  }

  void makeScales(Random& random) {
    const size_t tiles = m.tiles(), blocks = m.cols / 32;
    const auto bytes = [&](size_t n) {
      std::vector<uint8_t> out(n);
      for (uint8_t& b : out) b = static_cast<uint8_t>(below(random, 256));
      return out;
    };
    const auto halves = [&](size_t n) {
      std::vector<uint8_t> out(2 * n);
      for (size_t i = 0; i < n; i++) {
        const uint16_t h = floatToHalf(real(random, below(random, 8) == 0 ? 1e-6f : 0.1f));
        std::memcpy(&out[2 * i], &h, 2);
      }
      return out;
    };
    rowScale = halves(16 * tiles);
    switch (m.scaleKind) {
      case ScaleKind::Row8:
        scales = bytes(tiles * m.groups() * 32);
        break;
      case ScaleKind::Sign:
        scales = halves(tiles * m.groups() * 16);
        break;
      case ScaleKind::F16Pair:
        scales = halves(tiles * blocks * 32);
        break;
      case ScaleKind::F16Sym:
        scales = halves(tiles * blocks * 16);
        break;
      default:
        scales = bytes(tiles * blocks * 32);
        supers = halves(tiles * m.supersPerTile() * 32);
    }
    m.rowScale = rowScale.data();
    m.scales = scales.data();
    m.supers = supers.data();
  }

  float half(const std::vector<uint8_t>& from, size_t i) const { return loadHalf(&from[2 * i]); }

  // The value of a weight by the table of the format; Float is float (exact, in the stated order) or double.
  template <typename Float>
  Float value(int row, int col) const {
    const Float c = codes[size_t(row) * m.cols + col];
    const size_t tile = row / 16, r = row % 16, blocks = m.cols / 32, block = tile * blocks + col / 32;
    const size_t super = tile * (m.cols / 256) + col / 256;
    switch (m.scaleKind) {
      case ScaleKind::Row8: {
        const size_t group = (tile * ((m.cols + m.group - 1) / m.group) + col / m.group) * 32;
        const Float s = Float(half(rowScale, tile * 16 + r)) * Float(scales[group + r]);
        const Float z = Float(scales[group + 16 + r] * ((1 << m.bits) - 1)) / Float(255);
        const Float product = s * c, zero = s * z;
        return product - zero;
      }
      case ScaleKind::Sign: {
        const Float s = half(scales, (tile * m.groups() + col / m.group) * 16 + r);
        return c > 0 ? s : -s;
      }
      case ScaleKind::F16Pair: {
        const Float product = Float(half(scales, block * 32 + r)) * c;
        return product + Float(half(scales, block * 32 + 16 + r));
      }
      case ScaleKind::F16Sym:
        return Float(half(scales, block * 16 + r)) * (c - Float(m.center));
      case ScaleKind::K4: {
        const Float s = Float(half(supers, super * 32 + r)) * Float(scales[block * 32 + r]);
        const Float min = Float(half(supers, super * 32 + 16 + r)) * Float(scales[block * 32 + 16 + r]);
        const Float product = s * c;
        return product - min;
      }
      case ScaleKind::K6: {
        const size_t group = (tile * (m.cols / 16) + col / 16) * 16;
        const Float s = Float(half(supers, super * 16 + r)) * Float(static_cast<int8_t>(scales[group + r]));
        return s * (c - Float(m.center));
      }
    }
    return 0;
  }

  std::string name() const {
    std::string text = "kind " + std::to_string(int(m.scaleKind)) + " planes";
    for (int p = 0; p < m.planeCount; p++) text += " " + std::to_string(m.planes[p].width);
    return text + " group " + std::to_string(m.group) + " " + std::to_string(m.rows) + "x" + std::to_string(m.cols);
  }
};

// Thin factors in the kernels' layout, from plain ones.
struct LowRankCase {
  std::vector<uint8_t> a, b, scales;
  LowRank factors;
  std::vector<double> left, right;  // A [rank][in] and B [out][rank]
  std::vector<double> scale;        // of each rank

  LowRankCase(bool signs, int rank, int in, int out, Random& random)
      : left(size_t(rank) * in), right(size_t(out) * rank), scale(rank) {
    const size_t tiles = size_t(out + 15) / 16, r = size_t(rank);
    a.resize(r * in * (signs ? 1 : 16) / 8);
    b.resize(tiles * r * (signs ? 2 : 32));
    scales.resize(2 * r);
    const auto number = [&](std::vector<uint8_t>& to, size_t at) {
      const double v = signs ? (below(random, 2) ? 1.0 : -1.0) : double(bfloatToFloat(uint16_t(0x3c00 + below(random, 256) + 32768 * below(random, 2))));
      if (signs) {
        to[at / 8] = uint8_t(to[at / 8] | (v > 0) << at % 8);
      } else {
        const float f = float(v);
        uint32_t bits;
        std::memcpy(&bits, &f, 4);
        const uint16_t upper = uint16_t(bits >> 16);
        std::memcpy(&to[2 * at], &upper, 2);
      }
      return v;
    };
    for (size_t i = 0; i < left.size(); i++) left[i] = number(a, i);
    for (size_t row = 0; row < size_t(out); row++)
      for (size_t k = 0; k < r; k++) right[row * r + k] = number(b, (row / 16 * r + k) * 16 + row % 16);
    for (size_t k = 0; k < r; k++) {
      const uint16_t half = floatToHalf(real(random, 0.1f));
      std::memcpy(&scales[2 * k], &half, 2);
      scale[k] = signs ? double(halfToFloat(half)) : 0.25;
    }
    factors = {signs, rank, in, out, a.data(), b.data(), scales.data(), 0.25f};
  }
};

// Activations of some tokens, quantized by a variant.
struct QuantizedActs {
  Memory held;
  Acts acts;
  QuantizedActs(const Kernels& kernels, const std::vector<float>& x, int tokens, int cols, int levels)
      : held(memory(actsBytes(tokens, cols, levels))),
        acts(bindActs(held.get(), x.data(), cols, tokens, cols, levels)) {
    kernels.quantize(acts, 0, tokens);
  }
};

}  // namespace zen::test
