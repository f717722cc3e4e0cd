#include "model/expert_pod.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "model/failure.h"

namespace zen {
namespace {

int checkedThreads(int threads) {
  if (threads < 1 || threads > 256) throw Failure("threads", "must be from 1 to 256");
  return threads;
}

LadderConfig checkedConfig(LadderConfig config) {
  if (!config.model.mixture()) throw Failure("model.experts", "must be there: only a mixture has experts");
  return config;
}

// Bytes of the sections that an expert's tensors have at stages below `stages`.
uint64_t sectionBytes(const LadderConfig& config, size_t first, int stages) {
  std::set<std::pair<int, uint64_t>> seen;
  uint64_t bytes = 0;
  for (size_t t = first; t < first + 3; t++)
    for (const Rung& rung : config.tensors[t].rungs)
      if (rung.stage < stages)
        rung.eachSection([&](const Section& s) {
          if (seen.insert({s.stage, s.offset}).second) bytes += s.bytes;
        });
  return bytes;
}

bool raw(const Matrix& m) { return m.coding != Coding::Codes; }

}  // namespace

ExpertPod::ExpertPod(LadderConfig config, int threads)
    : config_(checkedConfig(std::move(config))),
      pool_(checkedThreads(threads)),
      ffn_(config_.model.hiddenSize, config_.model.ffnSize, threads),
      table_(static_cast<size_t>(config_.model.layers) * static_cast<size_t>(config_.model.experts.count)) {
  for (int i = 0; i < kPassPairs; i++)
    numbers_.push_back(i);
}

size_t ExpertPod::placeOf(int layer, int expert) const {
  return static_cast<size_t>(layer) * static_cast<size_t>(config_.model.experts.count) + static_cast<size_t>(expert);
}

void ExpertPod::checkLayer(int layer, const std::vector<int32_t>& experts) const {
  const ModelShape& m = config_.model;
  if (layer < 0 || layer >= m.layers) throw Failure("layer", "must be from 0 to " + std::to_string(m.layers - 1));
  for (int32_t expert : experts)
    if (expert < 0 || expert >= m.experts.count)
      throw Failure("experts", "must be from 0 to " + std::to_string(m.experts.count - 1));
}

Blobs ExpertPod::open(const std::vector<std::string>& paths) {
  if (paths.empty() || paths.size() > kStages) throw Failure("blobs", "must be 1 to 5 paths");
  for (auto it = blobs_.begin(); it != blobs_.end();)
    it = it->second.expired() ? blobs_.erase(it) : std::next(it);
  Blobs all;
  for (size_t s = 0; s < paths.size(); s++) {
    const int stage = static_cast<int>(s);
    std::shared_ptr<const Blob> blob;
    const auto known = blobs_.find(Blob::identityAt(paths[s], stage));
    if (known != blobs_.end()) blob = known->second.lock();
    // One file for two stages is no reason to read past its end.
    if (!blob || blob->bytes() != config_.stageBytes[s]) {
      blob = std::make_shared<const Blob>(paths[s], stage, config_.stageBytes[s]);
      if (blob->bytes() > 0) blobs_[blob->identity()] = blob;
    }
    all.push_back(std::move(blob));
  }
  return all;
}

ExpertPod::Holding ExpertPod::prepared(int layer, int expert, const Blobs& blobs, const Held* before) {
  const size_t first = expertTensor(config_.model, layer, expert);
  const auto sameRungs = [&](int stage) {
    return std::all_of(&config_.tensors[first], &config_.tensors[first] + 3,
                       [&](const TensorEntry& t) { return t.rungAt(stage) == t.rungAt(stage - 1); });
  };
  auto held = std::make_shared<Held>();
  held->stages = static_cast<int>(blobs.size());
  held->mappedBytes = sectionBytes(config_, first, held->stages);
  for (int stage = 0; stage < held->stages; stage++) {
    std::shared_ptr<Expert>& own = held->byStage[static_cast<size_t>(stage)];
    if (before && stage < before->stages) {
      own = before->byStage[static_cast<size_t>(stage)];
    } else if (stage > 0 && sameRungs(stage)) {
      own = held->byStage[static_cast<size_t>(stage) - 1];
    } else {
      own = std::make_shared<Expert>(config_, layer, expert, stage, blobs, mergedBytes_);
      own->prepare();
    }
  }
  return held;
}

void ExpertPod::hold(int layer, const std::vector<int32_t>& experts, const std::vector<std::string>& blobs) {
  checkLayer(layer, experts);
  const std::lock_guard<std::mutex> one(holding_);
  const Blobs opened = open(blobs);
  std::vector<Holding> before, after;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int32_t expert : experts)
      before.push_back(table_[placeOf(layer, expert)]);
  }
  turns_.beside([&] {
    for (size_t i = 0; i < experts.size(); i++) {
      const bool has = before[i] && before[i]->stages >= static_cast<int>(opened.size());
      after.push_back(has ? before[i] : prepared(layer, experts[i], opened, before[i].get()));
    }
  });
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < experts.size(); i++)
    std::swap(table_[placeOf(layer, experts[i])], after[i]);
}

void ExpertPod::release(int layer, const std::vector<int32_t>& experts) {
  checkLayer(layer, experts);
  std::vector<Holding> dropped;  // given back after the lock, which unmapping would hold for long
  const std::lock_guard<std::mutex> lock(mutex_);
  for (int32_t expert : experts)
    dropped.push_back(std::move(table_[placeOf(layer, expert)]));
}

ExpertPodStats ExpertPod::stats() {
  const std::lock_guard<std::mutex> lock(mutex_);
  ExpertPodStats s = {0, 0, *mergedBytes_};
  for (const Holding& held : table_) {
    if (!held) continue;
    s.held++;
    s.mappedBytes += held->mappedBytes;
  }
  return s;
}

std::vector<ExpertPod::Part> ExpertPod::partsOf(const ExpertRows& call, size_t rowBytes) const {
  const auto least = [](const char* field, int from, int to) {
    return Failure(field, "must be from " + std::to_string(from) + " to " + std::to_string(to));
  };
  if (call.stage < 0 || call.stage >= kStages) throw least("stage", 0, kStages - 1);
  const size_t rows = call.rows.count / rowBytes;
  if (rows < 1 || rows > kMaxRows || call.rows.count % rowBytes != 0)
    throw Failure("rows", "must be 1 to " + std::to_string(kMaxRows) + " of " + std::to_string(rowBytes) + " bytes");
  const size_t scales =
      isInteger(call.encoding) ? rows * static_cast<size_t>(config_.model.hiddenSize / kBlockCols) : 0;
  if (call.scales.count != scales) throw Failure("scales", "must have " + std::to_string(scales) + " numbers");
  if (call.pairs.count < 1 || call.pairs.count > kMaxPairs) throw Failure("pairs", "must be 1 to " + std::to_string(kMaxPairs));
  if (call.counts.count != call.experts.count) throw Failure("counts", "must have one number for each of experts");
  std::vector<Part> parts;
  const int pairs = static_cast<int>(call.pairs.count);
  int at = 0;
  for (size_t e = 0; e < call.experts.count; e++) {
    const int number = call.experts.data[e], count = call.counts.data[e];
    if (number < 0 || number >= config_.model.experts.count) throw least("experts", 0, config_.model.experts.count - 1);
    if (e > 0 && number <= parts.back().number) throw Failure("experts", "must rise");
    if (count < 1 || count > pairs - at) throw Failure("counts", "must be positive, and those of all pairs together");
    parts.push_back({nullptr, number, at, at + count});
    at += count;
  }
  if (at != pairs) throw Failure("counts", "must be positive, and those of all pairs together");
  for (size_t i = 0; i < call.pairs.count; i++)
    if (call.pairs.data[i] < 0 || static_cast<size_t>(call.pairs.data[i]) >= rows)
      throw least("pairs", 0, static_cast<int>(rows) - 1);
  return parts;
}

std::vector<ExpertPod::Part> ExpertPod::held(const ExpertRows& call) {
  checkLayer(call.layer, {});
  std::vector<Part> parts = partsOf(call, static_cast<size_t>(config_.model.hiddenSize) * bytesPerColumn(call.encoding));
  const std::lock_guard<std::mutex> lock(mutex_);
  for (Part& part : parts) {
    const Holding& holding = table_[placeOf(call.layer, part.number)];
    if (!holding || call.stage >= holding->stages)
      throw Failure("held", "must have expert " + std::to_string(part.number) + " of layer " +
                                std::to_string(call.layer) + " at stage " + std::to_string(call.stage));
    part.expert = holding->byStage[static_cast<size_t>(call.stage)];
    const ExpertWeights& w = part.expert->weights();
    if (isInteger(call.encoding) && (raw(w.gate) || raw(w.up)))
      throw Failure("encoding", "must be f32 or bf16 where the expert's own numbers are floats");
  }
  return parts;
}

double ExpertPod::run(const ExpertRows& call, RowEncoding answer, uint8_t* outputs, size_t outputBytes) {
  const std::vector<Part> parts = held(call);
  const size_t hidden = static_cast<size_t>(config_.model.hiddenSize), width = hidden * bytesPerColumn(answer);
  if (outputBytes != call.pairs.count * width)
    throw Failure("outputs", "must have " + std::to_string(call.pairs.count * width) + " bytes");
  const std::lock_guard<std::mutex> one(running_);
  const Turns::Step turn(turns_);
  const auto begun = std::chrono::steady_clock::now();
  const int pairs = static_cast<int>(call.pairs.count), room = std::min(pairs, kPassPairs);
  ffn_.reserve(room);
  const auto grow = [](Region& region, size_t bytes) {
    if (bytes > region.bytes()) region = Region(bytes);
    return region.data();
  };
  float* out = reinterpret_cast<float*>(grow(outputs_, static_cast<size_t>(room) * hidden * sizeof(float)));
  grow(memory_, actsBytes(room, config_.model.hiddenSize, 2));
  grow(floats_, static_cast<size_t>(room) * hidden * sizeof(float));
  for (int begin = 0; begin < pairs; begin += kPassPairs) {
    const int end = std::min(pairs, begin + kPassPairs);
    compute(call, parts, begin, end, out);
    const size_t numbers = static_cast<size_t>(end - begin) * hidden;
    uint8_t* to = outputs + static_cast<size_t>(begin) * width;
    if (answer == RowEncoding::F32)
      std::copy_n(reinterpret_cast<const uint8_t*>(out), numbers * sizeof(float), to);
    else
      writeBfloats(out, numbers, to);
  }
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begun).count();
}

// Pairs [begin, end) of the call; every pair gets an input of its own.
void ExpertPod::compute(const ExpertRows& call, const std::vector<Part>& parts, int begin, int end, float* out) {
  const size_t hidden = static_cast<size_t>(config_.model.hiddenSize), rowBytes = hidden * bytesPerColumn(call.encoding),
               blocks = hidden / kBlockCols;
  const int count = end - begin, levels = call.encoding == RowEncoding::Int8 ? 1 : 2;
  float* x = reinterpret_cast<float*>(floats_.data());
  Acts acts = bindActs(memory_.data(), x, hidden, count, config_.model.hiddenSize, levels);
  passRuns_.clear();
  bool codes = false;
  for (const Part& part : parts) {
    const int from = std::max(begin, part.begin) - begin, to = std::min(end, part.end) - begin;
    if (from >= to) continue;
    const ExpertWeights& weights = part.expert->weights();
    codes = codes || !raw(weights.gate) || !raw(weights.up);
    passRuns_.push_back({part.number, call.stage, &weights, &acts, numbers_.data() + from, from, to});
  }
  std::atomic<bool> good{true};
  pool_.run([&](Team& team) {
    team.parallelFor(count, 8, [&](int first, int last) {
      for (int pair = first; pair < last; pair++) {
        const size_t row = static_cast<size_t>(call.pairs.data[begin + pair]);
        const uint8_t* from = call.rows.data + row * rowBytes;
        if (isInteger(call.encoding)) {
          if (!readInteger(from, call.scales.data + row * blocks, acts, pair)) good = false;
        } else {
          readFloats(call.encoding, from, config_.model.hiddenSize, x + static_cast<size_t>(pair) * hidden);
          if (codes) kernels().quantize(acts, pair, pair + 1);
        }
      }
    });
    if (good) ExpertFfn::run(team, {{&ffn_, &passRuns_, out}});
  });
  if (!good) throw Failure("rows", levels == 1 ? "must have integers of at most 127" : "must have integers of at most 32639");
}

}  // namespace zen
