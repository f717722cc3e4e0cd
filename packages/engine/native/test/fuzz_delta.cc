// Random damage to deltas that were good, through the C ABI: lengths, shapes, layers, ranks, numbers and pointers that
// do not belong together. Whatever comes, the process lives, no slot is lost, and what is refused is refused by the
// name of the delta; what is accepted computes.
#include <chrono>
#include <string>

#include "check.h"
#include "delta_cases.h"
#include "zen_engine.h"

using namespace zen;
using namespace zen::test;

namespace {

// A delta whose arrays are this test's own, of exactly the size that they say: the sanitizer sees a byte too many.
struct Fuzzed {
  OwnedDelta delta;
  std::vector<zen_delta_part> parts() const {
    std::vector<zen_delta_part> out;
    for (const OwnedPart& p : delta.parts) {
      zen_delta_part c = {};
      c.module = int32_t(p.module);
      c.form = int32_t(p.form);
      c.layers = p.layers.data();
      c.layer_count = p.layers.size();
      c.group = p.group;
      c.rank = p.rank;
      c.scale = p.scale;
      c.signs = p.signs.data();
      c.sign_bytes = p.signs.size();
      c.a = p.a.data();
      c.a_bytes = p.a.size();
      c.b = p.b.data();
      c.b_bytes = p.b.size();
      c.scales = p.scales.data();
      c.scale_count = p.scales.size();
      c.v = p.v.data();
      c.v_count = p.v.size();
      out.push_back(c);
    }
    return out;
  }
};

template <typename T>
void damageArray(std::vector<T>& array, Random& random) {
  if (array.empty()) return;
  const size_t at = size_t(below(random, int(array.size())));
  switch (below(random, 4)) {
    case 0:
      array.resize(at);
      break;
    case 1:
      array.resize(array.size() + 1 + at);
      break;
    default:
      array[at] = T(random());
  }
  array.shrink_to_fit();
}

void damage(OwnedDelta& delta, Random& random) {
  static const int kNumbers[] = {-2147483647 - 1, -1, 0, 1, 2, 3, 16, 31, 32, 33, 63, 64, 65, 96, 128, 1 << 20, 2147483647};
  for (int n = 1 + below(random, 3); n > 0 && !delta.parts.empty(); n--) {
    OwnedPart& p = delta.parts[size_t(below(random, int(delta.parts.size())))];
    switch (below(random, 14)) {
      case 0:
        p.module = Module(below(random, 9) - 1);
        break;
      case 1:
        p.form = Form(below(random, 6) - 1);
        break;
      case 2:
        p.group = kNumbers[below(random, 17)];
        break;
      case 3:
        p.rank = kNumbers[below(random, 17)];
        break;
      case 4: {
        const float odd[] = {0.0f, -1.0f, INFINITY, std::nanf(""), 1e6f, 1e30f};
        p.scale = odd[below(random, 6)];
        break;
      }
      case 5:
        p.layers[size_t(below(random, int(p.layers.size())))] = kNumbers[below(random, 17)];
        break;
      case 6:
        p.layers.push_back(below(random, 4));
        break;
      case 7:
        p.layers.pop_back();
        if (p.layers.empty()) p.layers.push_back(below(random, 2));
        break;
      case 8:
        damageArray(p.signs, random);
        break;
      case 9:
        damageArray(p.a, random);
        break;
      case 10:
        damageArray(p.b, random);
        break;
      case 11:
        damageArray(p.scales, random);
        break;
      case 12:
        damageArray(p.v, random);
        break;
      default: {
        const OwnedPart copy = delta.parts[size_t(below(random, int(delta.parts.size())))];
        if (delta.parts.size() < 40) delta.parts.push_back(copy);
      }
    }
  }
}

void fuzz(const TinyLadder& ladder, const TinyFiles& files, int rounds, unsigned seed) {
  Random random(seed);
  const std::string config = ladder.config();
  const ModelShape model = LadderConfig::parse(config).model;
  const std::vector<uint32_t> offsets(size_t(ladder.shape().vocab) + 1);
  zen_open_options options = {};
  options.threads = 2;
  options.kv_bytes = 1 << 20;
  options.context_tokens = ladder.shape().context;
  options.token_offsets = offsets.data();
  options.token_offsets_count = offsets.size();
  options.delta_slots = 2;
  options.delta_slot_bytes = 40000;
  options.dense_slots = 1;
  zen_model* engine = nullptr;
  zen_error error = {};
  CHECK(zen_open(config.data(), config.size(), &options, &engine, &error) == 0);
  for (int k = 0; k < 5; k++)
    CHECK(zen_attach_stage(engine, k, files.path(k).c_str(), &error) == 0);
  const int32_t tokens[] = {1, 5, 9};
  std::vector<float> plain(3 * size_t(ladder.shape().vocab)), got(plain);
  CHECK(zen_logits(engine, 4, tokens, 3, 0, plain.data(), &error) == 0);
  int accepted = 0, refused = 0;
  for (int i = 0; i < rounds; i++) {
    const Form forms[] = {Form::Dense1, Form::Lora1, Form::Lora16, Form::Vec};
    Fuzzed one;
    if (i % 3 == 0)
      one.delta = mixed(model, random);
    else
      one.delta = uniform(model, forms[below(random, 4)], below(random, 2) ? 32 : 64, Module(below(random, 4)),
                          Module(3 + below(random, 4)), random);
    if (i % 8 != 0) damage(one.delta, random);
    const auto parts = one.parts();
    int32_t delta = 0;
    error = {};
    if (zen_load_delta(engine, parts.data(), parts.size(), &delta, &error) != 0) {
      refused++;
      CHECK(std::string(error.field) == "delta" && error.limit[0] != '\0');
    } else {
      accepted++;
      CHECK(zen_logits(engine, 4, tokens, 3, delta, got.data(), &error) == 0);
      // The slot is given back with its handle.
      CHECK(zen_free_delta(engine, delta, &error) == 0);
      CHECK(zen_free_delta(engine, delta, &error) == 1);
      CHECK(zen_logits(engine, 4, tokens, 3, delta, got.data(), &error) == 1);
    }
    if (i % 50 == 0) {
      CHECK(zen_logits(engine, 4, tokens, 3, 0, got.data(), &error) == 0);
      CHECK(got == plain);
    }
  }
  zen_engine_stats stats = {};
  CHECK(zen_stats(engine, &stats, &error) == 0);
  CHECK(stats.delta_slots_used == 0 && stats.dense_slots_used == 0 && stats.delta_bytes == 0);
  // Identities that do not exist.
  zen_sampling greedy = {};
  greedy.top_p = greedy.repetition_penalty = 1;
  greedy.logprobs = -1;
  const uint8_t scope[33] = {};
  for (int i = 0; i < 200; i++) {
    const zen_identity odd = {int32_t(random()), scope, size_t(below(random, 34))};
    int32_t sequence = 0;
    CHECK(zen_create_sequence(engine, &greedy, nullptr, 0, &odd, &sequence, &error) == 1);
  }
  zen_close(engine);
  std::printf("deltas: %d accepted, %d refused\n", accepted, refused);
  CHECK(accepted > rounds / 8 && refused > rounds / 4);
}

}  // namespace

int main() {
  const auto begin = std::chrono::steady_clock::now();
  for (const TinyShape& shape : tinyShapes()) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    fuzz(ladder, files, 1500, 31);
  }
  std::printf("%.1f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return report("fuzz_delta");
}
