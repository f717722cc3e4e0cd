#include "omni/omni_config.h"

#include <algorithm>

#include "model/fields.h"

namespace zen::omni {
namespace {

constexpr int kMostSide = 1 << 20, kMostLayers = 512, kMostContext = 1 << 20;

bool absent(const Fields& f, const char* name) { return !f.value(name) || f.isNull(name); }

// Attention weights without what this engine does not have.
void refuseOthers(const Fields& f) {
  if (!absent(f, "hidden_act")) f.choice("hidden_act", {"silu"});
  if (!absent(f, "attention_bias") && f.flag("attention_bias")) f.refuse("attention_bias", "must be false");
}

// Both the released form (rope_theta, rope_scaling) and that of transformers 5 (rope_parameters).
void readRope(const Fields& f, bool sections, StackShape& s) {
  const bool together = !absent(f, "rope_parameters");
  const Fields theta = together ? f.child("rope_parameters") : f;
  s.theta = static_cast<float>(theta.real("rope_theta", 1, 1e12));
  if (!absent(theta, "rope_type")) theta.choice("rope_type", {"default"});
  if (!sections) return;
  const Fields scaling = together ? theta : f.child("rope_scaling");
  const auto& list = scaling.list("mrope_section", 3, 3);
  int section[3], sum = 0;
  for (int i = 0; i < 3; i++) {
    const double n = list[i].number;
    if (list[i].kind != Json::Kind::Number || !(n >= 0 && n <= s.headSize) || n != std::floor(n))
      scaling.refuse("mrope_section", "must be whole numbers");
    section[i] = static_cast<int>(n);
    sum += section[i];
  }
  if (sum != s.headSize / 2) scaling.refuse("mrope_section", "must sum to half of head_dim");
  // The last angle that turns with either must be there.
  if (std::max(section[1], section[2]) > 0 && 3 * std::max(section[1], section[2]) > s.headSize / 2 + 2)
    scaling.refuse("mrope_section", "must interleave inside half of head_dim");
  s.heightAngles = section[1];
  s.widthAngles = section[2];
}

StackShape readStack(const Fields& f, bool sections) {
  refuseOthers(f);
  StackShape s;
  s.layers = f.integer("num_hidden_layers", 1, kMostLayers);
  s.hidden = f.integer("hidden_size", 1, kMostSide);
  s.heads = f.integer("num_attention_heads", 1, 1024);
  s.kvHeads = absent(f, "num_key_value_heads") ? s.heads : f.integer("num_key_value_heads", 1, 1024);
  if (s.heads % s.kvHeads != 0) f.refuse("num_key_value_heads", "must divide num_attention_heads");
  if (!absent(f, "head_dim")) {
    s.headSize = f.integer("head_dim", 2, 1024);
  } else {
    if (s.hidden % s.heads != 0) f.refuse("num_attention_heads", "must divide hidden_size");
    s.headSize = s.hidden / s.heads;
  }
  if (s.headSize < 2 || s.headSize % 2 != 0) f.refuse("head_dim", "must be even");
  s.ffn = f.integer("intermediate_size", 1, kMostSide);
  s.contextTokens = f.integer("max_position_embeddings", 1, kMostContext);
  s.eps = static_cast<float>(f.real("rms_norm_eps", 0, 1));
  readRope(f, sections, s);
  return s;
}

void wholeWindow(const Fields& f) {
  if (!absent(f, "sliding_window")) f.refuse("sliding_window", "must be null");
}

std::vector<int> readRates(const Fields& f, const char* name) {
  std::vector<int> rates;
  for (const Json& item : f.list(name, 1, 8)) {
    if (item.kind != Json::Kind::Number || !(item.number >= 1 && item.number <= 64) ||
        item.number != std::floor(item.number))
      f.refuse(name, "must have whole numbers from 1 to 64");
    rates.push_back(static_cast<int>(item.number));
  }
  return rates;
}

Code2WavShape readCode2Wav(const Fields& f) {
  Code2WavShape c;
  c.stack = readStack(f, false);
  c.stack.window = f.integer("sliding_window", 1, kMostContext);
  c.stack.layerScale = true;
  c.groups = f.integer("num_quantizers", 2, 64);
  c.codes = f.integer("codebook_size", 1, 1 << 16);
  c.ratios = readRates(f, "upsampling_ratios");
  c.rates = readRates(f, "upsample_rates");
  c.decoderWidth = f.integer("decoder_dim", 1, 1 << 16);
  if (c.decoderWidth % (1 << c.rates.size()) != 0)
    f.refuse("decoder_dim", "must be halved once for each of upsample_rates");
  double all = 1;
  for (int rate : c.ratios) all *= rate;
  for (int rate : c.rates) all *= rate;
  if (all > 1 << 16) f.refuse("upsample_rates", "must make at most 65536 samples of a frame");
  return c;
}

}  // namespace

int64_t Code2WavShape::samplesAfter(int64_t frames) const {
  int64_t rows = frames;
  for (int ratio : ratios) rows *= ratio;
  for (int rate : rates) rows = rows > 0 ? (rows - 1) * rate : 0;
  return rows;
}

OmniConfig OmniConfig::parse(std::string_view text) {
  const Json json = Json::parse(text);
  const Fields f(&json, "");
  OmniConfig c;
  const Fields thinker = f.child("thinker_config").child("text_config");
  c.textVocab = thinker.integer("vocab_size", 1, 1 << 22);
  c.thinkerHidden = thinker.integer("hidden_size", 1, kMostSide);

  const Fields talker = f.child("talker_config");
  if (talker.integer("thinker_hidden_size", 1, kMostSide) != c.thinkerHidden)
    talker.refuse("thinker_hidden_size", "must be the thinker's hidden_size");
  const Fields own = talker.child("text_config");
  c.talker = readStack(own, true);
  wholeWindow(own);
  c.talker.headNorm = true;
  c.projectionWidth = c.talker.ffn;
  c.talker.ffn = own.integer("moe_intermediate_size", 1, kMostSide);
  const char* experts = absent(own, "num_experts") ? "num_local_experts" : "num_experts";
  c.talker.experts.count = own.integer(experts, 1, 4096);
  c.talker.experts.perToken = own.integer("num_experts_per_tok", 1, std::min(64, c.talker.experts.count));
  c.talker.experts.normalized = !absent(own, "norm_topk_prob") && own.flag("norm_topk_prob");
  c.talker.experts.sharedFfnSize = own.integer("shared_expert_intermediate_size", 1, kMostSide);
  c.talkerVocab = own.integer("vocab_size", 2, 1 << 20);

  const Fields predictor = talker.child("code_predictor_config");
  c.predictor = readStack(predictor, false);
  wholeWindow(predictor);
  c.predictor.headNorm = true;
  if (c.predictor.hidden != c.talker.hidden) predictor.refuse("hidden_size", "must be the talker's");

  c.code2wav = readCode2Wav(f.child("code2wav_config"));
  const int groups = talker.integer("num_code_groups", 2, 64);
  if (groups != c.code2wav.groups) talker.refuse("num_code_groups", "must be code2wav's num_quantizers");
  if (predictor.integer("num_code_groups", 2, 64) != groups) predictor.refuse("num_code_groups", "must be the talker's");
  if (predictor.integer("vocab_size", 1, 1 << 16) != c.code2wav.codes)
    predictor.refuse("vocab_size", "must be code2wav's codebook_size");
  if (c.predictor.contextTokens <= groups) predictor.refuse("max_position_embeddings", "must exceed num_code_groups");
  if (c.talkerVocab <= c.code2wav.codes) own.refuse("vocab_size", "must exceed code2wav's codebook_size");

  c.ttsPad = f.integer("tts_pad_token_id", 0, c.textVocab - 1);
  c.ttsBos = f.integer("tts_bos_token_id", 0, c.textVocab - 1);
  c.ttsEos = f.integer("tts_eos_token_id", 0, c.textVocab - 1);
  const int last = c.talkerVocab - 1;
  c.nothink = talker.integer("codec_nothink_id", 0, last);
  c.thinkBos = talker.integer("codec_think_bos_id", 0, last);
  c.thinkEos = talker.integer("codec_think_eos_id", 0, last);
  c.pad = talker.integer("codec_pad_id", 0, last);
  c.bos = talker.integer("codec_bos_id", 0, last);
  c.eos = talker.integer("codec_eos_token_id", c.code2wav.codes, last);
  const Json* speakers = talker.value("speaker_id");
  if (!speakers || speakers->kind != Json::Kind::Object || speakers->members.empty() || speakers->members.size() > 1024)
    talker.refuse("speaker_id", "must name 1 to 1024 speakers");
  const Fields ids = talker.child("speaker_id");
  for (const auto& [name, id] : speakers->members) c.speakers.emplace_back(name, ids.integer(name.c_str(), 0, last));
  return c;
}

}  // namespace zen::omni
