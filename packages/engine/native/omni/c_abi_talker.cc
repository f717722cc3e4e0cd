// The part of zen_engine.h that is of speech, over Talker.
#include "model/abi_guard.h"
#include "omni/talker.h"

struct zen_talker {
  zen::omni::Talker talker;
  zen_talker(std::string_view config, const std::vector<std::string>& files, const zen::omni::TalkerOptions& options)
      : talker(config, files, options) {}
};

using zen::copied;
using zen::guarded;

static_assert(ZEN_TEXT_END == zen::omni::kTextEnd && ZEN_TEXT_PAD == zen::omni::kTextPad);

extern "C" {

int zen_open_talker(const char* config, size_t bytes, const char* const* files, size_t count,
                    const zen_talker_options* o, zen_talker** talker, zen_error* error) {
  return guarded(error, [&] {
    *talker = new zen_talker({config, bytes}, std::vector<std::string>(files, files + count),
                             {o->threads, o->context_tokens, o->speeches});
  });
}

zen_talker_shape zen_talker_shape_of(const zen_talker* talker) {
  const zen::omni::OmniConfig& c = talker->talker.config();
  const auto& sound = c.code2wav;
  return {c.textVocab,
          c.thinkerHidden,
          sound.groups,
          sound.codes,
          static_cast<int32_t>(sound.samplesAfter(1)),
          static_cast<int32_t>(sound.samplesAfter(1025) - sound.samplesAfter(1024)),
          talker->talker.options().contextTokens};
}

int zen_open_speech(zen_talker* talker, const zen_voice* v, int32_t* speech, zen_error* error) {
  return guarded(error, [&] {
    *speech = talker->talker.open({v->speaker, v->temperature, v->top_k, v->top_p, v->repetition_penalty, v->seed});
  });
}
int zen_prefill_speech(zen_talker* talker, int32_t speech, const zen_prompt_rows* r, zen_error* error) {
  return guarded(error, [&] {
    talker->talker.prefill(speech, {copied(r->tokens, r->token_count), copied(r->hidden, r->hidden_count),
                                    copied(r->hidden_at, r->hidden_at_count), copied(r->positions, r->position_count)});
  });
}
int zen_begin_speech(zen_talker* talker, int32_t speech, const int32_t* tokens, size_t count, zen_error* error) {
  return guarded(error, [&] { talker->talker.begin(speech, copied(tokens, count)); });
}
int zen_speak(zen_talker* talker, int32_t speech, int32_t text, int32_t* codes, float* samples,
              zen_speech_frame* frame, zen_error* error) {
  return guarded(error, [&] {
    const zen::omni::SpeechFrame made = talker->talker.speak(speech, text);
    std::copy(made.codes.begin(), made.codes.end(), codes);
    std::copy(made.samples.begin(), made.samples.end(), samples);
    *frame = {made.finished, made.samples.size(), made.position};
  });
}
int zen_close_speech(zen_talker* talker, int32_t speech, zen_error* error) {
  return guarded(error, [&] { talker->talker.close(speech); });
}

void zen_close_talker(zen_talker* talker) { delete talker; }

}  // extern "C"
