#include "audio/log_mel.h"

#include <algorithm>
#include <cmath>

#include "model/failure.h"

namespace zen {
namespace {

constexpr int kHalf = LogMel::kWindow / 2;     // 200
constexpr int kQuarter = kHalf / 2;            // 100
constexpr int kLanes = kQuarter + 4;           // k = 0 to 100, rounded up
constexpr double kPi = 3.14159265358979323846;
constexpr double kHertzPerBin = 40, kHighest = 8000;

double melOf(double hertz) { return hertz < 1000 ? 3 * hertz / 200 : 15 + 27 / std::log(6.4) * std::log(hertz / 1000); }
double hertzOf(double mel) { return mel < 15 ? 200 * mel / 3 : 1000 * std::exp(std::log(6.4) / 27 * (mel - 15)); }

}  // namespace

LogMel::LogMel(int bins) : window_(kWindow), cos_((kHalf + 1) * kLanes), sin_(cos_.size()) {
  for (int i = 0; i < kWindow; i++)
    window_[i] = 0.5 - 0.5 * std::cos(2 * kPi * i / kWindow);
  for (int n = 0; n <= kHalf; n++)
    for (int k = 0; k < kLanes; k++) {
      const double angle = 2 * kPi * (n * k % kWindow) / kWindow;
      cos_[n * kLanes + k] = std::cos(angle);
      sin_[n * kLanes + k] = std::sin(angle);
    }
  const double highest = melOf(kHighest);
  for (int b = 0; b < bins; b++) {
    const double low = hertzOf(highest * b / (bins + 1)), middle = hertzOf(highest * (b + 1) / (bins + 1)),
                 high = hertzOf(highest * (b + 2) / (bins + 1));
    Filter filter{0, {}};
    for (int k = 0; k <= kHalf; k++) {
      const double hertz = kHertzPerBin * k;
      const double weight = std::min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      if (weight <= 0) continue;
      if (filter.weights.empty()) filter.begin = k;
      filter.weights.push_back(weight * 2 / (high - low));
    }
    filters_.push_back(std::move(filter));
  }
}

double LogMel::sampleAt(int64_t at) const {
  if (at < 0) at = -at;
  if (end_ >= 0 && at >= end_) at = 2 * (end_ - 1) - at;
  return kept_[static_cast<size_t>(at - first_)];
}

// The real transform of 400 samples, folded twice: sample n with 400 − n, bin k with 200 − k.
void LogMel::frame(std::vector<float>& out) {
  double even[2][kLanes] = {}, odd[2][kLanes] = {};  // cosines, sines
  double x[kWindow];
  for (int i = 0; i < kWindow; i++)
    x[i] = window_[i] * sampleAt(frames_ * kHop - kHalf + i);
  for (int n = 0; n <= kHalf; n++) {
    const bool alone = n == 0 || n == kHalf;
    const double sum = alone ? x[n] : x[n] + x[kWindow - n], difference = alone ? 0 : x[n] - x[kWindow - n];
    auto& to = n % 2 ? odd : even;
    const double *c = &cos_[n * kLanes], *s = &sin_[n * kLanes];
    for (int k = 0; k < kLanes; k++) {
      to[0][k] += sum * c[k];
      to[1][k] += difference * s[k];
    }
  }
  double power[kHalf + 1];
  for (int k = 0; k <= kQuarter; k++) {
    const double re = even[0][k] + odd[0][k], im = even[1][k] + odd[1][k];
    const double mirrorRe = even[0][k] - odd[0][k], mirrorIm = odd[1][k] - even[1][k];
    power[k] = re * re + im * im;
    power[kHalf - k] = mirrorRe * mirrorRe + mirrorIm * mirrorIm;
  }
  for (const Filter& filter : filters_) {
    double sum = 0;
    for (size_t i = 0; i < filter.weights.size(); i++)
      sum += filter.weights[i] * power[filter.begin + static_cast<int>(i)];
    out.push_back(static_cast<float>(std::log10(std::max(sum, 1e-10))));
  }
  frames_++;
}

void LogMel::append(const float* samples, size_t count, bool last, std::vector<float>& frames) {
  for (size_t i = 0; i < count; i++)
    if (!std::isfinite(samples[i])) throw Failure("samples", "must be finite");
  const int64_t all = count_ + static_cast<int64_t>(count);
  if (last && all < kLeastSamples)
    throw Failure("samples", "must be at least " + std::to_string(kLeastSamples) + " in all");
  kept_.insert(kept_.end(), samples, samples + count);
  count_ = all;
  if (last) end_ = count_;
  while (last ? frames_ < count_ / kHop : frames_ * kHop + kLeastSamples <= count_)
    frame(frames);
  const int64_t keep = std::min(std::max<int64_t>(frames_ * kHop - kHalf, 0), count_);
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(keep - first_));
  first_ = keep;
}

void LogMel::scale(float peak, size_t count, float* frames) {
  const float floor = peak - 8.0f;
  for (size_t i = 0; i < count; i++)
    frames[i] = ((frames[i] > floor ? frames[i] : floor) + 4.0f) / 4.0f;
}

float LogMel::peakOf(const float* frames, size_t count) {
  float peak = -10;
  for (size_t i = 0; i < count; i++)
    peak = std::max(peak, frames[i]);
  return peak;
}

std::vector<float> LogMel::whole(const float* samples, size_t count, int bins) {
  std::vector<float> frames;
  LogMel(bins).append(samples, count, true, frames);
  scale(peakOf(frames.data(), frames.size()), frames.size(), frames.data());
  return frames;
}

}  // namespace zen
