// One speaker's audio on its way into the encoder, appended in any portions.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "audio/audio_encoder.h"
#include "audio/log_mel.h"

namespace zen {

struct AudioRows {
  int64_t firstRow = 0;  // of `rows`; what an earlier append gave from here on is replaced
  int64_t finalRows = 0;  // rows before this one never change
  std::vector<float> rows;  // [rows][outputSize]
};

// A second is encoded when it is whole, or at the end. Its rows attend to those of its window (8 s) only, both ways: they
// are final once the window is whole or the audio has ended; before that they are provisional and computed anew with
// every further second. However the audio is cut, the final rows are the same bits. One call at a time.
class AudioStream {
 public:
  static constexpr int64_t kMaxSeconds = 3600, kMaxAppendSeconds = 60;

  // `peak`: the loudest value of the whole recording's log-mel frames, where it is known; else that of a second is the
  // loudest so far, this second included.
  AudioStream(std::shared_ptr<AudioEncoder> encoder, std::optional<float> peak);

  // Mono samples at 16 kHz, −1 to 1. `provisional`: rows of the open window are wanted too.
  AudioRows appendSamples(const float* samples, size_t count, bool last, bool provisional);
  // Log-mel frames [count][melBins], scaled already. A stream takes the one or the other. Throws Failure.
  AudioRows appendFrames(const float* frames, size_t count, bool last, bool provisional);

 private:
  enum class Input { None, Samples, Frames };

  void begin(Input input, size_t frames);
  AudioRows encode(bool last, bool provisional);
  void chunk(int frames, AudioRows& out);

  const std::shared_ptr<AudioEncoder> encoder_;
  const std::optional<float> given_;
  LogMel mel_;
  Input input_ = Input::None;
  bool usable_ = true;
  float peak_ = -10;
  std::vector<float> pending_;  // frames of chunks that are not encoded yet
  std::vector<float> window_;   // what `front` made of the open window's chunks
  int windowRows_ = 0, windowChunks_ = 0;
  int64_t frames_ = 0, chunks_ = 0, finalRows_ = 0;
};

}  // namespace zen
