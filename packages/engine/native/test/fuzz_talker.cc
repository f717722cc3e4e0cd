// What crosses into the talker, damaged: the config, a weight file's header, ids, hidden rows and positions. Either it
// is refused by name, or it speaks numbers. Deterministic.
#include <unistd.h>

#include <cmath>
#include <limits>
#include <random>

#include "test/omni_fixture.h"
#include "zen_engine.h"

using namespace zen;
using namespace zen::test;

namespace {

using Random = std::mt19937;
int below(Random& random, int n) { return static_cast<int>(random() % static_cast<uint32_t>(n)); }

constexpr int32_t kNumbers[] = {std::numeric_limits<int32_t>::min(), -3, -2, -1, 0, 1, 2, 63, 64, 103, 104, 1 << 24,
                                std::numeric_limits<int32_t>::max()};

void damageText(std::string& text, Random& random) {
  static const char* const kPieces[] = {"0", "-1", "1e9", "3", "null", "[]", "{}", "\"\"", "99999999999999999999", "1.5"};
  for (int n = 1 + below(random, 3); n > 0; n--) {
    const size_t at = size_t(below(random, int(text.size())));
    switch (below(random, 4)) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, size_t(1 + below(random, 8)));
        break;
      default: {
        // A number becomes something else.
        size_t from = text.find_first_of("0123456789", at), to = from;
        if (from == std::string::npos) break;
        while (to < text.size() && std::isdigit(static_cast<unsigned char>(text[to]))) to++;
        text.replace(from, to - from, kPieces[below(random, 10)]);
      }
    }
  }
}

bool named(const zen_error& error) { return error.field[0] != '\0' && error.limit[0] != '\0'; }

zen_talker* opened(const std::string& config, const std::string& file) {
  const char* const files[] = {file.c_str()};
  const zen_talker_options options = {1, 64, 2};
  zen_talker* talker = nullptr;
  zen_error error = {};
  if (zen_open_talker(config.data(), config.size(), files, 1, &options, &talker, &error) == 0) return talker;
  CHECK(named(error));
  return nullptr;
}

// One speech with arguments that may be anything; true where it spoke a frame.
bool speech(zen_talker* talker, Random& random, bool damaged) {
  const zen_talker_shape shape = zen_talker_shape_of(talker);
  std::vector<int32_t> tokens(size_t(1 + below(random, 6))), at, positions, begin = {1, 2, 3};
  for (int32_t& token : tokens) token = below(random, 100);
  at.push_back(below(random, int(tokens.size())));
  std::vector<float> hidden(size_t(shape.thinker_hidden), 0.5f);
  for (size_t i = 0; i < 3 * tokens.size(); i++) positions.push_back(below(random, 50));
  if (damaged) {
    std::vector<int32_t>* const all[] = {&tokens, &at, &positions, &begin};
    auto& some = *all[below(random, 4)];
    switch (below(random, 4)) {
      case 0:
        some[size_t(below(random, int(some.size())))] = kNumbers[below(random, 13)];
        break;
      case 1:
        some.resize(size_t(below(random, 80)));
        some.shrink_to_fit();
        break;
      case 2:
        hidden[size_t(below(random, int(hidden.size())))] = below(random, 2) ? NAN : 3e38f;
        break;
      default:
        hidden.resize(size_t(below(random, 70)));
        hidden.shrink_to_fit();
    }
  }
  zen_voice voice = {"ethan", below(random, 2) ? 0.9f : 0.0f, 50, 1, 1.05f, random()};
  int32_t number = 0;
  zen_error error = {};
  if (zen_open_speech(talker, &voice, &number, &error) != 0) {
    CHECK(named(error));
    return false;
  }
  const zen_prompt_rows rows = {tokens.data(), tokens.size(), hidden.data(), hidden.size(), at.data(), at.size(),
                                positions.data(), positions.size()};
  bool good = zen_prefill_speech(talker, number, &rows, &error) == 0 &&
              zen_begin_speech(talker, number, begin.data(), begin.size(), &error) == 0;
  std::vector<int32_t> codes(size_t(shape.groups));
  std::vector<float> samples(size_t(shape.frame_samples));
  for (int i = 0; good && i < 2; i++) {
    zen_speech_frame frame = {};
    const int32_t text = damaged && below(random, 4) == 0 ? kNumbers[below(random, 13)] : i;
    good = zen_speak(talker, number, text, codes.data(), samples.data(), &frame, &error) == 0;
    if (!good || frame.finished) break;
    bool numbers = frame.samples <= samples.size();
    for (size_t s = 0; numbers && s < frame.samples; s++) numbers = samples[s] >= -1 && samples[s] <= 1;
    CHECK(numbers);
  }
  if (!good) CHECK(named(error));
  CHECK(zen_close_speech(talker, number, &error) == 0);
  return good;
}

}  // namespace

int main() {
  const std::string config = omniConfig(), weights = textOfFile(omniWeights()[0]);
  const std::string scratch = "/tmp/zen-fuzz-talker-" + std::to_string(getpid());
  int opens = 0, refusals = 0, spoke = 0;
  Random random(7);
  const auto open = [&](const std::string& text, const std::string& file) {
    if (zen_talker* talker = opened(text, file)) {
      opens++;
      speech(talker, random, false);
      zen_close_talker(talker);
    } else {
      refusals++;
    }
  };
  open(config, omniWeights()[0]);
  CHECK(opens == 1);
  for (int i = 0; i < 300; i++) {
    std::string text = config;
    damageText(text, random);
    open(text, omniWeights()[0]);
  }
  CHECK(refusals > 0);
  const size_t header = size_t(static_cast<unsigned char>(weights[0])) | size_t(static_cast<unsigned char>(weights[1])) << 8;
  for (int i = 0; i < 200; i++) {
    std::string damaged = weights.substr(8, header);
    damageText(damaged, random);
    std::string file = weights.substr(0, 8) + damaged + weights.substr(8 + header);
    if (below(random, 3)) {
      for (int b = 0; b < 8; b++) file[size_t(b)] = static_cast<char>(damaged.size() >> (8 * b));
    } else if (below(random, 2)) {
      file[size_t(below(random, 8))] = static_cast<char>(random());
    } else {
      file.resize(size_t(below(random, int(file.size()))));
    }
    std::ofstream(scratch, std::ios::binary) << file;
    open(config, scratch);
  }
  unlink(scratch.c_str());
  zen_talker* talker = opened(config, omniWeights()[0]);
  CHECK(talker != nullptr);
  for (int i = 0; i < 400; i++) spoke += speech(talker, random, true);
  CHECK(spoke > 0);
  CHECK(speech(talker, random, false));
  zen_close_talker(talker);
  std::printf("%d opened, %d refused, %d spoke\n", opens, refusals, spoke);
  return report("fuzz_talker");
}
