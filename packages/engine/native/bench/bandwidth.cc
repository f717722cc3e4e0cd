// Prints the bytes per second that N threads read together from memory, out of cache: the limit of decoding.
// usage: bandwidth THREADS
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

constexpr size_t kBytes = size_t{512} << 20;
constexpr int kRounds = 7;

uint64_t readAll(const uint64_t* data, size_t words) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= words; i += 8) {
    for (int lane = 0; lane < 8; lane++) sums[lane] ^= data[i + lane];
  }
  uint64_t all = 0;
  for (uint64_t sum : sums) all ^= sum;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1 || threads > 256) {
    std::fprintf(stderr, "THREADS must be 1 to 256\n");
    return 2;
  }
  std::vector<uint64_t> data(kBytes / 8);
  for (size_t i = 0; i < data.size(); i++) data[i] = i * 0x9E3779B97F4A7C15ull;
  std::vector<uint64_t> sums(threads * 8);
  double best = 0;
  for (int round = 0; round < kRounds; round++) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> team;
    for (int t = 0; t < threads; t++) {
      team.emplace_back([&, t] {
        const size_t begin = data.size() * t / threads;
        sums[t * 8] ^= readAll(data.data() + begin, data.size() * (t + 1) / threads - begin);
      });
    }
    for (auto& thread : team) thread.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (kBytes / seconds > best) best = kBytes / seconds;
  }
  // The sums keep the reads from being left out.
  std::fprintf(stderr, "check %llx\n", static_cast<unsigned long long>(sums[0]));
  std::printf("%.0f\n", best);
  return 0;
}
