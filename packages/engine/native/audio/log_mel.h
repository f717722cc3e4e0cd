// The log-mel front end of Whisper's kind: 16 kHz, windows of 400 samples every 160, Slaney's mel scale to 8 kHz.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace zen {

class LogMel {
 public:
  static constexpr int kHop = 160, kWindow = 400;
  // What the reflection at both ends needs.
  static constexpr int kLeastSamples = kWindow / 2 + 1;

  explicit LogMel(int bins);  // 8 to 256

  // Appends samples (mono, −1 to 1) and then to `frames` those that are complete: [frames][bins], base-10 logarithms of
  // power, at least −10. A frame reaches 200 samples past its middle, so the last two of a second come with the next
  // one's first samples, or with the end, where the sound is reflected; n samples make ⌊n / 160⌋ frames.
  // Throws Failure: samples that are not finite, an end before kLeastSamples.
  void append(const float* samples, size_t count, bool last, std::vector<float>& frames);

  // What the encoder takes, in place: (max(x, peak − 8) + 4) / 4.
  static void scale(float peak, size_t count, float* frames);
  static float peakOf(const float* frames, size_t count);

  // Of a whole recording, with the peak over all of it, as the reference computes it.
  static std::vector<float> whole(const float* samples, size_t count, int bins);

 private:
  struct Filter {
    int begin;
    std::vector<double> weights;
  };
  double sampleAt(int64_t at) const;
  void frame(std::vector<float>& out);

  std::vector<Filter> filters_;
  std::vector<double> window_, cos_, sin_;  // [kWindow], [n][k]
  std::vector<float> kept_;                 // from sample first_ on
  int64_t first_ = 0, count_ = 0, end_ = -1, frames_ = 0;
};

}  // namespace zen
