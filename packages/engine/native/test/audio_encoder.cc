// The audio encoder: its small steps beside float64, and rows that are the same bits for every number of threads, every
// instruction set and every cut of the audio.
#include <cmath>
#include <vector>

#include "audio/audio_stream.h"
#include "audio/rows.h"
#include "check.h"
#include "kernels/kernels.h"
#include "model/failure.h"
#include "tiny_audio.h"

using namespace zen;
using namespace zen::test;

namespace {

std::vector<float> noise(size_t count, unsigned seed, float size) {
  std::mt19937 random(seed);
  std::vector<float> out(count);
  for (float& value : out)
    value = (static_cast<float>(random()) / 4294967296.0f * 2 - 1) * size;
  return out;
}

void gelus() {
  double worst = 0;
  for (double at = -12; at <= 12; at += 1.0 / 1024) {
    float x = static_cast<float>(at);
    geluBias(nullptr, 1, &x);
    worst = std::max(worst, std::fabs(x - at / 2 * (1 + std::erf(at / std::sqrt(2.0)))) / std::max(1.0, std::fabs(at)));
  }
  CHECK(worst < 1e-6);
  float far[] = {100, -100, 0, std::nanf(""), HUGE_VALF};
  geluBias(nullptr, 5, far);
  CHECK(far[0] == 100 && std::fabs(far[1]) < 1e-30f && far[2] == 0 && std::isnan(far[3]) && !(far[4] < HUGE_VALF));
}

void norms() {
  for (const int n : {1, 2, 7, 8, 33, 1280}) {
    const auto x = noise(size_t(n), 3, 5), weight = noise(size_t(n), 4, 2), bias = noise(size_t(n), 5, 2);
    double mean = 0, variance = 0;
    for (const float value : x)
      mean += double(value) / n;
    for (const float value : x)
      variance += (value - mean) * (value - mean) / n;
    std::vector<float> y(x.size());
    layerNorm(x.data(), weight.data(), bias.data(), n, y.data());
    double worst = 0;
    for (size_t i = 0; i < x.size(); i++)
      worst = std::max(worst, std::fabs(y[i] - ((x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i])));
    CHECK(worst < 1e-5);
  }
}

void attentions() {
  for (const int size : {1, 5, 16, 17, 64})
    for (const int rows : {1, 13, 104}) {
      const int stride = size + 3;
      const auto q = noise(size_t(size), 6, 2), k = noise(size_t(rows * stride), 7, 2), v = noise(size_t(rows * stride), 8, 2);
      std::vector<float> scores(static_cast<size_t>(rows)), out(static_cast<size_t>(size));
      attend(q.data(), k.data(), v.data(), stride, rows, size, scores.data(), out.data());
      std::vector<double> expected(out.size());
      double sum = 0;
      for (int r = 0; r < rows; r++) {
        double score = 0;
        for (int d = 0; d < size; d++)
          score += double(q[size_t(d)]) * k[size_t(r * stride + d)];
        const double weight = std::exp(score / std::sqrt(double(size)));
        sum += weight;
        for (int d = 0; d < size; d++)
          expected[size_t(d)] += weight * v[size_t(r * stride + d)];
      }
      double worst = 0;
      for (int d = 0; d < size; d++)
        worst = std::max(worst, std::fabs(out[size_t(d)] - expected[size_t(d)] / sum));
      CHECK(worst < 1e-5);
    }
  const float bad[] = {HUGE_VALF}, one[] = {1};
  float scores[1], out[1];
  attend(bad, one, one, 1, 1, 1, scores, out);
  CHECK(std::isnan(out[0]));
}

// Frames of `seconds`, cut into portions.
std::vector<float> encoded(const TinyAudio& tiny, const TinyFile& file, int threads, const std::vector<float>& samples,
                           size_t portion) {
  auto encoder = std::make_shared<AudioEncoder>(
      AudioShape::parse(tiny.config()), std::make_shared<const TensorFiles>(std::vector<std::string>{file.path()}), threads);
  AudioStream stream(encoder, std::nullopt);
  std::vector<float> out;
  int64_t final = 0;
  for (size_t at = 0; at < samples.size(); at += portion) {
    const size_t count = std::min(portion, samples.size() - at);
    const AudioRows rows = stream.appendSamples(samples.data() + at, count, at + count == samples.size(), at % 3 == 0);
    CHECK(rows.firstRow == final && rows.finalRows >= final);
    out.resize(static_cast<size_t>(rows.firstRow * tiny.output));
    out.insert(out.end(), rows.rows.begin(), rows.rows.end());
    final = rows.finalRows;
  }
  CHECK(out.size() == static_cast<size_t>(final * tiny.output));
  return out;
}

void sameBits() {
  const TinyAudio tiny;
  const TinyFile file(tiny.file());
  const std::vector<float> samples = noise(16000 * 5 + 777, 9, 0.7f);
  const std::string best = kernels().name;
  const std::vector<float> whole = encoded(tiny, file, 1, samples, samples.size());
  // 5 s of 13 rows and 4 frames more.
  CHECK(whole.size() == static_cast<size_t>((5 * 13 + 1) * tiny.output));
  for (const char* name : {"scalar", "avx2", "avx512", "neon"}) {
    if (!forceKernels(name)) continue;
    for (const int threads : {1, 2, 5})
      CHECK_FOR(encoded(tiny, file, threads, samples, 16000) == whole, name);
    CHECK_FOR(encoded(tiny, file, 2, samples, 4321) == whole, name);
  }
  CHECK(forceKernels(best.c_str()));
}

// A window's rows depend on its own seconds alone, and on all of them.
void windows() {
  const TinyAudio tiny;
  const TinyFile file(tiny.file());
  std::vector<float> samples = noise(16000 * 6, 10, 0.7f);
  const std::vector<float> before = encoded(tiny, file, 2, samples, samples.size());
  for (size_t i = 16000 * 3 + 4000; i < 16000 * 3 + 4100; i++)
    samples[i] = 0;  // in the second of two seconds that are a window
  const std::vector<float> after = encoded(tiny, file, 2, samples, samples.size());
  const auto differs = [&](size_t row) {
    for (size_t i = row * size_t(tiny.output); i < (row + 1) * size_t(tiny.output); i++)
      if (before[i] != after[i]) return true;
    return false;
  };
  for (size_t row = 0; row < 6 * 13; row++)
    CHECK(differs(row) == (row >= 26 && row < 52));
}

void damaged() {
  TinyAudio tiny;
  // The last weight of all: proj2.bias.
  const float bad = std::nanf("");
  tiny.data.replace(tiny.data.size() - sizeof bad, sizeof bad, reinterpret_cast<const char*>(&bad), sizeof bad);
  const TinyFile file(tiny.file());
  try {
    encoded(tiny, file, 2, noise(16000, 11, 0.5f), 16000);
    CHECK(false);
  } catch (const Failure& failure) {
    CHECK(failure.field() == "rows");
  }
}

}  // namespace

int main() {
  gelus();
  norms();
  attentions();
  sameBits();
  windows();
  damaged();
  return report("audio_encoder");
}
