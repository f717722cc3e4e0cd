#include "kernels/self_check.h"

#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/block.h"

namespace zen {
namespace {

constexpr int kRows = 37, kCols = 256, kTokens = 9;

// A small generator: the same inputs on every machine.
struct Chance {
  uint32_t state = 2463534242u;
  uint32_t next() {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
  }
  float real() { return static_cast<float>(static_cast<int32_t>(next())) * 4.656612873e-10f; }
};

// 64-byte aligned memory, freed with it.
struct Memory {
  explicit Memory(size_t bytes) : at(std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {}
  ~Memory() { std::free(at); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* at;
};

struct Case {
  ScaleKind kind;
  int widths[3];
  int center;
};
constexpr Case kCases[] = {
    {ScaleKind::Row8, {2, 1, 0}, 0},     {ScaleKind::Row8, {2, 0, 0}, 0},    {ScaleKind::Row8, {4, 2, 1}, 0},
    {ScaleKind::F16Pair, {4, 0, 0}, 0},  {ScaleKind::F16Pair, {4, 1, 0}, 0}, {ScaleKind::F16Sym, {8, 0, 0}, 128},
    {ScaleKind::F16Sym, {4, 4, 0}, 128}, {ScaleKind::Sign, {1, 0, 0}, 0},    {ScaleKind::K4, {4, 0, 0}, 0},      {ScaleKind::K6, {4, 2, 0}, 32},
};

// f16 numbers of moderate size where floats are expected, any byte elsewhere.
void fill(std::vector<uint8_t>& bytes, Chance& chance, bool halves) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const uint16_t half = floatToHalf(chance.real() * 0.25f);
    bytes[i] = static_cast<uint8_t>(halves ? half & 255 : chance.next() >> 9);
    bytes[i + 1] = static_cast<uint8_t>(halves ? half >> 8 : chance.next() >> 9);
  }
}

bool sameMatmul(const Kernels& candidate, const Case& test, Chance& chance) {
  Matrix m;
  m.rows = kRows;
  m.cols = kCols;
  m.scaleKind = test.kind;
  m.group = 64;
  m.center = test.center;
  const size_t tiles = m.tiles(), blocks = tiles * m.blocks();
  std::vector<std::vector<uint8_t>> planes;
  for (int width : test.widths) {
    if (width == 0) break;
    planes.emplace_back(blocks * 64 * width);
    fill(planes.back(), chance, false);
    m.planes[m.planeCount++] = {planes.back().data(), width};
    m.bits += width;
  }
  const bool halves =
      test.kind == ScaleKind::F16Pair || test.kind == ScaleKind::F16Sym || test.kind == ScaleKind::Sign;
  std::vector<uint8_t> rowScale(tiles * 32), scales(blocks * 64), supers(tiles * 64);
  fill(rowScale, chance, true);
  fill(scales, chance, halves);
  fill(supers, chance, true);
  m.rowScale = rowScale.data();
  m.scales = scales.data();
  m.supers = supers.data();

  std::vector<float> x(kTokens * kCols), expected(kTokens * kRows), got(kTokens * kRows);
  for (float& v : x) v = chance.real();
  Memory scratch(matmulScratchBytes());
  for (int levels = 1; levels <= 2; levels++) {
    Memory one(actsBytes(kTokens, kCols, levels)), two(actsBytes(kTokens, kCols, levels));
    Acts reference = bindActs(one.at, x.data(), kCols, kTokens, kCols, levels);
    Acts acts = bindActs(two.at, x.data(), kCols, kTokens, kCols, levels);
    scalarKernels().quantize(reference, 0, kTokens);
    candidate.quantize(acts, 0, kTokens);
    scalarKernels().matmul(m, reference, 0, kTokens, expected.data(), kRows, 0, m.tiles(), scratch.at);
    // The last token alone: its own path.
    candidate.matmul(m, acts, 0, kTokens - 1, got.data(), kRows, 0, m.tiles(), scratch.at);
    candidate.matmul(m, acts, kTokens - 1, kTokens, got.data(), kRows, 0, m.tiles(), scratch.at);
    if (std::memcmp(expected.data(), got.data(), sizeof(float) * got.size()) != 0) return false;
    scalarKernels().matmulAdd(m, reference, 0, kTokens, expected.data(), kRows, 0, m.tiles(), scratch.at);
    candidate.matmulAdd(m, acts, 0, kTokens, got.data(), kRows, 0, m.tiles(), scratch.at);
    if (std::memcmp(expected.data(), got.data(), sizeof(float) * got.size()) != 0) return false;
  }
  return true;
}

bool sameLowRank(const Kernels& candidate, bool signs, Chance& chance) {
  constexpr int rank = 5, in = 96, tiles = 6;
  std::vector<uint8_t> a(rank * in * 2), b(tiles * rank * 32), scales(rank * 2);
  for (auto* brains : {&a, &b})
    for (size_t i = 0; i < brains->size(); i += 2) {
      const uint32_t number = chance.next();
      (*brains)[i] = static_cast<uint8_t>(number >> 9);
      // bf16 of moderate size, or any bits.
      (*brains)[i + 1] = static_cast<uint8_t>(signs ? number >> 17 : 0x3e | (number >> 24 & 0x80));
    }
  fill(scales, chance, true);
  // The last of the tiles' rows is not there.
  const LowRank factors = {signs, rank, in, tiles * kTileRows - 1, a.data(), b.data(), scales.data(), 0.5f};
  float x[in], u[rank], v[rank], expected[tiles * kTileRows], got[tiles * kTileRows];
  for (float& one : x) one = chance.real();
  for (int i = 0; i < tiles * kTileRows; i++) expected[i] = got[i] = chance.real();
  scalarKernels().lowRankIn(factors, x, u);
  candidate.lowRankIn(factors, x, v);
  if (std::memcmp(u, v, sizeof u) != 0) return false;
  scalarKernels().lowRankOut(factors, u, 0, tiles, expected);
  candidate.lowRankOut(factors, u, 0, tiles, got);
  scalarKernels().amplify(scales.data(), rank, expected);
  candidate.amplify(scales.data(), rank, got);
  return std::memcmp(expected, got, sizeof got) == 0;
}

bool sameRaw(const Kernels& candidate, Coding coding, Chance& chance) {
  Matrix m;
  m.coding = coding;
  m.rows = kRows;
  m.cols = 75;
  std::vector<float> x(kTokens * m.cols), expected(kTokens * kRows), got(kTokens * kRows);
  std::vector<uint8_t> data(static_cast<size_t>(m.rows) * m.cols * 4);
  for (float& v : x) v = chance.real();
  for (size_t i = 0; i < data.size(); i += 4) {
    const float v = chance.real();
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    // The float itself, or twice its half: as f16, or as its upper bytes.
    if (coding == Coding::F16) bits = floatToHalf(v) * 0x10001u;
    if (coding == Coding::BF16) bits = (bits >> 16) * 0x10001u;
    std::memcpy(&data[i], &bits, 4);
  }
  m.data = data.data();
  Acts acts;
  acts.tokens = kTokens;
  acts.x = x.data();
  acts.ldx = acts.cols = m.cols;
  scalarKernels().matmul(m, acts, 0, kTokens, expected.data(), kRows, 0, m.tiles(), nullptr);
  candidate.matmul(m, acts, 0, kTokens, got.data(), kRows, 0, m.tiles(), nullptr);
  return std::memcmp(expected.data(), got.data(), sizeof(float) * got.size()) == 0;
}

bool sameElementwise(const Kernels& candidate, Chance& chance) {
  constexpr int n = 53;
  float x[n], w[n], expected[n], got[n];
  for (int i = 0; i < n; i++) {
    x[i] = chance.real() * 20.0f;
    w[i] = chance.real();
  }
  scalarKernels().rmsnorm(x, w, 1e-5f, n, expected);
  candidate.rmsnorm(x, w, 1e-5f, n, got);
  if (std::memcmp(expected, got, sizeof got) != 0) return false;
  scalarKernels().add(w, n, expected);
  candidate.add(w, n, got);
  if (std::memcmp(expected, got, sizeof got) != 0) return false;
  scalarKernels().siluMul(x, w, n, expected);
  candidate.siluMul(x, w, n, got);
  return std::memcmp(expected, got, sizeof got) == 0;
}

bool sameAttention(const Kernels& candidate, KvType type, Chance& chance) {
  constexpr int size = 48, heads = 3, tokens = 7, position = 20, all = tokens + position, row = heads * size;
  const size_t block = kvHeadBytes(type, size);
  Memory one(2 * block), two(2 * block), scratch(attentionScratchBytes(all, size));
  std::memset(one.at, 0, 2 * block);
  std::memset(two.at, 0, 2 * block);
  for (int t = 0; t < all; t++) {
    float key[size], value[size];
    for (int d = 0; d < size; d++) {
      key[d] = chance.real();
      value[d] = chance.real();
    }
    const size_t at = block * (t / kKvBlockTokens);
    scalarKernels().kvStore(type, size, key, value, t % kKvBlockTokens, static_cast<uint8_t*>(one.at) + at);
    candidate.kvStore(type, size, key, value, t % kKvBlockTokens, static_cast<uint8_t*>(two.at) + at);
  }
  if (std::memcmp(one.at, two.at, 2 * block) != 0) return false;
  const uint8_t* blocks[2] = {static_cast<uint8_t*>(one.at), static_cast<uint8_t*>(one.at) + block};
  std::vector<float> q(tokens * row), expected(tokens * row), got(tokens * row);
  for (float& v : q) v = chance.real() * 3.0f;
  AttentionJob job = {type, size, heads, tokens, position, 0.144f, q.data(), row, expected.data(), row, blocks, 0};
  scalarKernels().attention(job, scratch.at);
  job.out = got.data();
  candidate.attention(job, scratch.at);
  return std::memcmp(expected.data(), got.data(), sizeof(float) * got.size()) == 0;
}

}  // namespace

const char* selfCheck(const Kernels& candidate) {
  Chance chance;
  for (const Case& test : kCases)
    if (!sameMatmul(candidate, test, chance)) return "matrix product of codes";
  for (Coding coding : {Coding::F32, Coding::F16, Coding::BF16})
    if (!sameRaw(candidate, coding, chance)) return "matrix product of raw numbers";
  for (bool signs : {true, false})
    if (!sameLowRank(candidate, signs, chance)) return "low-rank factors";
  if (!sameElementwise(candidate, chance)) return "rmsnorm, add or silu";
  for (KvType type : {KvType::F16, KvType::Int8})
    if (!sameAttention(candidate, type, chance)) return "attention";
  return nullptr;
}

}  // namespace zen
