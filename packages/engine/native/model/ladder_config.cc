#include "model/ladder_config.h"

#include <algorithm>
#include <map>

#include "model/fields.h"
#include "model/rung_reader.h"

namespace zen {
namespace {

constexpr int64_t kMaxBlobBytes = int64_t{1} << 42;
constexpr int kMaxTensors = 65536;
// Of a layer up to ffn_norm.
constexpr int kAttentionTensors = 6;

ExpertShape parseExperts(const Fields& f, int layers) {
  ExpertShape e;
  e.count = f.integer("count", 2, 1024);
  e.perToken = f.integer("perToken", 1, std::min(e.count, 64));
  e.normalized = f.flag("normalized");
  e.sharedFfnSize = f.integer("sharedFfnSize", 0, 1048576);
  if (e.sharedFfnSize % 32 != 0) f.refuse("sharedFfnSize", "must be a multiple of 32");
  if (layers * e.count > kMaxTensors / 3)
    f.refuse("count", "times layers must be at most " + std::to_string(kMaxTensors / 3));
  return e;
}

ModelShape parseModel(const Fields& f) {
  ModelShape m;
  m.architecture = static_cast<Architecture>(f.choice("architecture", {"llama", "qwen2", "qwen3"}));
  m.layers = f.integer("layers", 1, 1024);
  m.hiddenSize = f.integer("hiddenSize", 32, 65536);
  m.heads = f.integer("heads", 1, 1024);
  m.kvHeads = f.integer("kvHeads", 1, 1024);
  m.headSize = f.integer("headSize", 16, 256);
  m.ffnSize = f.integer("ffnSize", 32, 1048576);
  m.vocabSize = f.integer("vocabSize", 2, 4194304);
  m.contextTokens = f.integer("contextTokens", 1, 16777216);
  m.ropeTheta = static_cast<float>(f.real("ropeTheta", 1, 1e12));
  m.rmsEps = static_cast<float>(f.real("rmsEps", 0, 1));
  m.tiedEmbeddings = f.flag("tiedEmbeddings");
  m.ropeStyle = f.choice("ropeStyle", {"interleaved", "half"}) == 0 ? RopeStyle::Interleaved : RopeStyle::Half;
  if (m.heads % m.kvHeads != 0) f.refuse("heads", "must be a multiple of kvHeads");
  if (m.headSize % 16 != 0) f.refuse("headSize", "must be a multiple of 16");
  for (const char* name : {"hiddenSize", "ffnSize"})
    if (f.integer(name, 0, 1 << 20) % 32 != 0) f.refuse(name, "must be a multiple of 32");
  if (m.queryWidth() % 32 != 0) f.refuse("heads", "times headSize must be a multiple of 32");
  if (f.value("experts")) m.experts = parseExperts(f.child("experts"), m.layers);
  return m;
}

struct Taken {
  uint64_t offset, bytes;
  size_t tensor;
};

void refuseOverlaps(const std::vector<TensorEntry>& tensors, std::array<std::vector<Taken>, kStages>& taken) {
  for (int stage = 0; stage < kStages; stage++) {
    auto& ranges = taken[stage];
    std::sort(ranges.begin(), ranges.end(), [](const Taken& a, const Taken& b) { return a.offset < b.offset; });
    for (size_t i = 1; i < ranges.size(); i++) {
      const Taken &before = ranges[i - 1], &after = ranges[i];
      // The section that a later rung of the same tensor names again is listed once (RungReader).
      if (before.offset + before.bytes > after.offset)
        throw Failure("tensor " + tensors[after.tensor].name, "must not overlap " + tensors[before.tensor].name +
                                                                  " in the blob of stage " + std::to_string(stage));
    }
  }
}

bool samePlaces(const Rung& a, const Rung& b) {
  const auto same = [](const Section& x, const Section& y) {
    return x.stage == y.stage && x.offset == y.offset && x.bytes == y.bytes && x.width == y.width;
  };
  return a.bits == b.bits && a.group == b.group && same(a.rowScale, b.rowScale) && same(a.scales, b.scales) &&
         std::equal(a.planes.begin(), a.planes.end(), b.planes.begin(), b.planes.end(), same);
}

// A rung that uses another tensor's codes names exactly the sections of one of that tensor's own rungs.
void refuseForeign(const std::vector<TensorEntry>& tensors, const std::map<std::string, size_t>& order) {
  for (const TensorEntry& t : tensors)
    for (size_t i = 0; i < t.rungs.size(); i++) {
      const Rung& rung = t.rungs[i];
      if (rung.like.empty()) continue;
      const std::string path = "tensor " + t.name + ".rungs[" + std::to_string(i) + "]";
      const auto found = order.find(rung.like);
      const TensorEntry* peer = found == order.end() ? nullptr : &tensors[found->second];
      const auto own = [&](const Rung& other) {
        return other.kind == Rung::Kind::Coded && other.like.empty() && samePlaces(rung, other);
      };
      if (!peer || std::none_of(peer->rungs.begin(), peer->rungs.end(), own))
        throw Failure(path, "must name the sections of a coded rung of " + rung.like);
      if (peer->rows != t.rows || peer->cols != t.cols) throw Failure(path, "must have the shape of " + rung.like);
    }
}

// Which expert a row gets must not depend on the stage's coding.
void refuseCodedRouters(const LadderConfig& config) {
  const ModelShape& m = config.model;
  const auto expectRaw = [](const TensorEntry& t) {
    for (const Rung& rung : t.rungs)
      if (rung.kind != Rung::Kind::Raw || rung.dtype != Coding::F32)
        throw Failure("tensor " + t.name, "must be raw F32");
  };
  for (int layer = 0; m.mixture() && layer < m.layers; layer++) {
    expectRaw(config.tensors[expertTensor(m, layer, 0) - 1]);
    if (m.experts.sharedFfnSize > 0) expectRaw(config.tensors[expertTensor(m, layer, m.experts.count)]);
  }
}

}  // namespace

int feedForwardTensors(const ModelShape& m) {
  return m.mixture() ? 1 + 3 * m.experts.count + (m.experts.sharedFfnSize > 0 ? 4 : 0) : 3;
}

size_t layerTensor(const ModelShape& m, int layer) {
  const int own = m.architecture == Architecture::Llama ? 0 : m.architecture == Architecture::Qwen2 ? 3 : 2;
  return 1 + static_cast<size_t>(layer) * static_cast<size_t>(kAttentionTensors + feedForwardTensors(m) + own);
}

size_t expertTensor(const ModelShape& m, int layer, int expert) {
  return layerTensor(m, layer) + kAttentionTensors + 1 + 3 * static_cast<size_t>(expert);
}

bool isExpertTensor(const ModelShape& m, size_t tensor) {
  const size_t first = expertTensor(m, 0, 0), last = layerTensor(m, m.layers);
  if (!m.mixture() || tensor < first || tensor >= last) return false;
  return (tensor - first) % (layerTensor(m, 1) - layerTensor(m, 0)) < 3 * static_cast<size_t>(m.experts.count);
}

std::vector<ExpectedTensor> modelTensors(const ModelShape& m) {
  std::vector<ExpectedTensor> all;
  const int h = m.hiddenSize, q = m.queryWidth(), k = m.kvWidth(), f = m.ffnSize;
  all.push_back({"token_embd.weight", m.vocabSize, h});
  for (int layer = 0; layer < m.layers; layer++) {
    const std::string at = "blk." + std::to_string(layer) + ".";
    all.push_back({at + "attn_norm.weight", 1, h});
    all.push_back({at + "attn_q.weight", q, h});
    all.push_back({at + "attn_k.weight", k, h});
    all.push_back({at + "attn_v.weight", k, h});
    all.push_back({at + "attn_output.weight", h, q});
    all.push_back({at + "ffn_norm.weight", 1, h});
    const auto feedForward = [&](const std::string& which, int width) {
      all.push_back({at + "ffn_gate" + which + ".weight", width, h});
      all.push_back({at + "ffn_up" + which + ".weight", width, h});
      all.push_back({at + "ffn_down" + which + ".weight", h, width});
    };
    if (m.mixture()) {
      all.push_back({at + "ffn_gate_inp.weight", m.experts.count, h});
      for (int e = 0; e < m.experts.count; e++)
        feedForward("." + std::to_string(e), f);
      if (m.experts.sharedFfnSize > 0) {
        all.push_back({at + "ffn_gate_inp_shexp.weight", 1, h});
        feedForward("_shexp", m.experts.sharedFfnSize);
      }
    } else {
      feedForward("", f);
    }
    if (m.architecture == Architecture::Qwen2) {
      all.push_back({at + "attn_q.bias", 1, q});
      all.push_back({at + "attn_k.bias", 1, k});
      all.push_back({at + "attn_v.bias", 1, k});
    }
    if (m.architecture == Architecture::Qwen3) {
      all.push_back({at + "attn_q_norm.weight", 1, m.headSize});
      all.push_back({at + "attn_k_norm.weight", 1, m.headSize});
    }
  }
  all.push_back({"output_norm.weight", 1, h});
  if (!m.tiedEmbeddings) all.push_back({"output.weight", m.vocabSize, h});
  return all;
}

int TensorEntry::rungAt(int stage) const {
  int found = 0;
  for (size_t i = 1; i < rungs.size(); i++)
    if (rungs[i].stage <= stage) found = static_cast<int>(i);
  return found;
}

LadderConfig LadderConfig::parse(std::string_view text) {
  const Json json = Json::parse(text, "tokenizer");
  const Fields root(&json, "");
  root.choice("format", {"zen.ladder/1"});
  LadderConfig config;
  config.model = parseModel(root.child("model"));
  const auto& stages = root.list("stages", kStages, kStages);
  for (int k = 0; k < kStages; k++) {
    const Fields f = root.item("stages", stages[k], k);
    f.integer("stage", k, k);
    config.stageBytes[k] = static_cast<uint64_t>(f.whole("bytes", 0, kMaxBlobBytes));
  }
  const auto expected = modelTensors(config.model);
  std::map<std::string, size_t> order;
  for (size_t i = 0; i < expected.size(); i++)
    order[expected[i].name] = i;
  config.tensors.resize(expected.size());
  std::array<std::vector<Taken>, kStages> taken;
  const auto& tensors = root.list("tensors", 1, kMaxTensors);
  for (size_t i = 0; i < tensors.size(); i++) {
    const std::string name = root.item("tensors", tensors[i], i).text("name", 200);
    const auto found = order.find(name);
    if (found == order.end()) throw Failure("tensor " + name, "must belong to the model");
    const size_t index = found->second;
    if (!config.tensors[index].rungs.empty()) throw Failure("tensor " + name, "must be listed once");
    RungReader reader(Fields(&tensors[i], "tensor " + name), expected[index].rows, expected[index].cols,
                      config.stageBytes);
    config.tensors[index] = reader.read(name);
    for (const Section& s : reader.sections())
      taken[s.stage].push_back({s.offset, s.bytes, index});
  }
  for (size_t i = 0; i < expected.size(); i++)
    if (config.tensors[i].rungs.empty()) throw Failure("tensor " + expected[i].name, "must be in the table");
  refuseCodedRouters(config);
  refuseForeign(config.tensors, order);
  refuseOverlaps(config.tensors, taken);
  return config;
}

}  // namespace zen
