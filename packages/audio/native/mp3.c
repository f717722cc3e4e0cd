/* What src/mp3-module.ts calls: one decoder with its buffers, in a memory of its own. Built by build.sh. */
#define MINIMP3_IMPLEMENTATION
#define MINIMP3_ONLY_MP3
#define MINIMP3_NO_SIMD
#define MINIMP3_FLOAT_OUTPUT
#include "minimp3.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define INPUT_BYTES 16384

void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  if ((char *)to <= (const char *)from) return memcpy(to, from, bytes);
  while (bytes-- > 0) ((char *)to)[bytes] = ((const char *)from)[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) ((char *)to)[i] = (char)value;
  return to;
}

static mp3dec_t decoder;
static mp3dec_frame_info_t info;
static unsigned char input[INPUT_BYTES];
static float samples[MINIMP3_MAX_SAMPLES_PER_FRAME];

EXPORT(init) void init(void) { mp3dec_init(&decoder); }
EXPORT(input) unsigned char *input_at(void) { return input; }
EXPORT(samples) float *samples_at(void) { return samples; }

/* The next frame among the first `bytes` of the input; samples for each channel, 0 where there is none. */
EXPORT(decode) int decode(int bytes) { return mp3dec_decode_frame(&decoder, input, bytes, samples, &info); }

/* Of the last call: bytes to let go of, those of them before the frame, channels, rate. */
EXPORT(used) int used(void) { return info.frame_bytes; }
EXPORT(skipped) int skipped(void) {
  return info.frame_bytes - hdr_frame_bytes(decoder.header, decoder.free_format_bytes) - hdr_padding(decoder.header);
}
EXPORT(channels) int channels(void) { return info.channels; }
EXPORT(rate) int rate(void) { return info.hz; }
