// zen_engine.h over Engine: C structs in, C structs out, failures into the error buffer.
#include "model/abi_guard.h"
#include "model/engine.h"

struct zen_model {
  zen::Engine engine;
};

namespace zen {
namespace {

Sampling samplingOf(const zen_sampling& s) {
  Sampling out;
  out.temperature = s.temperature;
  out.topK = s.top_k;
  out.topP = s.top_p;
  out.minP = s.min_p;
  out.repetitionPenalty = s.repetition_penalty;
  out.presencePenalty = s.presence_penalty;
  out.frequencyPenalty = s.frequency_penalty;
  for (size_t i = 0; i < s.logit_bias_count; i++)
    out.logitBias.emplace_back(s.logit_bias_tokens[i], s.logit_bias_values[i]);
  out.seed = s.seed;
  for (size_t i = 0; i < s.stop_count; i++)
    out.stop.emplace_back(s.stop[i], s.stop_bytes[i]);
  out.stopTokens = copied(s.stop_tokens, s.stop_token_count);
  out.logprobs = s.logprobs;
  return out;
}

DeltaPart partOf(const zen_delta_part& p, size_t index) {
  const std::string at = "parts[" + std::to_string(index) + "]";
  if (p.module < 0 || p.module >= ZEN_MODULES) throw Failure("delta", at + ".module must be q, k, v, o, gate, up or down");
  if (p.form < ZEN_DENSE1 || p.form > ZEN_VEC) throw Failure("delta", at + ".form must be dense1, lora1, lora16 or vec");
  DeltaPart out = {};
  out.module = static_cast<Module>(p.module);
  out.form = static_cast<DeltaPart::Form>(p.form);
  out.layers = {p.layers, p.layer_count};
  out.group = p.group;
  out.rank = p.rank;
  out.scale = p.scale;
  out.signs = {p.signs, p.sign_bytes};
  out.a = {p.a, p.a_bytes};
  out.b = {p.b, p.b_bytes};
  out.scales = {p.scales, p.scale_count};
  out.v = {p.v, p.v_count};
  return out;
}

Identity identityOf(const zen_identity* given) {
  Identity out;
  if (!given) return out;
  out.delta = given->delta;
  if (given->scope_bytes == 0) return out;
  if (given->scope_bytes != out.scope.bytes.size()) throw Failure("scope", "must have 0 or 32 bytes");
  out.scope.given = true;
  std::memcpy(out.scope.bytes.data(), given->scope, out.scope.bytes.size());
  return out;
}

ExpertCalls::Dispatch dispatchOf(const zen_open_options& o) {
  if (!o.dispatch) throw Failure("experts.dispatch", "must be a function");
  return [call = o.dispatch, context = o.dispatch_context](const ExpertCall& made) {
    const ExpertRows r = made.view();
    const zen_expert_call out = {
        made.id,
        made.exact,
        {r.layer, r.stage, static_cast<int32_t>(r.encoding), r.rows.data, r.rows.count, r.scales.data, r.scales.count,
         r.experts.data, r.counts.data, r.experts.count, r.pairs.data, r.pairs.count}};
    call(context, &out);
  };
}

zen_step_output written(const Sampled& s) {
  zen_step_output to = {ZEN_OK, s.token, s.logprob, s.topCount, {}, {}, ZEN_NONE, -1, 0, 0};
  std::copy(s.topTokens, s.topTokens + s.topCount, to.top_tokens);
  std::copy(s.topLogprobs, s.topLogprobs + s.topCount, to.top_logprobs);
  return to;
}

// `to`: 1 + the item's draft.
void write(const StepOutput& from, int drafts, zen_step_output* to) {
  const zen_step_output* end = to + 1 + drafts;
  for (const Sampled& kept : from.kept)
    *to++ = written(kept);
  *to = written(from.sampled);
  to->status = static_cast<int32_t>(from.status);
  to->finish = static_cast<int32_t>(from.finish);
  to->stop_index = from.stopIndex;
  to->stand_in = from.falls.standIn;
  to->without = from.falls.without;
  while (++to < end)
    *to = written({});
}

}  // namespace
}  // namespace zen

using zen::guarded;

extern "C" {

const char* zen_kernels(void) { return zen::kernels().name; }

int zen_open(const char* config, size_t bytes, const zen_open_options* o, zen_model** model, zen_error* error) {
  return guarded(error, [&] {
    zen::EngineOptions options;
    options.threads = o->threads;
    options.kvBytes = o->kv_bytes;
    if (o->kv_type != ZEN_KV_F16 && o->kv_type != ZEN_KV_INT8) throw zen::Failure("kvType", "must be f16 or int8");
    options.kvType = o->kv_type == ZEN_KV_F16 ? zen::KvType::F16 : zen::KvType::Int8;
    options.contextTokens = o->context_tokens;
    if (o->token_bytes_count > 0)
      options.tokenBytes.assign(reinterpret_cast<const char*>(o->token_bytes), o->token_bytes_count);
    options.tokenOffsets = zen::copied(o->token_offsets, o->token_offsets_count);
    options.delta = {o->delta_slots, o->delta_slot_bytes, o->dense_slots};
    if (o->resident) {
      options.experts.resident = zen::copied(o->resident, o->resident_count);
      options.experts.dispatch = zen::dispatchOf(*o);
    }
    *model = new zen_model{{zen::LadderConfig::parse({config, bytes}), std::move(options)}};
  });
}

int zen_attach_stage(zen_model* model, int32_t stage, const char* path, zen_error* error) {
  return guarded(error, [&] { model->engine.attachStage(stage, path); });
}
int zen_detach_stage(zen_model* model, int32_t stage, zen_error* error) {
  return guarded(error, [&] { model->engine.detachStage(stage); });
}

int zen_stats(zen_model* model, zen_engine_stats* stats, zen_error* error) {
  return guarded(error, [&] {
    const zen::Stats s = model->engine.stats();
    *stats = {static_cast<int32_t>(s.attachedStages.size()),
              s.mappedBytes,
              s.mergedBytes,
              zen::KvCache::kTokens,
              s.kvBlocksTotal,
              s.kvBlocksFree,
              s.kvBlocksCached,
              s.sequences,
              s.deltaSlots,
              s.deltaSlotsUsed,
              s.denseSlots,
              s.denseSlotsUsed,
              s.deltaBytes};
  });
}

int zen_load_delta(zen_model* model, const zen_delta_part* parts, size_t count, int32_t* delta, zen_error* error) {
  return guarded(error, [&] {
    // More than one of each form for every module is refused by name further in.
    if (count > 4 * ZEN_MODULES) throw zen::Failure("delta", "must have at most 28 parts");
    std::vector<zen::DeltaPart> own;
    for (size_t i = 0; i < count; i++)
      own.push_back(zen::partOf(parts[i], i));
    *delta = model->engine.loadDelta(own);
  });
}
int zen_free_delta(zen_model* model, int32_t delta, zen_error* error) {
  return guarded(error, [&] { model->engine.freeDelta(delta); });
}

int zen_forget_scope(zen_model* model, const uint8_t* scope, size_t bytes, zen_error* error) {
  return guarded(error, [&] {
    zen::KvScope own;
    if (bytes != own.bytes.size()) throw zen::Failure("scope", "must have 32 bytes");
    own.given = true;
    std::memcpy(own.bytes.data(), scope, bytes);
    model->engine.forgetScope(own);
  });
}

int zen_create_sequence(zen_model* model, const zen_sampling* sampling, const int32_t* sampled, size_t count,
                        const zen_identity* identity, int32_t* sequence, zen_error* error) {
  return guarded(error, [&] {
    *sequence = model->engine.createSequence(zen::samplingOf(*sampling), zen::copied(sampled, count),
                                             zen::identityOf(identity));
  });
}
int zen_free_sequence(zen_model* model, int32_t sequence, zen_error* error) {
  return guarded(error, [&] { model->engine.freeSequence(sequence); });
}
int zen_match_prefix(zen_model* model, int32_t sequence, int32_t stage, const int32_t* tokens, size_t count,
                     int32_t* computed, zen_error* error) {
  return guarded(error, [&] { *computed = model->engine.matchPrefix(sequence, stage, zen::copied(tokens, count)); });
}
int zen_truncate(zen_model* model, int32_t sequence, int32_t length, zen_error* error) {
  return guarded(error, [&] { model->engine.truncate(sequence, length); });
}

int zen_step(zen_model* model, const zen_step_item* items, size_t count, zen_step_output* outputs, zen_error* error) {
  return guarded(error, [&] {
    const size_t hidden = static_cast<size_t>(model->engine.shape().hiddenSize);
    std::vector<zen::StepItem> own;
    own.reserve(count);
    for (size_t i = 0; i < count; i++) {
      const zen_step_item& item = items[i];
      own.push_back({item.sequence, zen::copied(item.tokens, item.token_count),
                     zen::copied(item.embeddings, item.embedding_rows * hidden), item.stage, item.sample != 0});
      if (item.expert_floor < ZEN_EXACT || item.expert_floor > ZEN_WITHOUT)
        throw zen::Failure("items[" + std::to_string(i) + "].expertFloor", "must be exact, standIn or without");
      own.back().expertFloor = static_cast<zen::ExpertFloor>(item.expert_floor);
      if (item.draft_count > ZEN_MAX_DRAFT)
        throw zen::Failure("items[" + std::to_string(i) + "].draft",
                           "must have at most " + std::to_string(ZEN_MAX_DRAFT) + " tokens");
      if (item.draft) {
        own.back().draft = zen::copied(item.draft, item.draft_count);
      } else {
        own.back().draftStage = item.draft_stage;
        own.back().draftCount = static_cast<int>(item.draft_count);
      }
    }
    const auto results = model->engine.step(own);
    for (size_t i = 0; i < count; i++) {
      zen::write(results[i], own[i].drafts(), outputs);
      outputs += 1 + own[i].drafts();
    }
  });
}

int zen_logits(zen_model* model, int32_t stage, const int32_t* tokens, size_t count, int32_t delta, float* logits,
               zen_error* error) {
  return guarded(error, [&] { model->engine.logits(stage, zen::copied(tokens, count), logits, delta); });
}

int zen_complete_experts(zen_model* model, int32_t id, const float* outputs, size_t output_count,
                         const uint8_t* missing, size_t missing_count, zen_error* error) {
  return guarded(error,
                 [&] { model->engine.completeExperts(id, {outputs, output_count}, {missing, missing_count}); });
}
void zen_abandon_experts(zen_model* model) { model->engine.abandonExperts(); }
int zen_set_expert_caps(zen_model* model, const int8_t* caps, size_t count, zen_error* error) {
  return guarded(error, [&] { model->engine.setExpertCaps(zen::copied(caps, count)); });
}
int zen_take_expert_load(zen_model* model, uint32_t* load, size_t count, zen_error* error) {
  return guarded(error, [&] {
    const std::vector<uint32_t> taken = model->engine.takeExpertLoad();
    if (taken.size() != count) throw zen::Failure("load", "must have " + std::to_string(taken.size()) + " numbers");
    std::copy(taken.begin(), taken.end(), load);
  });
}

zen_shape zen_model_shape(const zen_model* model) { return zen::shapeOf(model->engine.shape()); }

void zen_close(zen_model* model) { delete model; }

}  // extern "C"
