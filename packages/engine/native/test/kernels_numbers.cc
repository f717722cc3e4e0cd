// The scalar reference against double precision and against the words of docs/ladder-format.md. Tolerances are of
// float32 sums over some hundred terms: 2e-6 of the sum of magnitudes.
#include <algorithm>

#include "test/check.h"
#include "test/kernels_cases.h"

using namespace zen;
using namespace zen::test;

namespace {

constexpr double kTolerance = 2e-6;

void halves() {
  int wrong = 0;
  for (int h = 0; h < 65536; h++) {
    const float v = halfToFloat(static_cast<uint16_t>(h));
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    const double expected = exponent == 31 ? INFINITY : magnitude;
    if (exponent == 31 && mantissa != 0)
      wrong += !std::isnan(v) || floatToHalf(v) != (h | 512);
    else
      wrong += v != float(h & 32768 ? -expected : expected) || floatToHalf(v) != h;
  }
  CHECK(wrong == 0);
  // Halfway cases go to the even neighbour; just above and below do not.
  CHECK(floatToHalf(1.0f + 0x1p-11f) == 0x3c00 && floatToHalf(1.0f + 3 * 0x1p-11f) == 0x3c02);
  CHECK(floatToHalf(1.0f + 0x1.002p-11f) == 0x3c01 && floatToHalf(65519.9f) == 0x7bff &&
        floatToHalf(65520.0f) == 0x7c00);
  CHECK(floatToHalf(0x1p-25f) == 0 && floatToHalf(0x1.01p-25f) == 1 && floatToHalf(-0x1p-24f) == 0x8001);
  CHECK(bfloatToFloat(0x3f80) == 1.0f && bfloatToFloat(0xc040) == -3.0f);
}

void values(Random& random) {
  for (const Format& format : formats()) {
    const CodedMatrix w(format, 21, 256, Codes::Random, random);
    CHECK_FOR(matrixProblem(w.m) == nullptr, w.name().c_str());
    std::vector<float> row(w.m.cols);
    bool exact = true;
    for (int r : {0, 7, 15, 16, 20}) {
      dequantizeRow(w.m, r, row.data());
      for (int c = 0; c < w.m.cols; c++) exact &= row[c] == w.value<float>(r, c);
    }
    CHECK_FOR(exact, w.name().c_str());
  }
}

void quantization(Random& random) {
  const int cols = 96, tokens = 9;
  std::vector<float> x(cols * tokens);
  for (int t = 0; t < tokens; t++)
    for (int c = 0; c < cols; c++) x[t * cols + c] = t == 0 ? 0.0f : real(random, std::pow(10.0f, float(3 * t - 12)));
  for (int levels : {1, 2}) {
    const QuantizedActs acts(scalarKernels(), x, tokens, cols, levels);
    bool near = true, split = true, sums = true;
    for (int t = 0; t < tokens; t++)
      for (int b = 0; b < cols / 32; b++) {
        const ActBlock& block = actBlock(acts.acts, t, b);
        const int16_t* q = actWide(acts.acts, t, b);
        const int8_t* bytes = actBytes(acts.acts, t, b);
        int sum[2] = {0, 0};
        for (int c = 0; c < 32; c++) {
          const double error = std::fabs(double(x[t * cols + 32 * b + c]) - double(block.scale) * q[c]);
          // Half a step, and what rounding scale, reciprocal and product costs at 15 bits: 3 * 2^15 * 2^-24 steps.
          near &= error <= (0.5 + 0x3p-9) * block.scale + 1e-30;
          split &= q[c] == (levels == 2 ? 256 * bytes[c] + bytes[32 + c] : bytes[c]);
          sum[c / 16] += q[c];
        }
        sums &=
            sum[0] == block.sum[0] && sum[1] == block.sum[1] && block.scaledSum == block.scale * float(sum[0] + sum[1]);
      }
    CHECK(near);
    CHECK(split);
    CHECK(sums);
  }
  x[40] = INFINITY;
  const QuantizedActs acts(scalarKernels(), x, 1, cols, 1);
  CHECK(std::isnan(acts.acts.blocks[1].scale) && acts.acts.blocks[0].scale == 0.0f);
}

void products(Random& random) {
  for (const Format& format : formats()) {
    const CodedMatrix w(format, 18, 256, Codes::Random, random);
    CodedMatrix zero(format, 18, 256, Codes::Zero, random);  // what a code of zero is worth
    zero.rowScale = w.rowScale;
    zero.scales = w.scales;
    zero.supers = w.supers;
    const int tokens = 3;
    std::vector<float> x(tokens * w.m.cols), y(tokens * w.m.rows);
    for (float& v : x) v = real(random);
    for (int levels : {1, 2}) {
      const QuantizedActs acts(scalarKernels(), x, tokens, w.m.cols, levels);
      scalarKernels().matmul(w.m, acts.acts, 0, tokens, y.data(), w.m.rows, 0, w.m.tiles(), nullptr);
      double worst = 0;
      for (int t = 0; t < tokens; t++)
        for (int r = 0; r < w.m.rows; r++) {
          double sum = 0, magnitude = 0;
          for (int c = 0; c < w.m.cols; c++) {
            const double q = double(actBlock(acts.acts, t, c / 32).scale) * acts.acts.wide[size_t(t) * w.m.cols + c];
            sum += w.value<double>(r, c) * q;
            // Codes and offsets are summed apart, so the size of either counts.
            const double offset = zero.value<double>(r, c);
            magnitude += (std::fabs(w.value<double>(r, c)) + 2 * std::fabs(offset)) * std::fabs(q);
          }
          worst = std::max(worst, std::fabs(y[t * w.m.rows + r] - sum) / (magnitude + 1e-30));
        }
      CHECK_FOR(worst < kTolerance, w.name().c_str());
    }
  }
}

void lowRank(Random& random) {
  for (bool signs : {true, false})
    for (int rank : {1, 7, 64}) {
      const int in = 160, out = 39;
      const LowRankCase test(signs, rank, in, out, random);
      std::vector<float> x(in), u(rank), y(out, 1.0f);
      for (float& v : x) v = real(random);
      scalarKernels().lowRankIn(test.factors, x.data(), u.data());
      scalarKernels().lowRankOut(test.factors, u.data(), 0, (out + 15) / 16, y.data());
      for (int row = 0; row < out; row++) {
        double sum = 1, magnitude = 1;
        for (int r = 0; r < rank; r++)
          for (int c = 0; c < in; c++) {
            const double term = test.right[row * rank + r] * test.scale[r] * test.left[r * in + c] * double(x[c]);
            sum += term;
            magnitude += std::fabs(term);
          }
        CHECK(std::fabs(y[row] - sum) < kTolerance * magnitude);
      }
    }
  const uint16_t half = floatToHalf(-0.25f);
  float y = 8.0f;
  scalarKernels().amplify(reinterpret_cast<const uint8_t*>(&half), 1, &y);
  CHECK(y == 6.0f);
}

void elements(Random& random) {
  const int n = 77;
  std::vector<float> x(n), w(n), y(n);
  double squares = 0;
  for (int i = 0; i < n; i++) {
    x[i] = real(random, 9.0f);
    w[i] = real(random);
    squares += double(x[i]) * x[i];
  }
  scalarKernels().rmsnorm(x.data(), w.data(), 1e-5f, n, y.data());
  bool near = true;
  for (int i = 0; i < n; i++) {
    const double expected = x[i] / std::sqrt(squares / n + 1e-5) * w[i];
    near &= std::fabs(y[i] - expected) <= 1e-6 * std::fabs(expected) + 1e-12;
  }
  CHECK(near);

  // exp inside silu over its whole range.
  double worst = 0;
  for (float g = -80.0f; g <= 80.0f; g += 0.0078125f) {
    const float up = 1.0f;
    float got;
    scalarKernels().siluMul(&g, &up, 1, &got);
    const double expected = double(g) / (1.0 + std::exp(-double(g)));
    worst = std::max(worst, std::fabs(got - expected) / (std::fabs(expected) + 1e-30));
  }
  CHECK(worst < 4e-7);
  for (float g : {-200.0f, -1e30f, 200.0f, 1e30f}) {
    const float up = 2.0f;
    float got;
    scalarKernels().siluMul(&g, &up, 1, &got);
    CHECK(g < 0 ? std::fabs(got) < 1e-7f * std::fabs(g) && got <= 0 : got == 2.0f * g);
  }
}

void rotation(Random& random) {
  const int size = 32, heads = 2, position = 1234;
  std::vector<float> cosSin(size), x(heads * size);
  ropeAngles(100000.0f, size, position, cosSin.data());
  for (RopeStyle style : {RopeStyle::Interleaved, RopeStyle::Half}) {
    for (float& v : x) v = real(random);
    const std::vector<float> before = x;
    rope(x.data(), heads, size, style, cosSin.data());
    double worst = 0;
    for (int h = 0; h < heads; h++)
      for (int i = 0; i < size / 2; i++) {
        const int first = h * size + (style == RopeStyle::Half ? i : 2 * i),
                  second = first + (style == RopeStyle::Half ? size / 2 : 1);
        const double angle = position * std::pow(100000.0, -2.0 * i / size), a = before[first], b = before[second];
        worst = std::max(worst, std::fabs(x[first] - (a * std::cos(angle) - b * std::sin(angle))));
        worst = std::max(worst, std::fabs(x[second] - (a * std::sin(angle) + b * std::cos(angle))));
      }
    CHECK(worst < 1e-6);
  }
}

void attention(Random& random, KvType type, double tolerance) {
  const int size = 32, heads = 2, tokens = 5, position = 30, all = tokens + position, row = heads * size;
  const size_t block = kvHeadBytes(type, size);
  CHECK(block % 64 == 0);
  const Memory kv = memory(3 * block);
  uint8_t* base = static_cast<uint8_t*>(kv.get());
  std::vector<float> keys(all * size), values(all * size), q(tokens * row), out(tokens * row);
  for (float& v : keys) v = real(random);
  for (float& v : values) v = real(random);
  for (float& v : q) v = real(random, 2.0f);
  for (int t = 0; t < all; t++)
    scalarKernels().kvStore(type, size, &keys[t * size], &values[t * size], t % 16, base + t / 16 * block);
  const uint8_t* blocks[3] = {base, base + block, base + 2 * block};
  const Memory scratch = memory(attentionScratchBytes(all, size));
  const float scale = 1.0f / std::sqrt(float(size));
  scalarKernels().attention({type, size, heads, tokens, position, scale, q.data(), row, out.data(), row, blocks, 0},
                            scratch.get());
  double worst = 0;
  for (int t = 0; t < tokens; t++)
    for (int h = 0; h < heads; h++) {
      std::vector<double> weight(position + t + 1);
      double total = 0;
      for (size_t k = 0; k < weight.size(); k++) {
        double dot = 0;
        for (int d = 0; d < size; d++) dot += double(q[t * row + h * size + d]) * keys[k * size + d];
        total += weight[k] = std::exp(dot * scale);
      }
      for (int d = 0; d < size; d++) {
        double sum = 0;
        for (size_t k = 0; k < weight.size(); k++) sum += weight[k] / total * values[k * size + d];
        worst = std::max(worst, std::fabs(sum - out[t * row + h * size + d]));
      }
    }
  CHECK(worst < tolerance);
}

void refusals(Random& random) {
  const CodedMatrix good({"coded", ScaleKind::Row8, {2, 1}, 0, 64}, 16, 64, Codes::Random, random);
  CHECK(matrixProblem(good.m) == nullptr);
  const auto refused = [&](void (*change)(Matrix&)) {
    Matrix m = good.m;
    change(m);
    return matrixProblem(m) != nullptr;
  };
  CHECK(refused([](Matrix& m) { m.cols = 33; }));
  CHECK(refused([](Matrix& m) { m.rows = 0; }));
  CHECK(refused([](Matrix& m) { m.rows = 1 << 27; }));
  CHECK(refused([](Matrix& m) { m.planes[0].width = 3; }));
  CHECK(refused([](Matrix& m) { m.bits = 4; }));
  CHECK(refused([](Matrix& m) { m.group = 48; }));
  CHECK(refused([](Matrix& m) { m.planeCount = 9; }));
  CHECK(refused([](Matrix& m) { m.scales = nullptr; }));
  CHECK(refused([](Matrix& m) { m.scaleKind = ScaleKind::K6; }));
  CHECK(refused([](Matrix& m) { m.coding = Coding::F16; }));
}

}  // namespace

int main() {
  Random random(2);
  halves();
  values(random);
  quantization(random);
  products(random);
  elements(random);
  lowRank(random);
  rotation(random);
  attention(random, KvType::F16, 1e-3);
  attention(random, KvType::Int8, 2e-2);
  refusals(random);
  return report("kernels_numbers");
}
