/* The engine's C ABI: the same names in the same order as packages/engine/src/native.ts, which documents them.
 *
 * No C++ exception crosses. Functions that can fail return 0, or 1 with *error filled in: which field or tensor, and
 * the limit that it breaks. A model may be used from any thread; zen_step, zen_logits, zen_attach_stage and
 * zen_load_delta take long, and steps wait for each other; so do zen_hold_experts and zen_run_experts, and all calls
 * about a talker's speeches. Pointers are read during the call only. Strings are UTF-8. */
#ifndef ZEN_ENGINE_H
#define ZEN_ENGINE_H
#include <stddef.h>
#include <stdint.h>

#define ZEN_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef struct zen_model zen_model;
typedef struct zen_experts zen_experts;
typedef struct zen_audio_encoder zen_audio_encoder;
typedef struct zen_audio_stream zen_audio_stream;
typedef struct zen_talker zen_talker;

typedef struct zen_error {
  char field[320]; /* "tensor blk.0.attn_q.weight.rungs[1].planes[0].offset" */
  char limit[448]; /* "must be a multiple of 64" */
} zen_error;

enum { ZEN_KV_F16 = 0, ZEN_KV_INT8 = 1 };
enum { ZEN_OK = 0, ZEN_NO_KV = 1, ZEN_NOT_FINITE = 2, ZEN_NO_EXPERT = 3 }; /* zen_step_output.status */
enum { ZEN_NONE = 0, ZEN_STOP_TOKEN = 1, ZEN_STOP_TEXT = 2 };      /* zen_step_output.finish */
enum { ZEN_Q, ZEN_K, ZEN_V, ZEN_O, ZEN_GATE, ZEN_UP, ZEN_DOWN, ZEN_MODULES };   /* zen_delta_part.module */
enum { ZEN_DENSE1, ZEN_LORA1, ZEN_LORA16, ZEN_VEC };                          /* zen_delta_part.form */
enum { ZEN_F32, ZEN_BF16, ZEN_INT8, ZEN_INT16 };                  /* zen_expert_rows.encoding, and of answers */
enum { ZEN_EXACT, ZEN_STAND_IN, ZEN_WITHOUT };                    /* zen_step_item.expert_floor */
enum { ZEN_SCOPE_BYTES = 32 };
enum { ZEN_TEXT_END = -1, ZEN_TEXT_PAD = -2 };                    /* zen_speak's text */
enum { ZEN_STAGES = 5, ZEN_MAX_TOP = 20, ZEN_MAX_DRAFT = 63 };

/* Rows through some experts of one layer; a pair is one row and one expert. */
typedef struct zen_expert_rows {
  int32_t layer, stage, encoding;
  const uint8_t *rows; /* [rows][hidden_size] */
  size_t row_bytes;
  const float *scales; /* [rows][hidden_size / 32]; integers only */
  size_t scale_count;
  const int32_t *experts, *counts; /* ascending; pairs of each */
  size_t expert_count;
  const int32_t *pairs; /* the row of each pair, grouped by expert */
  size_t pair_count;
} zen_expert_rows;

typedef struct zen_expert_call {
  int32_t id;    /* 1 to 2^31 − 1 */
  int32_t exact; /* some row takes nothing but the expert itself */
  zen_expert_rows rows;
} zen_expert_call;

/* Called by the step's thread, which then waits for zen_complete_experts: it must return at once. */
typedef void (*zen_dispatch)(void *context, const zen_expert_call *call);

typedef struct zen_open_options {
  int32_t threads;
  uint64_t kv_bytes;
  int32_t kv_type;
  int32_t context_tokens;
  const uint8_t *token_bytes;
  size_t token_bytes_count;
  const uint32_t *token_offsets;
  size_t token_offsets_count;
  int32_t delta_slots; /* 0: none */
  uint64_t delta_slot_bytes;
  int32_t dense_slots;
  const int8_t *resident; /* [layers][experts]; null: this process has all experts */
  size_t resident_count;
  zen_dispatch dispatch; /* of what is not resident */
  void *dispatch_context;
} zen_open_options;

typedef struct zen_shape {
  int32_t vocab_size, hidden_size, layers, context_tokens;
  int32_t experts; /* of a layer; 0: none */
} zen_shape;

typedef struct zen_engine_stats {
  int32_t attached_stages; /* 0 to this − 1 */
  uint64_t mapped_bytes, merged_bytes;
  int32_t kv_block_tokens, kv_blocks_total, kv_blocks_free, kv_blocks_cached, sequences;
  int32_t delta_slots, delta_slots_used, dense_slots, dense_slots_used;
  uint64_t delta_bytes;
} zen_engine_stats;

/* What its form has no use for is 0. */
typedef struct zen_delta_part {
  int32_t module, form;
  const int32_t *layers;
  size_t layer_count;
  int32_t group, rank;
  float scale;
  const uint8_t *signs, *a, *b; /* a and b: bits, or the bytes of bfloat16 */
  size_t sign_bytes, a_bytes, b_bytes;
  const uint16_t *scales, *v; /* float16 */
  size_t scale_count, v_count;
} zen_delta_part;

typedef struct zen_identity {
  int32_t delta;        /* a handle, 0 for none */
  const uint8_t *scope; /* what roots the prefix cache */
  size_t scope_bytes;   /* 0 or ZEN_SCOPE_BYTES */
} zen_identity;

typedef struct zen_sampling {
  float temperature;
  int32_t top_k;
  float top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
  const int32_t *logit_bias_tokens;
  const float *logit_bias_values;
  size_t logit_bias_count;
  uint64_t seed;
  const char *const *stop;
  const size_t *stop_bytes;
  size_t stop_count;
  const int32_t *stop_tokens;
  size_t stop_token_count;
  int32_t logprobs;
} zen_sampling;

typedef struct zen_step_item {
  int32_t sequence;
  const int32_t *tokens;
  size_t token_count;
  const float *embeddings; /* in place of tokens (token_count 0): rows of hidden_size */
  size_t embedding_rows;
  int32_t stage;
  int32_t sample;
  const int32_t *draft; /* null: the engine drafts draft_count tokens at draft_stage */
  size_t draft_count;   /* 0: no draft */
  int32_t draft_stage;
  int32_t expert_floor;
} zen_step_item;

typedef struct zen_step_output {
  int32_t status;
  int32_t token; /* −1: none */
  float logprob;
  int32_t top_count;
  int32_t top_tokens[ZEN_MAX_TOP];
  float top_logprobs[ZEN_MAX_TOP];
  int32_t finish;
  int32_t stop_index;
  int32_t stand_in, without; /* pairs that got that in place of a missing expert */
} zen_step_output;

typedef struct zen_experts_stats {
  int32_t held;
  uint64_t mapped_bytes, merged_bytes;
} zen_experts_stats;

typedef struct zen_audio_shape {
  int32_t mel_bins, chunk_frames, chunk_rows, window_chunks, output_size;
} zen_audio_shape;

/* rows: [row_values / output_size][output_size], good until the stream's next call; first_row is the first one's. Rows
 * before final_rows never change. */
typedef struct zen_audio_rows {
  int64_t first_row, final_rows;
  const float *rows;
  size_t row_values;
} zen_audio_rows;

typedef struct zen_talker_options {
  int32_t threads;
  int32_t context_tokens; /* of a speech: prompt, 9 rows, and one for each frame */
  int32_t speeches;       /* open at once */
} zen_talker_options;

typedef struct zen_talker_shape {
  int32_t text_vocab, thinker_hidden, groups, codes;
  int32_t first_samples, frame_samples; /* of the first frame, and of each after it */
  int32_t context_tokens;
} zen_talker_shape;

typedef struct zen_voice {
  const char *speaker;
  float temperature; /* 0: the most likely codes */
  int32_t top_k;
  float top_p, repetition_penalty;
  uint64_t seed;
} zen_voice;

/* Rows of a prompt; at hidden_at stand the thinker's hidden states in place of tokens. */
typedef struct zen_prompt_rows {
  const int32_t *tokens;
  size_t token_count;
  const float *hidden; /* [hidden_at][thinker_hidden] */
  size_t hidden_count;
  const int32_t *hidden_at; /* ascending */
  size_t hidden_at_count;
  const int32_t *positions; /* [tokens][time, height, width]; none: each after the one before */
  size_t position_count;
} zen_prompt_rows;

typedef struct zen_speech_frame {
  int32_t finished;  /* the talker has ended; there is no frame */
  size_t samples;    /* written, −1 to 1 */
  int64_t position;  /* of the first of them in the speech */
} zen_speech_frame;

ZEN_API const char *zen_kernels(void);
ZEN_API int zen_open(const char *config_json, size_t config_bytes, const zen_open_options *options, zen_model **model,
                     zen_error *error);
ZEN_API int zen_open_experts(const char *config_json, size_t config_bytes, int32_t threads, zen_experts **experts,
                             zen_error *error);

ZEN_API int zen_open_talker(const char *config_json, size_t config_bytes, const char *const *files, size_t file_count,
                            const zen_talker_options *options, zen_talker **talker, zen_error *error);

ZEN_API int zen_attach_stage(zen_model *model, int32_t stage, const char *blob_path, zen_error *error);
ZEN_API int zen_detach_stage(zen_model *model, int32_t stage, zen_error *error);
ZEN_API int zen_stats(zen_model *model, zen_engine_stats *stats, zen_error *error);
ZEN_API int zen_load_delta(zen_model *model, const zen_delta_part *parts, size_t count, int32_t *delta,
                           zen_error *error);
ZEN_API int zen_free_delta(zen_model *model, int32_t delta, zen_error *error);
/* Drops the cached KV of a scope of ZEN_SCOPE_BYTES. */
ZEN_API int zen_forget_scope(zen_model *model, const uint8_t *scope, size_t scope_bytes, zen_error *error);
/* identity: null for the base and no scope. */
ZEN_API int zen_create_sequence(zen_model *model, const zen_sampling *sampling, const int32_t *sampled,
                                size_t sampled_count, const zen_identity *identity, int32_t *sequence,
                                zen_error *error);
ZEN_API int zen_free_sequence(zen_model *model, int32_t sequence, zen_error *error);
ZEN_API int zen_match_prefix(zen_model *model, int32_t sequence, int32_t stage, const int32_t *tokens, size_t count,
                             int32_t *computed, zen_error *error);
ZEN_API int zen_truncate(zen_model *model, int32_t sequence, int32_t length, zen_error *error);
/* outputs: 1 + draft_count for each item, in the order of the items: those of the drafted tokens that were kept, then
 * that of the token sampled last; those after it have token −1. */
ZEN_API int zen_step(zen_model *model, const zen_step_item *items, size_t count, zen_step_output *outputs,
                     zen_error *error);
/* logits: [count][vocab_size]. */
ZEN_API int zen_logits(zen_model *model, int32_t stage, const int32_t *tokens, size_t count, int32_t delta,
                       float *logits, zen_error *error);
/* outputs: [pairs][hidden_size] of the call; missing: one byte for each of its experts. A wrong answer counts as one
 * without any expert. */
ZEN_API int zen_complete_experts(zen_model *model, int32_t id, const float *outputs, size_t output_count,
                                 const uint8_t *missing, size_t missing_count, zen_error *error);
/* Answers every call as missing, those to come too: for the end. */
ZEN_API void zen_abandon_experts(zen_model *model);
/* caps: [layers][experts]. */
ZEN_API int zen_set_expert_caps(zen_model *model, const int8_t *caps, size_t count, zen_error *error);
/* load: [layers][experts]; what was counted since the last call. */
ZEN_API int zen_take_expert_load(zen_model *model, uint32_t *load, size_t count, zen_error *error);
ZEN_API zen_shape zen_model_shape(const zen_model *model);
/* No other call may be running. */
ZEN_API void zen_close(zen_model *model);

/* blobs: paths of stages 0 to blob_count − 1. */
ZEN_API int zen_hold_experts(zen_experts *experts, int32_t layer, const int32_t *numbers, size_t count,
                             const char *const *blobs, size_t blob_count, zen_error *error);
ZEN_API int zen_release_experts(zen_experts *experts, int32_t layer, const int32_t *numbers, size_t count,
                                zen_error *error);
/* outputs: [pairs][hidden_size] of 4 or 2 bytes, as answer says (ZEN_F32 or ZEN_BF16); output_bytes of it. */
ZEN_API int zen_run_experts(zen_experts *experts, const zen_expert_rows *call, int32_t answer, uint8_t *outputs,
                            size_t output_bytes, double *compute_us, zen_error *error);
ZEN_API int zen_experts_stats_of(zen_experts *experts, zen_experts_stats *stats, zen_error *error);
ZEN_API zen_shape zen_experts_shape(const zen_experts *experts);
/* No other call may be running. */
ZEN_API void zen_close_experts(zen_experts *experts);

/* Mono samples at 16 kHz, -1 to 1, to log-mel frames [count / 160][mel_bins] as Whisper's front end makes them of a whole
 * recording. */
ZEN_API int zen_log_mel(const float *samples, size_t count, int32_t mel_bins, float *frames, size_t values,
                        zen_error *error);
/* files: safetensors that hold the encoder's tensors, among others or not. */
ZEN_API int zen_open_audio_encoder(const char *config_json, size_t config_bytes, const char *const *files,
                                   size_t file_count, int32_t threads, zen_audio_encoder **encoder, zen_error *error);
ZEN_API zen_audio_shape zen_audio_shape_of(const zen_audio_encoder *encoder);
/* peak: null where it is not known. The stream outlives its encoder. */
ZEN_API int zen_open_audio_stream(const zen_audio_encoder *encoder, const float *peak, zen_audio_stream **stream,
                                  zen_error *error);
/* One call at a time for a stream; streams of one encoder wait for each other. */
ZEN_API int zen_append_samples(zen_audio_stream *stream, const float *samples, size_t count, int32_t last,
                               int32_t provisional, zen_audio_rows *rows, zen_error *error);
/* frames: [count][mel_bins] */
ZEN_API int zen_append_frames(zen_audio_stream *stream, const float *frames, size_t count, int32_t last,
                              int32_t provisional, zen_audio_rows *rows, zen_error *error);
ZEN_API void zen_close_audio_stream(zen_audio_stream *stream);
ZEN_API void zen_close_audio_encoder(zen_audio_encoder *encoder);

ZEN_API zen_talker_shape zen_talker_shape_of(const zen_talker *talker);
ZEN_API int zen_open_speech(zen_talker *talker, const zen_voice *voice, int32_t *speech, zen_error *error);
ZEN_API int zen_prefill_speech(zen_talker *talker, int32_t speech, const zen_prompt_rows *rows, zen_error *error);
/* tokens: the three that begin an answer. */
ZEN_API int zen_begin_speech(zen_talker *talker, int32_t speech, const int32_t *tokens, size_t count,
                             zen_error *error);
/* text: a token of the answer, ZEN_TEXT_END once after the last, then ZEN_TEXT_PAD. codes: [groups]; samples:
 * [frame_samples]. */
ZEN_API int zen_speak(zen_talker *talker, int32_t speech, int32_t text, int32_t *codes, float *samples,
                      zen_speech_frame *frame, zen_error *error);
ZEN_API int zen_close_speech(zen_talker *talker, int32_t speech, zen_error *error);
/* No other call may be running. */
ZEN_API void zen_close_talker(zen_talker *talker);

#ifdef __cplusplus
}
#endif
#endif
