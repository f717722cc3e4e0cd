#include "audio/audio_stream.h"

#include <cmath>

#include "model/failure.h"

namespace zen {

constexpr int kFrames = AudioShape::kChunkFrames;

AudioStream::AudioStream(std::shared_ptr<AudioEncoder> encoder, std::optional<float> peak)
    : encoder_(std::move(encoder)), given_(peak), mel_(encoder_->shape().melBins) {
  if (peak && !(*peak >= -10 && *peak <= 20)) throw Failure("peak", "must be from -10 to 20");
}

void AudioStream::begin(Input input, size_t frames) {
  if (!usable_) throw Failure("stream", "must not have ended or failed");
  if (input_ != Input::None && input_ != input) throw Failure("stream", "must get samples or frames, not both");
  if (frames > static_cast<size_t>(kMaxAppendSeconds * kFrames))
    throw Failure("append", "must be at most " + std::to_string(kMaxAppendSeconds) + " s");
  if (frames_ + static_cast<int64_t>(frames) > kMaxSeconds * kFrames)
    throw Failure("stream", "must be at most " + std::to_string(kMaxSeconds) + " s");
}

AudioRows AudioStream::appendSamples(const float* samples, size_t count, bool last, bool provisional) {
  begin(Input::Samples, count / LogMel::kHop);
  const size_t before = pending_.size();
  mel_.append(samples, count, last, pending_);
  input_ = Input::Samples;
  frames_ += static_cast<int64_t>((pending_.size() - before) / static_cast<size_t>(encoder_->shape().melBins));
  return encode(last, provisional);
}

AudioRows AudioStream::appendFrames(const float* frames, size_t count, bool last, bool provisional) {
  begin(Input::Frames, count);
  const size_t size = count * static_cast<size_t>(encoder_->shape().melBins);
  for (size_t i = 0; i < size; i++)
    if (!std::isfinite(frames[i])) throw Failure("frames", "must be finite");
  if (last && frames_ + static_cast<int64_t>(count) == 0) throw Failure("frames", "must be at least 1 in all");
  pending_.insert(pending_.end(), frames, frames + size);
  input_ = Input::Frames;
  frames_ += static_cast<int64_t>(count);
  return encode(last, provisional);
}

void AudioStream::chunk(int frames, AudioRows& out) {
  const size_t size = static_cast<size_t>(frames) * static_cast<size_t>(encoder_->shape().melBins);
  if (input_ == Input::Samples) {
    peak_ = std::max(peak_, LogMel::peakOf(pending_.data(), size));
    LogMel::scale(given_.value_or(peak_), size, pending_.data());
  }
  encoder_->front(pending_.data(), frames, chunks_ > 0 || frames == kFrames, window_);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(size));
  chunks_++;
  windowRows_ += AudioShape::strided(frames);
  if (++windowChunks_ < encoder_->shape().windowChunks) return;
  encoder_->window(window_, windowRows_, out.rows);
  finalRows_ += windowRows_;
  window_.clear();
  windowRows_ = windowChunks_ = 0;
}

AudioRows AudioStream::encode(bool last, bool provisional) {
  AudioRows out;
  out.firstRow = finalRows_;
  usable_ = false;  // what throws from here on leaves half of it done
  const size_t whole = static_cast<size_t>(kFrames) * static_cast<size_t>(encoder_->shape().melBins);
  while (pending_.size() >= whole)
    chunk(kFrames, out);
  if (last && !pending_.empty())
    chunk(static_cast<int>(pending_.size() / static_cast<size_t>(encoder_->shape().melBins)), out);
  if (windowRows_ > 0 && (last || provisional)) encoder_->window(window_, windowRows_, out.rows);
  if (last) finalRows_ += windowRows_;
  out.finalRows = finalRows_;
  usable_ = !last;
  return out;
}

}  // namespace zen
