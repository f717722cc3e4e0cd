// The talker, the code predictor and code2wav against the reference implementation, and against themselves: the same
// bits for every number of threads, every kernel variant, and however prompt and frames are cut.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "test/omni_fixture.h"

using namespace zen;
using namespace zen::test;
using namespace zen::omni;

namespace {

constexpr int kMostFrames = 60;
// Of samples from −1 to 1 (deviation 0.37): the sums of both sides are in another order, and random weights amplify that.
constexpr float kClose = 1e-3f;

float furthest(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  float most = 0;
  for (size_t i = 0; i < a.size(); i++) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}
bool same(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void golden(const OmniGolden& golden) {
  const auto talker = tinyTalker(2);
  const OmniPrompt prompt = goldenPrompt(golden);
  const int speech = talker->open(greedyVoice());
  talker->prefill(speech, prompt.user);
  talker->begin(speech, prompt.begin);
  const Spoken spoken = speakAll(*talker, speech, golden.ids("answer"), kMostFrames);
  CHECK(spoken.finished && spoken.contiguous);
  CHECK(spoken.codes == golden.ids("codes"));
  const std::vector<float> wave = golden.reals("wave");
  const float off = furthest(spoken.samples, wave);
  std::printf("frames %zu, samples off by %g\n", spoken.codes.size() / 4, off);
  CHECK(off < kClose);
  CHECK(wave.size() == 1920 * (spoken.codes.size() / 4) - 555);
}

void mixedGolden(const OmniGolden& golden) {
  PromptRows rows;
  rows.tokens = golden.ids("mixed.ids");
  rows.hidden = golden.reals("mixed.hidden");
  rows.hiddenAt = golden.ids("mixed.at");
  rows.positions = golden.ids("mixed.positions");
  const std::vector<int32_t> codes = golden.ids("mixed.codes"), prompt = golden.ids("prompt");
  const auto talker = tinyTalker();
  const int speech = talker->open(greedyVoice("chelsie"));
  talker->prefill(speech, rows);
  talker->begin(speech, {prompt.end() - 3, prompt.end()});
  const Spoken spoken = speakAll(*talker, speech, golden.ids("mixed.answer"), static_cast<int>(codes.size() / 4));
  CHECK(spoken.codes == codes);
  // Positions count: as text alone it is another answer.
  rows.positions.clear();
  const int other = talker->open(greedyVoice("chelsie"));
  talker->prefill(other, rows);
  talker->begin(other, {prompt.end() - 3, prompt.end()});
  CHECK(speakAll(*talker, other, golden.ids("mixed.answer"), static_cast<int>(codes.size() / 4)).codes != codes);
}

void longerThanTheWindow(const OmniGolden& golden) {
  const OmniConfig config = OmniConfig::parse(omniConfig());
  const TensorFiles files(omniWeights());
  const Code2Wav code2wav(files, config.code2wav);
  const std::vector<int32_t> codes = golden.ids("long.codes");
  const int frames = static_cast<int>(codes.size() / 4);
  const std::vector<float> wave = golden.reals("long.wave");
  std::vector<float> first;
  for (int threads : {1, 3})
    for (const std::vector<int>& cuts : {std::vector<int>{frames}, {1}, {2, 1, 7}, {5}}) {
      ThreadPool pool(threads);
      Code2Wav::State state;
      std::vector<float> samples;
      for (int at = 0, i = 0; at < frames; i++) {
        const int some = std::min(cuts[i % cuts.size()], frames - at);
        code2wav.decode(pool, state, &codes[at * 4], some, samples);
        at += some;
        CHECK(static_cast<int64_t>(samples.size()) == config.code2wav.samplesAfter(at));
      }
      if (first.empty()) {
        first = samples;
        const float off = furthest(samples, wave);
        std::printf("long: samples off by %g\n", off);
        CHECK(off < kClose);
      }
      CHECK(same(samples, first));
    }
}

void anyCutsAndThreads(const OmniGolden& golden) {
  const OmniPrompt prompt = goldenPrompt(golden);
  const std::vector<int32_t> answer = golden.ids("answer");
  std::vector<float> first;
  for (const char* variant : {kernels().name, "scalar", "avx2"}) {
    if (!forceKernels(variant)) continue;
    for (int threads : {1, 3})
      for (int cut : {1, 4, 100}) {
        const auto talker = tinyTalker(threads);
        const int speech = talker->open(greedyVoice()), other = talker->open(greedyVoice("chelsie"));
        const auto& tokens = prompt.user.tokens;
        for (size_t at = 0; at < tokens.size(); at += cut) {
          PromptRows rows;
          rows.tokens.assign(tokens.begin() + at, tokens.begin() + std::min(tokens.size(), at + cut));
          talker->prefill(speech, rows);
          talker->prefill(other, rows);  // a neighbour changes nothing
        }
        talker->begin(other, prompt.begin);
        talker->speak(other, answer[0]);
        talker->begin(speech, prompt.begin);
        const Spoken spoken = speakAll(*talker, speech, answer, kMostFrames);
        if (first.empty()) first = spoken.samples;
        CHECK_FOR(same(spoken.samples, first), variant);
      }
  }
  forceKernels(kernelsNamed("avx512") ? "avx512" : kernelsNamed("avx2") ? "avx2" : "scalar");
}

// Drawn voices: a seed says it all, another one says something else.
void seeds(const OmniGolden& golden) {
  const OmniPrompt prompt = goldenPrompt(golden);
  const auto talker = tinyTalker();
  std::vector<std::vector<int32_t>> all;
  for (uint64_t seed : {7, 7, 8}) {
    Voice voice = greedyVoice();
    voice.temperature = 0.9f;
    voice.topK = 50;
    voice.seed = seed;
    const int speech = talker->open(voice);
    talker->prefill(speech, prompt.user);
    talker->begin(speech, prompt.begin);
    all.push_back(speakAll(*talker, speech, golden.ids("answer"), 6).codes);
    talker->close(speech);
  }
  CHECK(!all[0].empty() && all[0] == all[1] && all[0] != all[2]);
}

template <typename Call>
void refused(Call&& call, const char* field) {
  try {
    call();
    CHECK_FOR(false, field);
  } catch (const Failure& failure) {
    CHECK_FOR(failure.field() == field, (std::string(field) + ", not " + failure.field()).c_str());
  }
}

void limits(const OmniGolden& golden) {
  const OmniPrompt prompt = goldenPrompt(golden);
  const auto talker = tinyTalker(1, 20, 2);
  refused([&] { tinyTalker(0); }, "threads");
  refused([&] { tinyTalker(1, 257); }, "contextTokens");
  refused([&] { talker->open(greedyVoice("nobody")); }, "speaker");
  Voice hot = greedyVoice();
  hot.temperature = -1;
  refused([&] { talker->open(hot); }, "temperature");
  const int speech = talker->open(greedyVoice());
  talker->open(greedyVoice());
  refused([&] { talker->open(greedyVoice()); }, "speeches");
  refused([&] { talker->speak(speech, 1); }, "speech");
  refused([&] { talker->prefill(speech, {{104}, {}, {}, {}}); }, "tokens");
  refused([&] { talker->prefill(speech, {{1, 2}, std::vector<float>(31), {0}, {}}); }, "hidden");
  refused([&] { talker->prefill(speech, {{1, 2}, std::vector<float>(32), {2}, {}}); }, "hiddenAt");
  refused([&] { talker->prefill(speech, {{1, 2}, {}, {}, {0, 0, 0}}); }, "positions");
  refused([&] { talker->prefill(speech, {std::vector<int32_t>(21, 1), {}, {}, {}}); }, "tokens");
  refused([&] { talker->begin(speech, {1, 2}); }, "tokens");
  talker->prefill(speech, {std::vector<int32_t>(10, 1), {}, {}, {}});
  talker->begin(speech, prompt.begin);
  refused([&] { talker->prefill(speech, prompt.user); }, "speech");
  refused([&] { talker->speak(speech, -3); }, "tokens");
  talker->speak(speech, 1);
  talker->speak(speech, 2);
  refused([&] { talker->speak(speech, 3); }, "speech");  // 10 + 8 + 2 rows of 20
  talker->close(speech);
  refused([&] { talker->speak(speech, 3); }, "speech");
}

// Hidden states that are no numbers: the speech ends by name, its neighbour goes on.
void noNumbers(const OmniGolden& golden) {
  const OmniPrompt prompt = goldenPrompt(golden);
  const auto talker = tinyTalker();
  const int bad = talker->open(greedyVoice()), good = talker->open(greedyVoice());
  talker->prefill(bad, {{1, 2}, std::vector<float>(32, NAN), {1}, {}});
  talker->prefill(good, prompt.user);
  talker->begin(bad, prompt.begin);
  talker->begin(good, prompt.begin);
  refused([&] { talker->speak(bad, 1); }, "logits");
  refused([&] { talker->speak(bad, 1); }, "speech");
  CHECK(speakAll(*talker, good, golden.ids("answer"), kMostFrames).codes == golden.ids("codes"));
}

}  // namespace

int main() {
  const OmniGolden values;
  golden(values);
  mixedGolden(values);
  longerThanTheWindow(values);
  anyCutsAndThreads(values);
  seeds(values);
  limits(values);
  noNumbers(values);
  return report("omni_golden");
}
