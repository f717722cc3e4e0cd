#include "omni/conv.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "quant/clones.h"

namespace zen::omni {
namespace {

size_t bytesOf(Coding coding) { return coding == Coding::F32 ? 4 : 2; }

// The history and what has come, one after the other; the history becomes the last `keep` rows of it.
std::vector<float> joined(History& history, const Signal& x, int keep) {
  std::vector<float> all(history.size() + x.data.size());
  std::copy(history.begin(), history.end(), all.begin());
  std::copy(x.data.begin(), x.data.end(), all.begin() + static_cast<long>(history.size()));
  const size_t kept = std::min(all.size(), static_cast<size_t>(keep) * x.channels);
  history.assign(all.end() - static_cast<long>(kept), all.end());
  return all;
}

ZEN_CLONES void addProducts(const float* x, const float* weights, int n, float* sum) {
  for (int i = 0; i < n; i++) sum[i] = sum[i] + weights[i] * x[i];
}

// sin² has the period π: x − nπ, π in three parts, then an odd polynomial. Good to 1e-6 for |z| up to 8192.
constexpr float kFar = 8192.0f;
ZEN_CLONES void snake(float* x, const float* frequency, const float* gain, int n) {
  for (int i = 0; i < n; i++) {
    const float z = x[i] * frequency[i];
    const float turns = std::nearbyint(z * 0.318309886f);
    float r = z - turns * 3.140625f;
    r = r - turns * 0.0009670257568359375f;
    r = r - turns * 6.277114152908325195e-7f;
    const float q = r * r;
    float p = -2.3889859e-8f;
    p = p * q + 2.7525562e-6f;
    p = p * q + -1.98408743e-4f;
    p = p * q + 8.3333310e-3f;
    p = p * q + -1.66666667e-1f;
    const float s = r + r * q * p;
    x[i] = x[i] + gain[i] * (s * s);
  }
}

}  // namespace

CausalConv::CausalConv(const TensorFiles& files, const std::string& name, int in, int out, int kernel, int dilation)
    : in_(in), out_(out), kernel_(kernel), dilation_(dilation) {
  const Matrix given = files.matrix(name + ".conv.weight", {out, in, kernel});
  const size_t size = bytesOf(given.coding);
  weights_ = Region(size * out * in * kernel);
  for (int o = 0; o < out; o++)
    for (int i = 0; i < in; i++)
      for (int k = 0; k < kernel; k++)
        std::memcpy(weights_.data() + size * ((size_t(o) * kernel + k) * in + i),
                    given.data + size * ((size_t(o) * in + i) * kernel + k), size);
  linear_.matrix = given;
  linear_.matrix.cols = in * kernel;
  linear_.matrix.data = weights_.data();
  linear_.bias = files.vector(name + ".conv.bias", out);
}

void CausalConv::run(ThreadPool& pool, History& history, Signal& x) const {
  Signal y;
  y.rows = x.rows;
  y.channels = out_;
  y.data.resize(static_cast<size_t>(y.rows) * out_);
  const int reach = (kernel_ - 1) * dilation_;
  if (history.empty()) history.assign(static_cast<size_t>(reach) * in_, 0.0f);
  if (reach == 0) {
    multiply(pool, linear_, x.data.data(), in_, x.rows, y.data.data(), out_);
  } else {
    const std::vector<float> all = joined(history, x, reach);
    if (dilation_ == 1) {
      // A row's taps lie one after the other.
      multiply(pool, linear_, all.data(), in_, x.rows, y.data.data(), out_);
    } else {
      const size_t width = static_cast<size_t>(in_) * kernel_;
      std::vector<float> taps(width * x.rows);
      pool.run([&](Team& team) {
        each(team, x.rows, 64, [&](int row) {
          for (int k = 0; k < kernel_; k++)
            std::memcpy(&taps[row * width + size_t(k) * in_], &all[size_t(row + k * dilation_) * in_],
                        in_ * sizeof(float));
        });
        multiply(team, linear_, taps.data(), width, x.rows, y.data.data(), out_);
      });
    }
  }
  x = std::move(y);
}

DepthwiseConv::DepthwiseConv(const TensorFiles& files, const std::string& name, int channels, int kernel)
    : channels_(channels), kernel_(kernel), bias_(files.vector(name + ".conv.bias", channels)) {
  Matrix given = files.matrix(name + ".conv.weight", {channels, 1, kernel});
  std::vector<float> row(static_cast<size_t>(kernel));
  weights_.resize(static_cast<size_t>(channels) * kernel);
  for (int c = 0; c < channels; c++) {
    dequantizeRow(given, c, row.data());
    for (int k = 0; k < kernel; k++) weights_[size_t(k) * channels + c] = row[k];
  }
}

void DepthwiseConv::run(ThreadPool& pool, History& history, const Signal& x, Signal& out) const {
  const size_t width = channels_;
  if (history.empty()) history.assign((kernel_ - 1) * width, 0.0f);
  const std::vector<float> all = joined(history, x, kernel_ - 1);
  out.rows = x.rows;
  out.channels = channels_;
  out.data.resize(x.data.size());
  pool.run([&](Team& team) {
    each(team, x.rows, 4, [&](int row) {
      float* y = &out.data[row * width];
      std::copy(bias_.begin(), bias_.end(), y);
      for (int k = 0; k < kernel_; k++) addProducts(&all[(row + k) * width], &weights_[k * width], channels_, y);
    });
  });
}

TransposedConv::TransposedConv(const TensorFiles& files, const std::string& name, int in, int out, int stride,
                               bool twoRows)
    : in_(in), out_(out), stride_(stride), twoRows_(twoRows) {
  const int taps = twoRows ? 2 * stride : stride, rows = twoRows ? 2 : 1;
  const Matrix given = files.matrix(name + ".conv.weight", {in, out, taps});
  const size_t size = bytesOf(given.coding);
  weights_ = Region(size * in * out * taps);
  // Of the two rows the earlier one has the later taps.
  for (int p = 0; p < stride; p++)
    for (int o = 0; o < out; o++)
      for (int row = 0; row < rows; row++)
        for (int i = 0; i < in; i++) {
          const int tap = p + (twoRows && row == 0 ? stride : 0);
          std::memcpy(weights_.data() + size * (((size_t(p) * out + o) * rows + row) * in + i),
                      given.data + size * ((size_t(i) * out + o) * taps + tap), size);
        }
  linear_.matrix = given;
  linear_.matrix.rows = stride * out;
  linear_.matrix.cols = rows * in;
  linear_.matrix.data = weights_.data();
  const std::vector<float> bias = files.vector(name + ".conv.bias", out);
  for (int p = 0; p < stride; p++) linear_.bias.insert(linear_.bias.end(), bias.begin(), bias.end());
}

void TransposedConv::run(ThreadPool& pool, History& history, Signal& x) const {
  const std::vector<float> all = twoRows_ ? joined(history, x, 1) : std::move(x.data);
  const int rows = static_cast<int>(all.size() / in_) - (twoRows_ ? 1 : 0);
  Signal y;
  y.rows = std::max(0, rows) * stride_;
  y.channels = out_;
  y.data.resize(static_cast<size_t>(y.rows) * out_);
  if (rows > 0) multiply(pool, linear_, all.data(), in_, rows, y.data.data(), size_t(stride_) * out_);
  x = std::move(y);
}

SnakeBeta::SnakeBeta(const TensorFiles& files, const std::string& name, int channels)
    : frequency_(files.vector(name + ".alpha", channels)), gain_(files.vector(name + ".beta", channels)) {
  for (float& a : frequency_) a = std::exp(a);
  for (float& b : gain_) b = 1.0f / (std::exp(b) + 1e-9f);
}

void SnakeBeta::run(ThreadPool& pool, Signal& x) const {
  pool.run([&](Team& team) {
    each(team, x.rows, 16, [&](int row) {
      float* own = &x.data[size_t(row) * x.channels];
      bool far = false;
      for (int c = 0; c < x.channels; c++) far |= !(std::fabs(own[c] * frequency_[c]) <= kFar);
      if (!far) return snake(own, frequency_.data(), gain_.data(), x.channels);
      for (int c = 0; c < x.channels; c++) {
        const float s = std::sin(own[c] * frequency_[c]);
        own[c] = own[c] + gain_[c] * (s * s);
      }
    });
  });
}

}  // namespace zen::omni
