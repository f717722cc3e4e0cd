// The part of zen_engine.h that is of audio, over AudioStream.
#include "audio/audio_stream.h"
#include "model/abi_guard.h"

struct zen_audio_encoder {
  std::shared_ptr<zen::AudioEncoder> encoder;
};
struct zen_audio_stream {
  zen::AudioStream stream;
  zen::AudioRows rows;

  void give(zen_audio_rows* out) const { *out = {rows.firstRow, rows.finalRows, rows.rows.data(), rows.rows.size()}; }
};

using zen::guarded;

extern "C" {

int zen_log_mel(const float* samples, size_t count, int32_t mel_bins, float* frames, size_t values, zen_error* error) {
  return guarded(error, [&] {
    if (mel_bins < 8 || mel_bins > 256) throw zen::Failure("melBins", "must be from 8 to 256");
    const std::vector<float> made = zen::LogMel::whole(samples, count, mel_bins);
    if (made.size() != values) throw zen::Failure("frames", "must have " + std::to_string(made.size()) + " numbers");
    std::copy(made.begin(), made.end(), frames);
  });
}

int zen_open_audio_encoder(const char* config, size_t bytes, const char* const* files, size_t file_count,
                           int32_t threads, zen_audio_encoder** encoder, zen_error* error) {
  return guarded(error, [&] {
    if (threads < 1 || threads > 256) throw zen::Failure("threads", "must be from 1 to 256");
    const zen::AudioShape shape = zen::AudioShape::parse({config, bytes});
    auto tensors = std::make_shared<const zen::TensorFiles>(std::vector<std::string>(files, files + file_count));
    *encoder = new zen_audio_encoder{std::make_shared<zen::AudioEncoder>(shape, std::move(tensors), threads)};
  });
}

zen_audio_shape zen_audio_shape_of(const zen_audio_encoder* encoder) {
  const zen::AudioShape& s = encoder->encoder->shape();
  return {s.melBins, zen::AudioShape::kChunkFrames, zen::AudioShape::kChunkRows, s.windowChunks, s.outputSize};
}

int zen_open_audio_stream(const zen_audio_encoder* encoder, const float* peak, zen_audio_stream** stream,
                          zen_error* error) {
  return guarded(error, [&] {
    *stream = new zen_audio_stream{
        zen::AudioStream(encoder->encoder, peak ? std::optional<float>(*peak) : std::nullopt), {}};
  });
}

int zen_append_samples(zen_audio_stream* stream, const float* samples, size_t count, int32_t last, int32_t provisional,
                       zen_audio_rows* rows, zen_error* error) {
  return guarded(error, [&] {
    stream->rows = stream->stream.appendSamples(samples, count, last != 0, provisional != 0);
    stream->give(rows);
  });
}

int zen_append_frames(zen_audio_stream* stream, const float* frames, size_t count, int32_t last, int32_t provisional,
                      zen_audio_rows* rows, zen_error* error) {
  return guarded(error, [&] {
    stream->rows = stream->stream.appendFrames(frames, count, last != 0, provisional != 0);
    stream->give(rows);
  });
}

void zen_close_audio_stream(zen_audio_stream* stream) { delete stream; }
void zen_close_audio_encoder(zen_audio_encoder* encoder) { delete encoder; }

}  // extern "C"
