// Speed of the kernels: giga-weights and gigabytes per second for one token, giga-multiply-adds for many.
//   make bench-kernels            build/bench/kernels [threads] [variant] [MB]
// Weights out of cache unless MB says otherwise; the best of five rounds. A loaded machine is reported.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/threads.h"

using namespace zen;

namespace {

bool ownTime = false;  // one thread: its CPU time, which neighbours disturb less

double now() {
  timespec t;
  clock_gettime(ownTime ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

double best(const std::function<void()>& work) {
  work();
  double least = 1e9;
  for (int round = 0; round < 5; round++) {
    const double start = now();
    work();
    least = std::min(least, now() - start);
  }
  return least;
}

uint8_t* bytes(size_t n) {
  uint8_t* at = static_cast<uint8_t*>(std::aligned_alloc(4096, (n + 4095) / 4096 * 4096));
  uint32_t state = 1;
  for (size_t i = 0; i + 1 < n; i += 2) {
    state = state * 1664525u + 1013904223u;
    at[i] = static_cast<uint8_t>(state >> 16);
    at[i + 1] = 0x2c;  // as f16: about 0.06
  }
  return at;
}
uint8_t* codes(size_t n) {
  uint8_t* at = static_cast<uint8_t*>(std::aligned_alloc(4096, (n + 4095) / 4096 * 4096));
  uint64_t state = 88172645463325252ull;
  for (size_t i = 0; i < n / 8; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(at + 8 * i, &state, 8);
  }
  return at;
}

struct Format {
  const char* name;
  ScaleKind kind;
  std::vector<int> widths;
  int center;
};

struct Weights {
  Matrix m;
  double bytesRead = 0;
  Weights(const Format& f, int rows, int cols) {
    m.rows = rows;
    m.cols = cols;
    m.scaleKind = f.kind;
    m.group = f.kind == ScaleKind::Row8 ? 64 : 32;
    m.center = f.center;
    const size_t blocks = size_t(m.tiles()) * m.blocks();
    for (int w : f.widths) {
      m.planes[m.planeCount++] = {codes(blocks * 64 * w), w};
      m.bits += w;
      bytesRead += double(blocks) * 64 * w;
    }
    const size_t scale = f.kind == ScaleKind::F16Pair ? 64 : 32;
    m.scales = bytes(blocks * scale);
    m.rowScale = bytes(size_t(m.tiles()) * 32);
    m.supers = bytes(size_t(m.tiles()) * m.supersPerTile() * 64);
    bytesRead += double(blocks) * scale / (f.kind == ScaleKind::Row8 ? 2 : 1);
    if (f.kind == ScaleKind::K4) bytesRead += double(blocks) * 8;
    if (f.kind == ScaleKind::K6) bytesRead += double(blocks) * 4;
  }
  ~Weights() {
    for (int p = 0; p < m.planeCount; p++) std::free(const_cast<uint8_t*>(m.planes[p].data));
    for (const uint8_t* p : {m.scales, m.rowScale, m.supers}) std::free(const_cast<uint8_t*>(p));
  }
};

double matmulSeconds(const Kernels& k, ThreadPool& pool, const Matrix& m, int tokens, int levels) {
  std::vector<float> x(size_t(tokens) * m.cols), y(size_t(tokens) * m.rows);
  for (size_t i = 0; i < x.size(); i++) x[i] = float(int(i * 2654435761u >> 8 & 1023) - 512) / 100.0f;
  void* memory = std::aligned_alloc(64, actsBytes(tokens, m.cols, levels));
  Acts acts = bindActs(memory, x.data(), m.cols, tokens, m.cols, levels);
  k.quantize(acts, 0, tokens);
  std::vector<void*> scratch;
  for (int t = 0; t < pool.size(); t++) scratch.push_back(std::aligned_alloc(64, matmulScratchBytes()));
  const int grain = std::max(1, std::min(16, m.tiles() / pool.size() / 4));
  const double seconds = best([&] {
    pool.run([&](Team& team) {
      team.parallelFor(m.tiles(), grain, [&](int begin, int end) {
        k.matmul(m, acts, 0, tokens, y.data(), m.rows, begin, end, scratch[team.index()]);
      });
    });
  });
  for (void* s : scratch) std::free(s);
  std::free(memory);
  return seconds;
}

void dispatchCost(ThreadPool& pool) {
  const int rounds = 20000;
  const double region = best([&] {
    for (int i = 0; i < 2000; i++) pool.run([](Team&) {});
  });
  const double barrier = best([&] {
    pool.run([&](Team& team) {
      for (int i = 0; i < rounds; i++) team.parallelFor(2, 1, [](int, int) {});
    });
  });
  std::printf("region %.2f us, parallelFor inside a region %.2f us\n", region / 2000 * 1e6, barrier / rounds * 1e6);
}

void attentionSpeed(const Kernels& k, ThreadPool& pool, KvType type, int tokens, int position) {
  const int size = 64, heads = 3, kvHeads = 3, all = tokens + position, blockCount = (all + 15) / 16;
  const size_t head = kvHeadBytes(type, size), block = head * kvHeads;
  uint8_t* kv = bytes(block * blockCount);
  std::vector<const uint8_t*> blocks;
  for (int i = 0; i < blockCount; i++) blocks.push_back(kv + i * block);
  const size_t row = size_t(heads) * kvHeads * size;
  std::vector<float> q(tokens * row, 0.1f), out(tokens * row);
  std::vector<float> one(size, 0.5f);
  for (int t = 0; t < all; t++)
    for (int h = 0; h < kvHeads; h++)
      k.kvStore(type, size, one.data(), one.data(), t % 16, kv + t / 16 * block + h * head);
  std::vector<void*> scratch;
  for (int t = 0; t < pool.size(); t++)
    scratch.push_back(std::aligned_alloc(64, (attentionScratchBytes(all, size) + 63) / 64 * 64));
  const int chunk = 16, chunks = (tokens + chunk - 1) / chunk;
  const double seconds = best([&] {
    pool.run([&](Team& team) {
      team.parallelFor(kvHeads * chunks, 1, [&](int i, int) {
        const int h = i % kvHeads, t = (chunks - 1 - i / kvHeads) * chunk;
        AttentionJob job = {type,
                            size,
                            heads,
                            std::min(chunk, tokens - t),
                            position + t,
                            0.125f,
                            q.data() + t * row + h * heads * size,
                            row,
                            out.data() + t * row + h * heads * size,
                            row,
                            blocks.data(),
                            h * head};
        k.attention(job, scratch[team.index()]);
      });
    });
  });
  double macs = 0;
  for (int t = 0; t < tokens; t++) macs += 2.0 * size * heads * kvHeads * (position + t + 1);
  std::printf("attention %s %4d tokens at %4d: %8.1f us, %5.1f GMAC/s, %5.1f GB/s\n",
              type == KvType::F16 ? "f16 " : "int8", tokens, position, seconds * 1e6, macs / seconds / 1e9,
              double(block) * blockCount / seconds / 1e9);
  for (void* s : scratch) std::free(s);
  std::free(kv);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 2;
  const Kernels* k = argc > 2 ? kernelsNamed(argv[2]) : &kernels();
  const double megabytes = argc > 3 ? std::atof(argv[3]) : 96;
  if (!k) return std::printf("no such variant\n"), 1;
  ThreadPool pool(threads);
  ownTime = threads == 1;
  double load[1] = {0};
  if (getloadavg(load, 1) == 1 && load[0] > 0.5) std::printf("NOISY: load %.1f\n", load[0]);
  std::printf("%s, %d threads\n", k->name, threads);
  dispatchCost(pool);
  const std::vector<Format> formats = {
      {"coded 1", ScaleKind::Row8, {1}, 0},      {"coded 2", ScaleKind::Row8, {2}, 0},
      {"coded 2+1", ScaleKind::Row8, {2, 1}, 0}, {"coded 4", ScaleKind::Row8, {4}, 0},
      {"Q4_1", ScaleKind::F16Pair, {4}, 0},      {"Q4_1 2+1+1", ScaleKind::F16Pair, {2, 1, 1}, 0},
      {"Q4_K", ScaleKind::K4, {4}, 0},           {"Q5_K 4+1", ScaleKind::K4, {4, 1}, 0},
      {"Q6_K 4+2", ScaleKind::K6, {4, 2}, 32},   {"Q8_0 4+4", ScaleKind::F16Sym, {4, 4}, 128},
      {"Q8_0 8", ScaleKind::F16Sym, {8}, 128},
  };
  for (const Format& f : formats) {
    int bits = 0;
    for (int w : f.widths) bits += w;
    const int cols = 1536, rows = int(megabytes * 1e6 * 8 / bits / cols) / 16 * 16;
    const Weights w(f, rows, cols);
    std::printf("%-12s", f.name);
    for (int levels : {1, 2}) {
      const double one = matmulSeconds(*k, pool, w.m, 1, levels);
      std::printf(" L%d M=1 %5.1f Gw/s %5.1f GB/s", levels, double(rows) * cols / one / 1e9, w.bytesRead / one / 1e9);
      for (int tokens : {2, 4, 8})
        std::printf(", M=%d %.1f", tokens, w.bytesRead / matmulSeconds(*k, pool, w.m, tokens, levels) / 1e9);
      std::printf(" |");
    }
    const Weights small(f, 1536, 768);
    for (int levels : {1, 2})
      for (int tokens : {2, 4, 8, 64, 256})
        std::printf(" L%d M=%d %.0f", levels, tokens,
                    1536.0 * 768 * tokens / matmulSeconds(*k, pool, small.m, tokens, levels) / 1e9);
    std::printf(" GMAC/s\n");
  }
  for (KvType type : {KvType::F16, KvType::Int8}) {
    attentionSpeed(*k, pool, type, 512, 0);
    attentionSpeed(*k, pool, type, 1, 2047);
  }
}
