// An expert's outputs are the same bits wherever it is computed: what a pod answers to rows off the wire is compared with
// the experts' product over inputs that were quantized here; whatever the call has besides, however many pairs, on
// blobs that have nothing but the experts of the pod.
#include <cstring>
#include <thread>

#include "check.h"
#include "model/expert_pod.h"
#include "model/failure.h"
#include "tiny_ladder.h"

using namespace zen;
using namespace zen::test;

namespace {

using Ints = std::vector<int32_t>;
const RowEncoding kAll[] = {RowEncoding::F32, RowEncoding::BF16, RowEncoding::Int8, RowEncoding::Int16};

// A call with memory of its own.
struct Call {
  int layer, stage;
  RowEncoding encoding;
  std::vector<uint8_t> rows;
  std::vector<float> scales;
  Ints experts, counts, pairs;
  ExpertRows view() const {
    return {layer, stage, encoding, {rows.data(), rows.size()}, {scales.data(), scales.size()},
            {experts.data(), experts.size()}, {counts.data(), counts.size()}, {pairs.data(), pairs.size()}};
  }
};

std::vector<float> randomRows(int rows, int cols, Random& random) {
  std::vector<float> x(size_t(rows) * size_t(cols));
  for (float& v : x)
    v = real(random, 2);
  for (int c = 0; c < kBlockCols; c++)
    x[size_t(c)] = 0;  // a block of zeros
  return x;
}

// Inputs that are quantized here.
struct Inputs {
  std::vector<float> x;
  Region memory;
  Acts acts;
  Inputs(std::vector<float> values, int rows, int cols, int levels)
      : x(std::move(values)), memory(actsBytes(rows, cols, levels)) {
    acts = bindActs(memory.data(), x.data(), size_t(cols), rows, cols, levels);
    kernels().quantize(acts, 0, rows);
  }
};

std::vector<uint8_t> answerOf(ExpertPod& pod, const Call& call, RowEncoding answer = RowEncoding::F32) {
  std::vector<uint8_t> out(call.pairs.size() * size_t(pod.shape().hiddenSize) * bytesPerColumn(answer));
  CHECK(pod.run(call.view(), answer, out.data(), out.size()) > 0);
  return out;
}

// Every second expert with two thirds of the rows.
Call callOf(const TinyShape& shape, int layer, int stage, RowEncoding encoding, const std::vector<float>& x, int rows) {
  Call call{layer, stage, encoding, {}, {}, {}, {}, {}};
  const size_t hidden = size_t(shape.hidden);
  call.rows.resize(x.size() * bytesPerColumn(encoding));
  if (encoding == RowEncoding::F32) {
    std::memcpy(call.rows.data(), x.data(), call.rows.size());
  } else if (encoding == RowEncoding::BF16) {
    writeBfloats(x.data(), x.size(), call.rows.data());
  } else {
    const Inputs in(x, rows, shape.hidden, encoding == RowEncoding::Int8 ? 1 : 2);
    call.scales.resize(x.size() / kBlockCols);
    for (int r = 0; r < rows; r++)
      writeInteger(in.acts, r, call.rows.data() + size_t(r) * hidden * bytesPerColumn(encoding),
                   call.scales.data() + size_t(r) * hidden / kBlockCols);
  }
  for (int e = 0; e < shape.experts; e += 2) {
    call.experts.push_back(e);
    call.counts.push_back(0);
    for (int r = rows - 1; r >= 0; r--)  // in no order
      if (r % 3 != e % 3) {
        call.pairs.push_back(r);
        call.counts.back()++;
      }
    if (call.counts.back() == 0) {
      call.experts.pop_back();
      call.counts.pop_back();
    }
  }
  return call;
}

// What a pod that has only these rows says of one pair.
std::vector<float> expected(const LadderConfig& config, const Blobs& blobs, const Call& call, const std::vector<float>& x,
                            int rows) {
  const int hidden = config.model.hiddenSize, levels = call.encoding == RowEncoding::Int8 ? 1 : 2;
  std::vector<float> values = x;
  if (call.encoding == RowEncoding::BF16)
    readFloats(RowEncoding::BF16, call.rows.data(), int(values.size()), values.data());
  const Inputs in(values, rows, hidden, levels);
  ThreadPool one(1);
  ExpertFfn ffn(hidden, config.model.ffnSize, 1);
  ffn.reserve(1);
  std::vector<float> out(call.pairs.size() * size_t(hidden));
  size_t pair = 0;
  for (size_t e = 0; e < call.experts.size(); e++) {
    const auto bytes = std::make_shared<std::atomic<uint64_t>>(0);
    Expert expert(config, call.layer, call.experts[e], call.stage, blobs, bytes);
    expert.prepare();
    for (int n = 0; n < call.counts[e]; n++, pair++) {
      const std::vector<ExpertRun> runs = {
          {call.experts[e], call.stage, &expert.weights(), &in.acts, &call.pairs[pair], 0, 1}};
      one.run([&](Team& team) { ExpertFfn::run(team, {{&ffn, &runs, out.data() + pair * size_t(hidden)}}); });
    }
  }
  return out;
}

bool same(const std::vector<uint8_t>& a, const std::vector<float>& b) {
  return a.size() == b.size() * sizeof(float) && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

template <typename Work>
std::string refused(Work&& work) {
  try {
    work();
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "";
}

Ints every(int count, int step = 1) {
  Ints all;
  for (int i = 0; i < count; i += step)
    all.push_back(i);
  return all;
}

// Blobs with nothing but what every second expert of layer 1 has; the rest is `filler`.
std::vector<std::vector<uint8_t>> onlyExperts(const TinyLadder& ladder, const LadderConfig& config, uint8_t filler) {
  std::vector<std::vector<uint8_t>> out(5);
  for (int k = 0; k < 5; k++)
    out[size_t(k)].assign(ladder.blobs[k].size(), filler);
  for (int e = 0; e < config.model.experts.count; e += 2)
    for (size_t t = expertTensor(config.model, 1, e), end = t + 3; t < end; t++)
      for (const Rung& rung : config.tensors[t].rungs)
        rung.eachSection([&](const Section& s) {
          std::memcpy(out[size_t(s.stage)].data() + s.offset, ladder.blobs[s.stage].data() + s.offset, s.bytes);
        });
  return out;
}

void bits(const TinyShape& shape, uint8_t filler) {
  const TinyLadder ladder(shape);
  const TinyFiles whole(ladder.blobs);
  const LadderConfig config = LadderConfig::parse(ladder.config());
  const auto some = onlyExperts(ladder, config, filler);
  const TinyFiles files(some.data());
  Blobs blobs;
  std::vector<std::string> paths;
  for (int k = 0; k < 5; k++) {
    blobs.push_back(std::make_shared<const Blob>(whole.path(k), k, config.stageBytes[size_t(k)]));
    paths.push_back(files.path(k));
  }
  Random random(3);
  for (int threads : {1, 3}) {
    ExpertPod pod(LadderConfig::parse(ladder.config()), threads);
    pod.hold(1, every(shape.experts, 2), paths);
    for (int rows : {1, 5, 300}) {
      const std::vector<float> x = randomRows(rows, shape.hidden, random);
      for (int stage = 0; stage < 5; stage++)
        for (RowEncoding encoding : kAll) {
          const Call call = callOf(shape, 1, stage, encoding, x, rows);
          if (call.pairs.empty()) continue;
          if (rows == 300 && (threads == 1 || stage % 2 != 0)) continue;
          const std::vector<float> right = expected(config, blobs, call, x, rows);
          CHECK_FOR(same(answerOf(pod, call), right), "the pod's own bits");
          std::vector<uint8_t> short16(right.size() * 2);
          writeBfloats(right.data(), right.size(), short16.data());
          CHECK_FOR(answerOf(pod, call, RowEncoding::BF16) == short16, "answers in bfloat16");
        }
    }
  }
}

void holding() {
  const TinyShape& shape = tinyMixtures()[0];
  const TinyLadder ladder(shape);
  const TinyFiles files(ladder.blobs);
  std::vector<std::string> paths;
  for (int k = 0; k < 5; k++)
    paths.push_back(files.path(k));
  ExpertPod pod(LadderConfig::parse(ladder.config()), 2);
  Random random(4);
  const std::vector<float> x = randomRows(4, shape.hidden, random);
  const Call low = callOf(shape, 0, 1, RowEncoding::Int8, x, 4), high = callOf(shape, 0, 4, RowEncoding::Int16, x, 4);
  CHECK(refused([&] { answerOf(pod, low); }) == "held must have expert 0 of layer 0 at stage 1");
  pod.hold(0, {0, 2}, {paths[0], paths[1]});
  const auto first = pod.stats();
  CHECK(first.held == 2 && first.mappedBytes > 0 && first.mergedBytes == 0);
  const auto lowBits = answerOf(pod, low);
  CHECK(refused([&] { answerOf(pod, high); }) == "held must have expert 0 of layer 0 at stage 4");
  pod.hold(0, {0, 2}, paths);
  const auto second = pod.stats();
  CHECK(second.held == 2 && second.mappedBytes > first.mappedBytes && second.mergedBytes > 0);
  CHECK(answerOf(pod, low) == lowBits);
  const auto highBits = answerOf(pod, high);
  pod.hold(0, {0, 2}, {paths[0]});  // has it already
  CHECK(pod.stats().mergedBytes == second.mergedBytes && answerOf(pod, high) == highBits);
  CHECK(refused([&] { pod.hold(0, {1, 2}, {paths[0], "/nowhere/blob"}); }).rfind("stage 1 must be a file", 0) == 0);
  CHECK(refused([&] { pod.hold(0, {1}, {paths[0], paths[0]}); }).rfind("stage 1 must have", 0) == 0);
  CHECK(refused([&] { pod.hold(2, {1}, paths); }) == "layer must be from 0 to 1");
  CHECK(refused([&] { pod.hold(0, {4}, paths); }) == "experts must be from 0 to 3");
  CHECK(refused([&] { pod.hold(0, {1}, {}); }) == "blobs must be 1 to 5 paths");
  CHECK(pod.stats().held == 2);
  // Let go and held anew while others run.
  std::atomic<bool> stop{false};
  std::thread turning([&] {
    while (!stop) {
      pod.release(0, {0, 2});
      pod.hold(0, {0, 2}, paths);
    }
  });
  int ran = 0;
  for (int i = 0; i < 20000 && ran < 60; i++) {
    const std::string why = refused([&] { CHECK(answerOf(pod, high) == highBits), ran++; });
    CHECK(why.empty() || why.rfind("held must have expert", 0) == 0);
  }
  stop = true;
  turning.join();
  CHECK(ran > 0);
  pod.release(0, {0, 1, 2});
  const auto none = pod.stats();
  CHECK(none.held == 0 && none.mappedBytes == 0 && none.mergedBytes == 0);
  CHECK(refused([] { ExpertPod(LadderConfig::parse(TinyLadder(tinyShapes()[0]).config()), 1); }) ==
        "model.experts must be there: only a mixture has experts");
}

}  // namespace

int main() {
  for (const TinyShape& shape : tinyMixtures()) {
    bits(shape, 0);     // as holes read
    bits(shape, 0xff);  // as nothing reads
  }
  holding();
  return report("expert_pod");
}
