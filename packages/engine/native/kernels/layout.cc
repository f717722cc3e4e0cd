// Sizes, views and checks of what kernels work on.
#include <cmath>

#include "kernels/block.h"
#include "kernels/floats.h"

namespace zen {
namespace {

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

const char* codesProblem(const Matrix& m) {
  if (m.cols % kBlockCols != 0) return "cols must be a multiple of 32";
  if (m.planeCount < 1 || m.planeCount > kMaxPlanes) return "planes must be 1 to 8";
  int bits = 0;
  for (int p = 0; p < m.planeCount; p++) {
    const int width = m.planes[p].width;
    if (width != 1 && width != 2 && width != 4 && width != 8) return "a plane's width must be 1, 2, 4 or 8";
    if (!m.planes[p].data) return "a plane has no data";
    bits += width;
  }
  if (bits > 8) return "codes may have at most 8 bits";
  if (bits != m.bits) return "bits must be the sum of the planes' widths";
  if (m.center < 0 || m.center >= 1 << bits) return "center must be a code";
  if (!m.scales) return "scales are missing";
  switch (m.scaleKind) {
    case ScaleKind::Row8:
      if (m.group != 32 && m.group != 64 && m.group != 128) return "group must be 32, 64 or 128";
      if (m.center != 0) return "center must be 0 where groups have zeros";
      return m.rowScale ? nullptr : "rowScale is missing";
    case ScaleKind::F16Pair:
      return m.center == 0 ? nullptr : "center must be 0 where groups have a minimum";
    case ScaleKind::F16Sym:
      return nullptr;
    case ScaleKind::K4:
      if (m.center != 0) return "center must be 0 where groups have a minimum";
      if (m.cols % 256 != 0) return "cols must be a multiple of 256";
      return m.supers ? nullptr : "supers are missing";
    case ScaleKind::Sign:
      if (m.bits != 1) return "signs have one bit";
      if (m.group < kBlockCols || m.group % kBlockCols != 0 || m.cols % m.group != 0)
        return "group must be a multiple of 32 that divides cols";
      return m.center == 0 ? nullptr : "center must be 0 where codes are signs";
    case ScaleKind::K6:
      if (m.bits != 6) return "Q6_K codes have 6 bits";
      if (m.cols % 256 != 0) return "cols must be a multiple of 256";
      return m.supers ? nullptr : "supers are missing";
  }
  return "unknown scale kind";
}

}  // namespace

const char* matrixProblem(const Matrix& m) {
  if (m.rows < 1 || m.cols < 1) return "rows and cols must be positive";
  if (static_cast<int64_t>(m.rows) * m.cols > int64_t{1} << 31) return "rows·cols may be at most 2^31";
  switch (m.coding) {
    case Coding::Codes:
      return codesProblem(m);
    case Coding::F32:
    case Coding::F16:
    case Coding::BF16:
      return m.data ? nullptr : "data is missing";
  }
  return "unknown coding";
}

size_t actsBytes(int tokens, int cols, int levels) {
  const size_t blocks = static_cast<size_t>(tokens) * (cols / kBlockCols);
  return aligned(blocks * sizeof(ActBlock)) + aligned(blocks * kBlockCols * levels) + aligned(blocks * kBlockCols * 2);
}

Acts bindActs(void* memory, const float* x, size_t ldx, int tokens, int cols, int levels) {
  const size_t blocks = static_cast<size_t>(tokens) * (cols / kBlockCols);
  uint8_t* at = static_cast<uint8_t*>(memory);
  Acts acts;
  acts.tokens = tokens;
  acts.cols = cols;
  acts.levels = levels;
  acts.blocks = reinterpret_cast<ActBlock*>(at);
  at += aligned(blocks * sizeof(ActBlock));
  acts.wide = reinterpret_cast<int16_t*>(at);
  at += aligned(blocks * kBlockCols * 2);
  acts.bytes = reinterpret_cast<int8_t*>(at);
  acts.x = x;
  acts.ldx = ldx;
  return acts;
}

size_t kvHeadBytes(KvType type, int headSize) {
  const size_t values = static_cast<size_t>(headSize) * kKvBlockTokens * 2;
  return type == KvType::F16 ? values * 2 : values + 2 * kKvBlockTokens * sizeof(float);
}

size_t matmulScratchBytes() { return StripScratch::kBytes; }

size_t attentionScratchBytes(int contextTokens, int headSize) {
  const size_t stride = (static_cast<size_t>(contextTokens) + 15) / 16 * 16;
  return sizeof(float) * (kKvBlockTokens * static_cast<size_t>(headSize) + kAttentionRows * (headSize + stride));
}

void ropeAngles(float theta, int headSize, int position, float* cosSin) {
  const int half = headSize / 2;
  for (int i = 0; i < half; i++) {
    const double angle = position * std::pow(static_cast<double>(theta), -2.0 * i / headSize);
    cosSin[i] = static_cast<float>(std::cos(angle));
    cosSin[half + i] = static_cast<float>(std::sin(angle));
  }
}

void rope(float* x, int heads, int headSize, RopeStyle style, const float* cosSin) {
  const int half = headSize / 2;
  const int step = style == RopeStyle::Interleaved ? 2 : 1, other = style == RopeStyle::Interleaved ? 1 : half;
  for (int h = 0; h < heads; h++, x += headSize)
    for (int i = 0; i < half; i++) {
      float& first = x[i * step];
      float& second = x[i * step + other];
      const float a = first, b = second;
      first = a * cosSin[i] - b * cosSin[half + i];
      second = a * cosSin[half + i] + b * cosSin[i];
    }
}

}  // namespace zen
