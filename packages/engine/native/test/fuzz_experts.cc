// Calls of an expert pod that nobody should make, through the C ABI: numbers, lengths and arrays that do not belong
// together, integers that no kernel makes, floats that are none, experts that are not held. Whatever comes, the process
// lives, what is refused is refused by name, and a good call gets its bits before and after.
#include <chrono>
#include <cmath>
#include <cstring>
#include <string>

#include "check.h"
#include "tiny_ladder.h"
#include "zen_engine.h"

using namespace zen::test;

namespace {

// Arrays of exactly the size that they say: the sanitizer sees a byte too many.
struct Call {
  int32_t layer = 0, stage = 0, encoding = ZEN_INT8, answer = ZEN_F32;
  std::vector<uint8_t> rows;
  std::vector<float> scales;
  std::vector<int32_t> experts, counts, pairs;

  zen_expert_rows view() const {
    return {layer,         stage,          encoding,       rows.data(), rows.size(), scales.data(), scales.size(),
            experts.data(), counts.data(), experts.size(), pairs.data(), pairs.size()};
  }
};

Call good(const TinyShape& shape, Random& random) {
  static const int kBytes[] = {4, 2, 1, 2};
  Call call;
  call.layer = below(random, shape.layers);
  call.stage = below(random, 5);
  call.encoding = below(random, 4);
  call.answer = below(random, 2);
  const int rows = 1 + below(random, 6);
  call.rows.resize(size_t(rows * shape.hidden * kBytes[call.encoding]));
  for (uint8_t& byte : call.rows)
    byte = uint8_t(random());
  if (call.encoding == ZEN_INT8)
    for (uint8_t& byte : call.rows)
      byte = byte == 0x80 ? 0 : byte;
  if (call.encoding == ZEN_INT16)
    for (size_t i = 1; i < call.rows.size(); i += 2)
      call.rows[i] = uint8_t(int8_t(below(random, 253) - 126));
  if (call.encoding >= ZEN_INT8)
    for (int i = 0; i < rows * shape.hidden / 32; i++)
      call.scales.push_back(real(random, 1));
  for (int e = below(random, 2); e < shape.experts; e += 1 + below(random, 2)) {
    const int count = 1 + below(random, 4);
    call.experts.push_back(e);
    call.counts.push_back(count);
    for (int i = 0; i < count; i++)
      call.pairs.push_back(below(random, rows));
  }
  return call;
}

void damageNumber(int32_t& number, Random& random) {
  static const int32_t kNumbers[] = {-2147483647 - 1, -1, 0, 1, 2, 5, 64, 65536, 1 << 20, 2147483647};
  const uint32_t near = static_cast<uint32_t>(number) + static_cast<uint32_t>(below(random, 5)) - 2u;
  number = below(random, 3) ? kNumbers[below(random, 10)] : static_cast<int32_t>(near);
}
template <typename T>
void damageLength(std::vector<T>& array, Random& random) {
  array.resize(below(random, 2) ? array.size() / 2 : array.size() + 1 + size_t(below(random, 40)));
  array.shrink_to_fit();
}

void damage(Call& call, Random& random) {
  std::vector<int32_t>* const ints[] = {&call.experts, &call.counts, &call.pairs};
  for (int n = 1 + below(random, 2); n > 0; n--) {
    auto& some = *ints[below(random, 3)];
    switch (below(random, 9)) {
      case 0:
        damageNumber(call.layer, random);
        break;
      case 1:
        damageNumber(call.stage, random);
        break;
      case 2:
        damageNumber(call.encoding, random);
        break;
      case 3:
        damageNumber(call.answer, random);
        break;
      case 4:
        damageLength(call.rows, random);
        break;
      case 5:
        damageLength(call.scales, random);
        break;
      case 6:
        if (!some.empty()) damageNumber(some[size_t(below(random, int(some.size())))], random);
        break;
      case 7:
        if (&some == &call.pairs) damageLength(some, random);
        break;
      default:
        if (call.rows.empty()) break;
        call.rows[size_t(below(random, int(call.rows.size())))] = 0x80;
        for (float& scale : call.scales)
          if (below(random, 4) == 0) scale = below(random, 2) ? NAN : INFINITY;
    }
  }
  call.counts.resize(call.experts.size());
}

// Whether it computed.
bool run(zen_experts* experts, const Call& call, int hidden, std::vector<uint8_t>* out = nullptr) {
  std::vector<uint8_t> outputs(call.pairs.size() * size_t(hidden) * (call.answer == ZEN_BF16 ? 2 : 4));
  double us = 0;
  zen_error error = {};
  const zen_expert_rows view = call.view();
  if (zen_run_experts(experts, &view, call.answer, outputs.data(), outputs.size(), &us, &error) != 0) {
    CHECK(error.field[0] != '\0' && error.limit[0] != '\0');
    return false;
  }
  if (out) *out = outputs;
  return true;
}

}  // namespace

int main() {
  const auto begin = std::chrono::steady_clock::now();
  for (const TinyShape& shape : tinyMixtures()) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    const std::string config = ladder.config();
    zen_error error = {};
    zen_experts* experts = nullptr;
    CHECK(zen_open_experts(config.data(), config.size(), 2, &experts, &error) == 0);
    std::vector<std::string> paths;
    std::vector<const char*> blobs;
    for (int k = 0; k < 5; k++)
      paths.push_back(files.path(k));
    for (const std::string& path : paths)
      blobs.push_back(path.c_str());
    std::vector<int32_t> all;
    for (int e = 0; e < shape.experts; e++)
      all.push_back(e);
    for (int layer = 0; layer < shape.layers; layer++)
      CHECK(zen_hold_experts(experts, layer, all.data(), all.size(), blobs.data(), blobs.size(), &error) == 0);
    Random random(31);
    int computed = 0, refused = 0;
    for (int i = 0; i < 1500; i++) {
      const Call fine = good(shape, random);
      Call bad = fine;
      damage(bad, random);
      std::vector<uint8_t> before, after;
      CHECK(run(experts, fine, shape.hidden, &before));
      (run(experts, bad, shape.hidden) ? computed : refused)++;
      CHECK(run(experts, fine, shape.hidden, &after) && before == after);
      if (i % 50 == 0) {  // of a layer that has let go
        CHECK(zen_release_experts(experts, fine.layer, all.data(), all.size(), &error) == 0);
        CHECK(!run(experts, fine, shape.hidden));
        CHECK(zen_hold_experts(experts, fine.layer, all.data(), all.size(), blobs.data(), blobs.size(), &error) == 0);
      }
      int32_t layer = fine.layer, expert = fine.experts.empty() ? 0 : fine.experts[0];
      damageNumber(layer, random);
      damageNumber(expert, random);
      if (layer < 0 || layer >= shape.layers || expert < 0 || expert >= shape.experts)
        CHECK(zen_hold_experts(experts, layer, &expert, 1, blobs.data(), 1, &error) != 0 && error.field[0] != '\0');
    }
    std::printf("calls: %d computed, %d refused\n", computed, refused);
    CHECK(computed > 50 && refused > 500);
    zen_close_experts(experts);
  }
  std::printf("%.1f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return report("fuzz_experts");
}
