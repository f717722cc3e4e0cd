// Random damage to a ladder that was good: the config's bytes, its numbers and fields, and the blobs. Whatever comes,
// the process lives, and what is refused is refused by name. Deterministic; about ten seconds under the sanitizers.
#include <chrono>
#include <string>

#include "check.h"
#include "tiny_ladder.h"
#include "zen_engine.h"

using namespace zen::test;

namespace {

struct Outcome {
  bool opened = false;
  int attached = 0, steps = 0;
};

// Everything that a server does with a ladder, through the C ABI.
Outcome use(const std::string& config, const TinyFiles& files) {
  Outcome out;
  zen_error error = {};
  const std::vector<uint32_t> offsets(102, 0);
  const uint8_t none = 0;
  const zen_open_options options = {1, 1 << 20, ZEN_KV_F16, 64, &none, 0, offsets.data(), offsets.size(), 0, 0, 0, nullptr, 0, nullptr, nullptr};
  zen_model* model = nullptr;
  const auto refused = [&] {
    CHECK(error.field[0] != '\0' && error.limit[0] != '\0');
    error = {};
  };
  if (zen_open(config.data(), config.size(), &options, &model, &error) != 0) {
    refused();
    return out;
  }
  out.opened = true;
  zen_sampling sampling = {};
  sampling.top_p = 1;
  sampling.repetition_penalty = 1;
  sampling.logprobs = 3;
  int32_t sequence = 0;
  CHECK(zen_create_sequence(model, &sampling, nullptr, 0, nullptr, &sequence, &error) == 0);
  for (int stage = 0; stage < ZEN_STAGES; stage++) {
    if (zen_attach_stage(model, stage, files.path(stage).c_str(), &error) != 0) {
      refused();
      break;
    }
    out.attached++;
    const int32_t tokens[] = {1, 2, 3, 4, 5};
    const zen_step_item item = {sequence, tokens, 5, nullptr, 0, stage, 1, nullptr, 0, 0, ZEN_STAND_IN};
    zen_step_output output;
    if (zen_step(model, &item, 1, &output, &error) != 0)
      refused();
    else if (output.status != ZEN_NOT_FINITE)
      out.steps++;
  }
  zen_close(model);
  return out;
}

std::string damaged(std::string text, Random& random) {
  static const char* const kNumbers[] = {"0",
                                         "-1",
                                         "1",
                                         "2",
                                         "3",
                                         "5",
                                         "8",
                                         "64",
                                         "2147483648",
                                         "4294967295",
                                         "9007199254740993",
                                         "1e308",
                                         "-0.5",
                                         "18446744073709551616"};
  static const char* const kTexts[] = {"null",      "true",    "[]",        "{}",   "\"\"",
                                       "\"coded\"", "\"raw\"", "\"exact\"", "[[[[", "\"\\ud800\""};
  const int count = 1 + below(random, 3);
  for (int i = 0; i < count; i++) {
    const size_t at = size_t(below(random, int(text.size())));
    switch (below(random, 8)) {
      case 0:
        text[at] = char(text[at] ^ (1 << below(random, 8)));
        break;
      case 1:
        text.resize(at + 1);
        break;
      case 2: {  // a piece once more
        const std::string piece = text.substr(at, size_t(1 + below(random, 300)));
        text.insert(size_t(below(random, int(text.size()))), piece);
        break;
      }
      case 3:
        text.erase(at, size_t(1 + below(random, 40)));
        break;
      case 4:
      case 5: {  // a number
        const size_t begin = text.find_first_of("0123456789", at);
        if (begin == std::string::npos) break;
        const size_t end = text.find_first_not_of("0123456789", begin);
        const std::string number =
            below(random, 3) ? std::string(kNumbers[below(random, 14)]) : std::to_string(64 * below(random, 400));
        text.replace(begin, (end == std::string::npos ? text.size() : end) - begin, number);
        break;
      }
      case 6: {  // a value
        const size_t begin = text.find(':', at);
        if (begin == std::string::npos) break;
        const size_t end = text.find_first_of(",}]", begin);
        text.replace(begin + 1, (end == std::string::npos ? text.size() : end) - begin - 1, kTexts[below(random, 10)]);
        break;
      }
      default: {  // two fields change places
        const size_t other = size_t(below(random, int(text.size())));
        std::swap(text[at], text[other]);
      }
    }
  }
  return text;
}

void damagedConfigs(const TinyLadder& ladder, const TinyFiles& files, int rounds, unsigned seed) {
  Random random(seed);
  const std::string good = ladder.config();
  int opened = 0, refused = 0;
  for (int i = 0; i < rounds; i++)
    (use(damaged(good, random), files).opened ? opened : refused)++;
  std::printf("configs: %d opened, %d refused\n", opened, refused);
  CHECK(opened > 0 && refused > rounds / 2);
}

// Every byte of a blob is a number that some formula takes; NaN among the logits is an error, not a token.
void damagedBlobs(const TinyLadder& ladder, int rounds, unsigned seed) {
  Random random(seed);
  int whole = 0, failed = 0;
  for (int i = 0; i < rounds; i++) {
    std::vector<uint8_t> blobs[5];
    for (int k = 0; k < 5; k++)
      blobs[k] = ladder.blobs[k];
    const bool resize = i % 4 == 3;
    for (int n = resize ? 1 : 1 + below(random, 200); n > 0; n--) {
      auto& blob = blobs[below(random, 4)];
      if (blob.empty()) continue;
      const size_t at = size_t(below(random, int(blob.size())));
      if (resize) {
        blob.resize(below(random, 2) ? at : blob.size() + at + 1);
      } else {
        blob[at] = uint8_t(below(random, 4) ? random() : 0xff);
      }
    }
    const TinyFiles files(blobs);
    const Outcome out = use(ladder.config(), files);
    CHECK(out.opened && (resize ? out.attached < 5 : out.attached == 5));
    (out.steps == out.attached ? whole : failed)++;
  }
  std::printf("blobs: %d computed, %d with a refused step\n", whole, failed);
  CHECK(whole > 0 && failed > 0);
}

}  // namespace

int main() {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<TinyShape> shapes = tinyShapes();
  shapes.insert(shapes.end(), tinyMixtures().begin(), tinyMixtures().end());
  for (const TinyShape& shape : shapes) {
    const TinyLadder ladder(shape);
    const TinyFiles files(ladder.blobs);
    const Outcome good = use(ladder.config(), files);
    CHECK(good.attached == 5 && good.steps == 5);
    damagedConfigs(ladder, files, 2000, 17);
    damagedBlobs(ladder, 100, 23);
  }
  std::printf("%.1f s\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  return report("fuzz_ladder");
}
