// Tokens per second of a ladder at each stage, without Node: decode of 1, 8 and 32 streams and a prompt of 512 tokens.
//   build/bench/engine LADDER_FOLDER [THREADS] [STAGE]
// Best and median of several rounds: on a busy machine the best says what the engine can do, the median what it did.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/ladder_folder.h"
#include "model/engine.h"

namespace {

using zen::Engine;
using zen::Json;

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void print(const char* what, int stage, int tokens, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("stage %d  %-12s median %8.1f tok/s   best %8.1f tok/s\n", stage, what, tokens / times[times.size() / 2],
              tokens / times[0]);
  std::fflush(stdout);
}

void decode(Engine& engine, int stage, int streams) {
  std::vector<zen::StepItem> items;
  for (int i = 0; i < streams; i++)
    items.push_back({engine.createSequence({}), {i + 1, 2, 3}, {}, stage, true});
  std::vector<double> times;
  for (int round = 0; round < 80 / (1 + streams / 8); round++) {
    const double begin = seconds();
    const auto outputs = engine.step(items);
    if (round > 0) times.push_back(seconds() - begin);
    for (int i = 0; i < streams; i++)
      items[size_t(i)].tokens = std::vector<int32_t>(1, outputs[size_t(i)].sampled.token);
  }
  for (const auto& item : items)
    engine.freeSequence(item.sequence);
  print(("decode " + std::to_string(streams)).c_str(), stage, streams, times);
}

void prefill(Engine& engine, int stage) {
  std::vector<double> times;
  for (int round = 0; round < 3; round++) {
    std::vector<int32_t> prompt;
    for (int t = 0; t < 512; t++)
      prompt.push_back((t * 31 + round * 7) % engine.shape().vocabSize);
    const int sequence = engine.createSequence({});
    const double begin = seconds();
    engine.step({{sequence, prompt, {}, stage, true}});
    times.push_back(seconds() - begin);
    engine.freeSequence(sequence);
  }
  print("prefill 512", stage, 512, times);
}

void run(const std::string& folder, int threads, int only) {
  const Json manifest = manifestOf(folder);
  zen::LadderConfig config = zen::LadderConfig::parse(readAll(blobPath(folder, need(manifest, "config"))));
  const std::vector<uint32_t> offsets(size_t(config.model.vocabSize) + 1, 0);
  const int context = std::min(2048, config.model.contextTokens);
  Engine engine(std::move(config), {threads, uint64_t{1} << 30, zen::KvType::F16, context, "", offsets});
  std::printf("kernels %s, %d threads\n", zen::kernels().name, threads);
  for (const Json& layer : need(manifest, "layers").items) {
    const int stage = std::atoi(need(need(layer, "annotations"), "zen.stage").text.c_str());
    const double begin = seconds();
    engine.attachStage(stage, blobPath(folder, layer));
    std::printf("stage %d  attached in %.2f s\n", stage, seconds() - begin);
    if (only >= 0 && stage != only) continue;
    for (int streams : {1, 8, 32})
      decode(engine, stage, streams);
    prefill(engine, stage);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: engine LADDER_FOLDER [THREADS] [STAGE]\n");
    return 2;
  }
  try {
    run(argv[1], argc > 2 ? std::atoi(argv[2]) : 2, argc > 3 ? std::atoi(argv[3]) : -1);
  } catch (const zen::Failure& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
