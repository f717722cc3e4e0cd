// Source formats, tile layout, residual decoding, scales, GPTQ, Cholesky and the float product.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "quant/cholesky.h"
#include "quant/exponential.h"
#include "quant/gemm.h"
#include "quant/half.h"
#include "quant/parallel.h"
#include "quant/quantize.h"
#include "quant/source.h"
#include "quant/tile_layout.h"
#include "test/check.h"

namespace zen::quant {
namespace {

// Counts like every native test, and says which case failed.
#undef CHECK
#define CHECK(condition, ...)                                      \
  do {                                                             \
    const bool good = (condition);                                 \
    if (!good) {                                                   \
      std::printf(__VA_ARGS__);                                    \
      std::printf("\n");                                           \
    }                                                              \
    zen::test::check(good, #condition, __FILE__, __LINE__);        \
  } while (0)

std::mt19937 chance(7);
float Normal() { return std::normal_distribution<float>()(chance); }
uint8_t Byte() { return static_cast<uint8_t>(chance()); }

const char* const kCoded[] = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"};

// Random blocks with finite half-precision parameters of ordinary size.
std::vector<uint8_t> RandomSource(const SourceFormat& format, int rows, int cols) {
  const size_t rowBytes = RowBytes(format, cols);
  std::vector<uint8_t> source(rowBytes * rows);
  for (uint8_t& byte : source) byte = Byte();
  for (size_t at = 0; at < source.size(); at += format.blockBytes) {
    uint8_t* block = source.data() + at;
    if (format.type == SourceType::Q6_K) {
      StoreU16(block + 208, FloatToHalf(0.01f * Normal()));
      continue;
    }
    StoreU16(block, FloatToHalf(0.01f * Normal()));
    if (format.paramBytes == 4 || format.superBytes == 4) StoreU16(block + 2, FloatToHalf(0.1f * Normal()));
  }
  return source;
}

void TestHalf() {
  for (int bits = 0; bits < 0x10000; bits++) {
    const float value = HalfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    CHECK(FloatToHalf(value) == bits, "half %x becomes %x", bits, FloatToHalf(value));
  }
  CHECK(FloatToHalf(65520.0f) == 0x7c00 && FloatToHalf(65519.0f) == 0x7bff, "the largest half");
  CHECK(FloatToHalf(1.00048828125f) == 0x3c00 && FloatToHalf(1.0014648f) == 0x3c02, "ties go to even");
}

// An exact rung made of planes and parameters gives the source's own values.
void TestExactRoundTrip() {
  for (const char* name : kCoded) {
    const SourceFormat& format = FormatOf(name);
    const int rows = 37, cols = 512, groups = cols / format.group;
    const std::vector<uint8_t> source = RandomSource(format, rows, cols);
    std::vector<float> expected(rows * cols), scale(rows * groups), offset(rows * groups);
    Dequantize(format, source.data(), rows, cols, expected.data());
    std::vector<uint8_t> codes(rows * cols), again(rows * cols, 0);
    for (int r = 0; r < rows; r++) {
      UnpackRow(format, source.data() + r * RowBytes(format, cols), cols, codes.data() + r * cols, scale.data() + r * groups, offset.data() + r * groups);
    }
    const std::vector<std::vector<int>> cuts = {{4}, {4, 1}, {4, 2}, {4, 4}, {8}, {2, 1, 1}, {4, 1, 2, 1}};
    int tried = 0;
    for (const std::vector<int>& widths : cuts) {
      int bits = 0;
      for (int width : widths) bits += width;
      if (bits != format.bits) continue;
      tried++;
      std::fill(again.begin(), again.end(), 0);
      int shift = bits;
      for (int width : widths) {
        shift -= width;
        std::vector<uint8_t> plane(PlaneBytes(rows, cols, width));
        PackPlane(codes.data(), rows, cols, shift, width, plane.data());
        UnpackPlane(plane.data(), rows, cols, shift, width, again.data());
      }
      CHECK(again == codes, "%s: planes lose codes", name);
    }
    CHECK(tried > 0, "%s: no planes tried", name);
    std::vector<uint8_t> params(ParamBytes(format, rows, cols)), supers(SuperBytes(format, rows, cols));
    PackParams(format, source.data(), rows, cols, params.data(), supers.data());
    std::vector<float> scale2(scale.size()), offset2(offset.size());
    UnpackParams(format, params.data(), supers.data(), rows, cols, scale2.data(), offset2.data());
    for (int i = 0; i < rows * cols; i++) {
      const int g = i / cols * groups + i % cols / format.group;
      const float value = ExactValue(format.type, scale2[g], offset2[g], codes[i]);
      CHECK(std::memcmp(&value, &expected[i], 4) == 0, "%s: weight %d is %g, must be %g", name, i, value, expected[i]);
    }
  }
}

// A code's place in a plane, from the words of docs/ladder-format.md and not from the code.
void TestPlaneLayout() {
  const int rows = 20, cols = 64;
  for (int width : {1, 2, 4, 8}) {
    std::vector<uint8_t> codes(rows * cols, 0), plane(PlaneBytes(rows, cols, width));
    const int row = 18, col = 45;
    codes[row * cols + col] = 1;
    PackPlane(codes.data(), rows, cols, 0, width, plane.data());
    const int tile = row / 16, block = col / 32, step = (col % 32) / 4, perVector = 8 / width;
    const size_t byte = (static_cast<size_t>(tile) * 2 + block) * 64 * width + step / perVector * 64 + (row % 16) * 4 + col % 4;
    for (size_t i = 0; i < plane.size(); i++) {
      const int expected = i == byte ? 1 << (step % perVector * width) : 0;
      CHECK(plane[i] == expected, "width %d: byte %zu is %d, must be %d", width, i, plane[i], expected);
    }
  }
}

// Decodable promises what NearestCode then does, for every code, residual width and many predictions.
void TestResidual() {
  for (int bits : {4, 5, 6, 8}) {
    for (int residual = 2; residual < bits; residual++) {
      for (int code = 0; code < 1 << bits; code++) {
        for (float p = -20.0f; p < static_cast<float>((1 << bits) + 20); p += 0.37f) {
          const int low = code & ((1 << residual) - 1);
          const int found = NearestCode(p, low, residual, bits);
          CHECK(found % (1 << residual) == low && found < 1 << bits, "residual is not kept");
          if (Decodable(p, code, residual, bits)) CHECK(found == code, "code %d from %g is %d", code, p, found);
          if (found == code) {
            const bool near = Decodable(p - 0.03f, code, residual, bits) || Decodable(p + 0.03f, code, residual, bits);
            CHECK(near, "code %d from %g is refused without need", code, p);
          }
        }
      }
    }
  }
  CHECK(NearestCode(4.0f, 0, 3, 4) == 0, "a tie takes the smaller code");
}

std::vector<float> Covariance(int cols, int tokens) {
  std::vector<float> x(static_cast<size_t>(tokens) * cols), h(static_cast<size_t>(cols) * cols);
  for (int t = 0; t < tokens; t++) {
    const float common = Normal();
    for (int c = 0; c < cols; c++) x[t * cols + c] = 0.7f * common + Normal() * (c % 7 == 0 ? 3.0f : 0.5f);
  }
  Gemm(cols, cols, tokens, Transposed(x.data(), cols), RowMajor(x.data(), cols), h.data(), cols, false);
  return h;
}

double ErrorOf(const std::vector<float>& w, const CodedTensor& q, int rows, int cols, int bits, int group, const std::vector<float>& h) {
  std::vector<uint8_t> rowScale(RowScaleBytes(rows)), groups(GroupBytes(rows, cols, group));
  PackRowScale(q.rowScale.data(), rows, rowScale.data());
  PackGroups(q.scale.data(), q.zero.data(), rows, Groups(cols, group), groups.data());
  std::vector<float> v(w.size());
  DecodeCoded(q.codes.data(), rowScale.data(), groups.data(), rows, cols, bits, group, v.data());
  double sum = 0;
  for (int r = 0; r < rows; r++) {
    for (int i = 0; i < cols; i++) {
      for (int j = 0; j < cols; j++) {
        sum += static_cast<double>(w[r * cols + i] - v[r * cols + i]) * h[i * cols + j] * (w[r * cols + j] - v[r * cols + j]);
      }
    }
  }
  return sum;
}

// Feedback beats rounding, refits beat feedback, every source code stays decodable, ragged sizes and groups included.
void TestQuantize() {
  const SourceFormat& format = FormatOf("Q4_1");
  for (int group : {32, 64, 128}) {
    const int rows = 33, cols = 160, bits = 3, residualBits = 3;
    std::vector<uint8_t> bytes = RandomSource(format, rows, cols);
    for (size_t at = 0; at < bytes.size(); at += format.blockBytes) {  // as a quantizer would choose them
      const float d = 0.01f + 0.002f * std::fabs(Normal());
      StoreU16(bytes.data() + at, FloatToHalf(d));
      StoreU16(bytes.data() + at + 2, FloatToHalf(-7.5f * d));
    }
    std::vector<float> w(rows * cols), scale(rows * cols / 32), offset(scale.size());
    std::vector<uint8_t> codes(rows * cols);
    Dequantize(format, bytes.data(), rows, cols, w.data());
    for (int r = 0; r < rows; r++) {
      UnpackRow(format, bytes.data() + r * RowBytes(format, cols), cols, codes.data() + r * cols, scale.data() + r * cols / 32, offset.data() + r * cols / 32);
    }
    const SourceCodes source{codes.data(), scale.data(), offset.data(), 32, 4, residualBits};
    const std::vector<float> h = Covariance(cols, 400);
    double before = INFINITY, rounding = 0;
    for (int rounds : {-1, 0, 2}) {
      const CodedTensor q = Quantize(w.data(), rows, cols, rounds < 0 ? nullptr : h.data(), source, {bits, group, true, 0.01f, std::max(rounds, 0)});
      const double error = ErrorOf(w, q, rows, cols, bits, group, h);
      CHECK(error < before, "group %d rounds %d: error %g is not below %g", group, rounds, error, before);
      before = error;
      if (rounds < 0) rounding = error;
      std::vector<uint8_t> rowScale(RowScaleBytes(rows)), groups(GroupBytes(rows, cols, group));
      PackRowScale(q.rowScale.data(), rows, rowScale.data());
      PackGroups(q.scale.data(), q.zero.data(), rows, Groups(cols, group), groups.data());
      std::vector<float> v(rows * cols);
      DecodeCoded(q.codes.data(), rowScale.data(), groups.data(), rows, cols, bits, group, v.data());
      for (int i = 0; i < rows * cols; i++) {
        const float p = Prediction(v[i], scale[i / 32], offset[i / 32]);
        CHECK(NearestCode(p, codes[i] & 7, residualBits, 4) == codes[i], "group %d: code of weight %d is lost", group, i);
      }
      // Trained scales that would break codes go back to the old ones.
      const StoredScales stored{q.codes.data(), q.rowScale.data(), q.scale.data(), q.zero.data()};
      std::vector<float> s(q.scale.size()), o(q.scale.size());
      for (size_t i = 0; i < s.size(); i++) {
        const CodedScale at = CodedScaleAt(rowScale.data(), groups.data(), Groups(cols, group), bits, static_cast<int>(i) / Groups(cols, group), static_cast<int>(i) % Groups(cols, group));
        s[i] = at.s * (i % 5 == 0 ? 3.0f : 1.01f);
        o[i] = -at.s * at.z;
      }
      const CodedTensor tuned = StoreScales(stored, s.data(), o.data(), rows, cols, bits, group, source);
      CHECK(tuned.bent > 0, "group %d: nothing had to be kept", group);
      PackRowScale(tuned.rowScale.data(), rows, rowScale.data());
      PackGroups(tuned.scale.data(), tuned.zero.data(), rows, Groups(cols, group), groups.data());
      DecodeCoded(tuned.codes.data(), rowScale.data(), groups.data(), rows, cols, bits, group, v.data());
      for (int i = 0; i < rows * cols; i++) {
        const float p = Prediction(v[i], scale[i / 32], offset[i / 32]);
        CHECK(NearestCode(p, codes[i] & 7, residualBits, 4) == codes[i], "group %d: training lost a code", group);
      }
    }
    // Less is known within spans, and that is still better than nothing.
    const CodedTensor spans = Quantize(w.data(), rows, cols, h.data(), source, {bits, group, true, 0.01f, 2, 128});
    const double error = ErrorOf(w, spans, rows, cols, bits, group, h);
    CHECK(before < error && error < rounding, "group %d in spans: error %g is not between %g and %g", group, error, before, rounding);
  }
}

void TestCholesky() {
  const int n = 200;
  const std::vector<float> h = Covariance(n, 600);
  const float damping = 0.01f;
  const std::vector<float> u = InverseFactor(h.data(), n, damping);
  double mean = 0;
  for (int i = 0; i < n; i++) mean += h[i * n + i] / n;
  // Uᵀ·U·(H + damping) is the identity.
  std::vector<double> inverse(n * n, 0.0);
  for (int k = 0; k < n; k++) {
    for (int i = k; i < n; i++) {
      for (int j = k; j < n; j++) inverse[i * n + j] += static_cast<double>(u[k * n + i]) * u[k * n + j];
    }
  }
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < n; j++) {
      double sum = 0;
      for (int k = 0; k < n; k++) sum += inverse[i * n + k] * (h[k * n + j] + (k == j ? damping * mean : 0));
      CHECK(std::fabs(sum - (i == j)) < 2e-2, "entry %d %d of the identity is %g", i, j, sum);
    }
  }
}

void TestGemm() {
  for (int threads : {1, 3}) {
    SetThreads(threads);
    for (const auto& [m, n, k] : {std::array{1, 1, 1}, std::array{7, 17, 300}, std::array{97, 33, 257}, std::array{6, 4100, 5}}) {
      std::vector<float> a(m * k), b(k * n), c(m * n, 1.0f);
      for (float& x : a) x = Normal();
      for (float& x : b) x = Normal();
      Gemm(m, n, k, RowMajor(a.data(), k), Transposed(b.data(), k), c.data(), n, threads == 1);
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = threads == 1 ? 1 : 0;  // added to what was there, or in its place
          for (int p = 0; p < k; p++) sum += static_cast<double>(a[i * k + p]) * b[j * k + p];
          CHECK(std::fabs(sum - c[i * n + j]) < 1e-3, "%d×%d×%d: entry %d %d is %g, must be %g", m, n, k, i, j, c[i * n + j], sum);
        }
      }
    }
  }
}

void TestExponential() {
  std::vector<float> x;
  for (float v = -100; v < 80; v += 0.0137f) x.push_back(v);
  std::vector<float> y = x;
  ExpSum(y.data(), static_cast<int>(y.size()), 0.0f, 1.0f);
  for (size_t i = 0; i < x.size(); i++) {
    const double exact = x[i] < -87 ? 0 : std::exp(static_cast<double>(x[i]));
    CHECK(std::fabs(y[i] - exact) <= 3e-7 * exact, "exp(%g) is %g, must be %g", x[i], y[i], exact);
  }
}

}  // namespace
}  // namespace zen::quant

int main() {
  using namespace zen::quant;
  TestHalf();
  TestExactRoundTrip();
  TestPlaneLayout();
  TestResidual();
  TestQuantize();
  TestCholesky();
  TestGemm();
  TestExponential();
  return zen::test::report("quant_test");
}
