// The part of zen_engine.h that is of experts alone, over ExpertPod.
#include "model/abi_guard.h"
#include "model/expert_pod.h"

struct zen_experts {
  zen::ExpertPod pod;
};

using zen::copied;
using zen::guarded;

extern "C" {

int zen_open_experts(const char* config, size_t bytes, int32_t threads, zen_experts** experts, zen_error* error) {
  return guarded(error, [&] { *experts = new zen_experts{{zen::LadderConfig::parse({config, bytes}), threads}}; });
}

int zen_hold_experts(zen_experts* experts, int32_t layer, const int32_t* numbers, size_t count,
                     const char* const* blobs, size_t blob_count, zen_error* error) {
  return guarded(error, [&] {
    experts->pod.hold(layer, copied(numbers, count), std::vector<std::string>(blobs, blobs + blob_count));
  });
}
int zen_release_experts(zen_experts* experts, int32_t layer, const int32_t* numbers, size_t count, zen_error* error) {
  return guarded(error, [&] { experts->pod.release(layer, copied(numbers, count)); });
}

int zen_run_experts(zen_experts* experts, const zen_expert_rows* call, int32_t answer, uint8_t* outputs,
                    size_t output_bytes, double* compute_us, zen_error* error) {
  return guarded(error, [&] {
    if (call->encoding < 0 || call->encoding >= zen::kRowEncodings)
      throw zen::Failure("encoding", "must be f32, bf16, int8 or int16");
    if (answer != ZEN_F32 && answer != ZEN_BF16) throw zen::Failure("answer", "must be f32 or bf16");
    const zen::ExpertRows rows = {call->layer,
                                  call->stage,
                                  static_cast<zen::RowEncoding>(call->encoding),
                                  {call->rows, call->row_bytes},
                                  {call->scales, call->scale_count},
                                  {call->experts, call->expert_count},
                                  {call->counts, call->expert_count},
                                  {call->pairs, call->pair_count}};
    *compute_us = experts->pod.run(rows, static_cast<zen::RowEncoding>(answer), outputs, output_bytes);
  });
}

int zen_experts_stats_of(zen_experts* experts, zen_experts_stats* stats, zen_error* error) {
  return guarded(error, [&] {
    const zen::ExpertPodStats s = experts->pod.stats();
    *stats = {s.held, s.mappedBytes, s.mergedBytes};
  });
}

zen_shape zen_experts_shape(const zen_experts* experts) { return zen::shapeOf(experts->pod.shape()); }

void zen_close_experts(zen_experts* experts) { delete experts; }

}  // extern "C"
