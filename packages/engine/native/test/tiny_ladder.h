// A ladder small enough to check by hand: random weights, packed here by the words of docs/ladder-format.md, with the
// values of every tensor at every stage.
//
// Matrices: coded 3 bits at stage 0 (planes 2+1), 4 bits at stage 1 (one plane more, fresh scales), exact Q4_1 from a
// 3-bit residual at stage 3. attn_v: exact Q4_1 planes from stage 0. The embedding: its coded 4-bit slice at stage 0,
// exact Q8_0 at stage 2; with a head of its own it uses the head's codes at stage 0. Vectors: raw, norms with a second rung at stage 1.
#pragma once
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "kernels_cases.h"
#include "model/ladder_config.h"

namespace zen::test {

struct TinyShape {
  const char* architecture;
  bool tied;
  const char* rope;
  int layers = 2, hidden = 64, heads = 4, kvHeads = 2, headSize = 16, ffn = 96, vocab = 101, context = 160;
  int experts = 0, perToken = 0;  // a mixture
  bool normalized = false;
  int sharedFfn = 0;
};
inline const std::vector<TinyShape>& tinyShapes() {
  static const std::vector<TinyShape> all = {
      {"llama", true, "interleaved"}, {"qwen2", false, "half"}, {"qwen3", true, "half"}};
  return all;
}

// Mixtral's, Qwen2-MoE's and Qwen3-MoE's kinds of mixture.
inline const std::vector<TinyShape>& tinyMixtures() {
  static const std::vector<TinyShape> all = [] {
    std::vector<TinyShape> shapes = {{"llama", true, "interleaved"}, {"qwen2", false, "half"}, {"qwen3", true, "half"}};
    const int experts[] = {4, 5, 20}, perToken[] = {2, 3, 4}, shared[] = {0, 32, 0};
    for (size_t i = 0; i < shapes.size(); i++) {
      shapes[i].experts = experts[i];
      shapes[i].perToken = perToken[i];
      shapes[i].normalized = i != 1;
      shapes[i].sharedFfn = shared[i];
    }
    return shapes;
  }();
  return all;
}

class TinyLadder {
 public:
  explicit TinyLadder(const TinyShape& shape, unsigned seed = 1) : shape_(shape), random_(seed) {
    const int h = shape.hidden, q = shape.heads * shape.headSize, k = shape.kvHeads * shape.headSize, f = shape.ffn;
    if (!shape.tied) matrix("output.weight", shape.vocab, h);
    embedding("token_embd.weight", shape.vocab, h);
    for (int l = 0; l < shape.layers; l++) {
      const std::string at = "blk." + std::to_string(l) + ".";
      vector(at + "attn_norm.weight", h, 1, 2);
      matrix(at + "attn_q.weight", q, h);
      matrix(at + "attn_k.weight", k, h);
      exactMatrix(at + "attn_v.weight", k, h);
      matrix(at + "attn_output.weight", h, q);
      vector(at + "ffn_norm.weight", h, 1, 2);
      const auto feedForward = [&](const std::string& which, int width) {
        matrix(at + "ffn_gate" + which + ".weight", width, h);
        matrix(at + "ffn_up" + which + ".weight", width, h);
        matrix(at + "ffn_down" + which + ".weight", h, width);
      };
      if (shape.experts > 0) {
        floats(at + "ffn_gate_inp.weight", shape.experts, h);
        for (int e = 0; e < shape.experts; e++)
          feedForward("." + std::to_string(e), f);
        if (shape.sharedFfn > 0) {
          floats(at + "ffn_gate_inp_shexp.weight", 1, h);
          feedForward("_shexp", shape.sharedFfn);
        }
      } else {
        feedForward("", f);
      }
      if (std::string(shape.architecture) == "qwen2") {
        vector(at + "attn_q.bias", q, 0, 1);
        vector(at + "attn_k.bias", k, 0, 1);
        vector(at + "attn_v.bias", k, 0, 1);
      }
      if (std::string(shape.architecture) == "qwen3") {
        vector(at + "attn_q_norm.weight", shape.headSize, 1, 1);
        vector(at + "attn_k_norm.weight", shape.headSize, 1, 1);
      }
    }
    vector("output_norm.weight", h, 1, 2);
  }

  std::string config() const {
    std::string stages;
    for (int k = 0; k < 5; k++)
      stages += std::string(k ? "," : "") + "{\"stage\":" + std::to_string(k) +
                ",\"bytes\":" + std::to_string(blobs[k].size()) + "}";
    char model[512], experts[200] = "";
    if (shape_.experts > 0)
      std::snprintf(experts, sizeof experts,
                    ",\"experts\":{\"count\":%d,\"perToken\":%d,\"normalized\":%s,\"sharedFfnSize\":%d}", shape_.experts,
                    shape_.perToken, shape_.normalized ? "true" : "false", shape_.sharedFfn);
    std::snprintf(
        model, sizeof model,
        "{\"architecture\":\"%s\",\"layers\":%d,\"hiddenSize\":%d,\"heads\":%d,\"kvHeads\":%d,\"headSize\":%d,"
        "\"ffnSize\":%d,\"vocabSize\":%d,\"contextTokens\":%d,\"ropeTheta\":10000,\"rmsEps\":1e-5,"
        "\"tiedEmbeddings\":%s,\"ropeStyle\":\"%s\"%s}",
        shape_.architecture, shape_.layers, shape_.hidden, shape_.heads, shape_.kvHeads, shape_.headSize, shape_.ffn,
        shape_.vocab, shape_.context, shape_.tied ? "true" : "false", shape_.rope, experts);
    return "{\"format\":\"zen.ladder/1\",\"name\":\"tiny\",\"model\":" + std::string(model) +
           ",\"tokenizer\":{\"a\":[1,\"\\u00e9\"]},\"stages\":[" + stages + "],\"tensors\":[" + tensors_ + "]}";
  }

  // [rows][cols] at a stage.
  const std::vector<float>& values(const std::string& name, int stage) const {
    const auto& byStage = values_.at(name);
    return std::prev(byStage.upper_bound(stage))->second;
  }
  bool has(const std::string& name) const { return values_.count(name) > 0; }
  const TinyShape& shape() const { return shape_; }

  std::vector<uint8_t> blobs[5];

 private:
  std::string section(int stage, const std::vector<uint8_t>& bytes) {
    auto& blob = blobs[stage];
    blob.resize((blob.size() + 63) / 64 * 64);
    const size_t offset = blob.size();
    blob.insert(blob.end(), bytes.begin(), bytes.end());
    return "\"stage\":" + std::to_string(stage) + ",\"offset\":" + std::to_string(offset) +
           ",\"bytes\":" + std::to_string(bytes.size());
  }
  std::string plane(int stage, const std::vector<uint8_t>& codes, int rows, int cols, int width, int low) {
    const int blocks = cols / 32, tiles = (rows + 15) / 16;
    std::vector<uint8_t> out(size_t(tiles) * blocks * 64 * width);
    for (int row = 0; row < rows; row++)
      for (int col = 0; col < cols; col++) {
        const int step = col % 32 / 4, perVector = 8 / width;
        const size_t block = (size_t(row / 16) * blocks + col / 32) * 64 * width;
        const int bits = (codes[size_t(row) * cols + col] >> low) & ((1 << width) - 1);
        out[block + 64 * (step / perVector) + row % 16 * 4 + col % 4] |= uint8_t(bits << (width * (step % perVector)));
      }
    return "{\"width\":" + std::to_string(width) + "," + section(stage, out) + "}";
  }
  void tensor(const std::string& name, int rows, int cols, const char* type, const std::string& rungs) {
    tensors_ += std::string(tensors_.empty() ? "" : ",") + "{\"name\":\"" + name + "\",\"shape\":[" +
                std::to_string(rows) + "," + std::to_string(cols) + "],\"sourceType\":\"" + type + "\",\"rungs\":[" +
                rungs + "]}";
  }

  void vector(const std::string& name, int n, float mean, int rungs) {
    std::string text;
    for (int stage = 0; stage < rungs; stage++) {
      std::vector<float>& v = values_[name][stage];
      for (int i = 0; i < n; i++)
        v.push_back(mean + real(random_, 0.3f));
      const auto* bytes = reinterpret_cast<const uint8_t*>(v.data());
      text += std::string(stage ? "," : "") + "{\"kind\":\"raw\",\"stage\":" + std::to_string(stage) +
              ",\"dtype\":\"F32\",\"data\":{" + section(stage, std::vector<uint8_t>(bytes, bytes + 4 * n)) + "}}";
    }
    tensor(name, 1, n, "F32", text);
  }

  void floats(const std::string& name, int rows, int cols) {
    std::vector<float>& v = values_[name][0];
    for (int i = 0; i < rows * cols; i++)
      v.push_back(real(random_, 0.3f));
    const auto* bytes = reinterpret_cast<const uint8_t*>(v.data());
    tensor(name, rows, cols, "F32",
           "{\"kind\":\"raw\",\"stage\":0,\"dtype\":\"F32\",\"data\":{" +
               section(0, std::vector<uint8_t>(bytes, bytes + 4 * v.size())) + "}}");
  }

  // Source codes of `bits` bits with d and m (or a center) per row and 32 columns.
  struct Source {
    std::vector<uint8_t> codes, params;
    std::vector<float> values;
  };
  Source source(int rows, int cols, int bits, bool pair) {
    const int blocks = cols / 32, per = pair ? 32 : 16, most = (1 << bits) - 1;
    Source s{std::vector<uint8_t>(size_t(rows) * cols),
             std::vector<uint8_t>(size_t((rows + 15) / 16) * blocks * per * 2),
             std::vector<float>(size_t(rows) * cols)};
    const float size = 1.7f / std::sqrt(float(cols));
    for (int row = 0; row < rows; row++)
      for (int b = 0; b < blocks; b++) {
        const uint16_t d = floatToHalf(2 * size / float(most) * (1 + real(random_, 0.2f))),
                       m = floatToHalf(-size + real(random_, 0.1f * size));
        const size_t at = (size_t(row / 16) * blocks + b) * per + row % 16;
        std::memcpy(&s.params[2 * at], &d, 2);
        if (pair) std::memcpy(&s.params[2 * (at + 16)], &m, 2);
        for (int c = 32 * b; c < 32 * b + 32; c++) {
          const int code = below(random_, most + 1);
          s.codes[size_t(row) * cols + c] = uint8_t(code);
          const float product = halfToFloat(d) * float(pair ? code : code - (1 << (bits - 1)));
          s.values[size_t(row) * cols + c] = pair ? product + halfToFloat(m) : product;
        }
      }
    return s;
  }

  // Scales of a coded rung (group 64, the last may be short) that cover the values; fills codes and values.
  std::string coded(const std::string& name, int stage, const std::vector<float>& target, int rows, int cols, int bits,
                    std::vector<uint8_t>& codes, bool keepCodes, const std::string& planes) {
    const int group = 64, groups = (cols + group - 1) / group, tiles = (rows + 15) / 16, most = (1 << bits) - 1;
    std::vector<uint8_t> rowScale(size_t(tiles) * 32), scales(size_t(tiles) * groups * 32);
    std::vector<float>& out = values_[name][stage];
    out.resize(target.size());
    for (int row = 0; row < rows; row++) {
      float low = 0, high = 0;
      for (int c = 0; c < cols; c++) {
        low = std::min(low, target[size_t(row) * cols + c]);
        high = std::max(high, target[size_t(row) * cols + c]);
      }
      const uint16_t r = floatToHalf((high - low) / float(most) / 200.0f);
      std::memcpy(&rowScale[2 * (size_t(row / 16) * 16 + row % 16)], &r, 2);
      for (int g = 0; g < groups; g++) {
        const int scale = 200 + below(random_, 20);
        const float s = halfToFloat(r) * float(scale);
        const int zero = std::min(255, std::max(0, int(std::lround(-low / s * 255.0f / float(most)))));
        const size_t at = (size_t(row / 16) * groups + g) * 32 + row % 16;
        scales[at] = uint8_t(scale);
        scales[at + 16] = uint8_t(zero);
        const float z = float(zero * most) / 255.0f, offset = s * z;
        for (int c = g * group; c < std::min(cols, (g + 1) * group); c++) {
          const size_t i = size_t(row) * cols + c;
          if (!keepCodes) codes[i] = uint8_t(std::min(most, std::max(0, int(std::lround(target[i] / s + z)))));
          const float product = s * float(codes[i]);
          out[i] = product - offset;
        }
      }
    }
    const std::string head = "{\"kind\":\"coded\",\"stage\":" + std::to_string(stage) +
                             ",\"bits\":" + std::to_string(bits) + ",\"group\":64,";
    const std::string rowText = section(stage, rowScale), groupText = section(stage, scales);
    return head + "\"planes\":[" + planes + "],\"rowScale\":{" + rowText + "},\"groups\":{" + groupText + "}}";
  }

  void matrix(const std::string& name, int rows, int cols) {
    const Source s = source(rows, cols, 4, true);
    std::vector<uint8_t> codes(s.codes.size()), low3(s.codes.size());
    // Four bits first; the 3-bit rung below uses their upper bits.
    coded(name, 1, s.values, rows, cols, 4, codes, false, "");
    blobs[1].resize(blobs[1].size() / 64 * 64);
    std::vector<uint8_t> upper(codes.size());
    for (size_t i = 0; i < codes.size(); i++)
      upper[i] = codes[i] >> 1;
    const std::string two = plane(0, upper, rows, cols, 2, 1), one = plane(0, upper, rows, cols, 1, 0);
    const std::string rung0 = coded(name, 0, s.values, rows, cols, 3, upper, true, two + "," + one);
    if (name == "output.weight") head_ = rung0;
    const std::string rung1 =
        coded(name, 1, s.values, rows, cols, 4, codes, true, two + "," + one + "," + plane(1, codes, rows, cols, 1, 0));
    for (size_t i = 0; i < low3.size(); i++)
      low3[i] = s.codes[i] & 7;
    const std::string residual = plane(3, low3, rows, cols, 2, 1) + "," + plane(3, low3, rows, cols, 1, 0);
    const std::string rung3 = "{\"kind\":\"exact\",\"stage\":3,\"planes\":[],\"residual\":{\"bits\":3,\"planes\":[" +
                              residual + "]},\"params\":{" + section(3, s.params) + "},\"supers\":null}";
    values_[name][3] = s.values;
    tensor(name, rows, cols, "Q4_1", rung0 + "," + rung1 + "," + rung3);
  }
  void exactMatrix(const std::string& name, int rows, int cols) {
    const Source s = source(rows, cols, 4, true);
    values_[name][0] = s.values;
    tensor(name, rows, cols, "Q4_1",
           "{\"kind\":\"exact\",\"stage\":0,\"planes\":[" + plane(0, s.codes, rows, cols, 4, 0) +
               "],\"residual\":null,\"params\":{" + section(0, s.params) + "},\"supers\":null}");
  }
  void embedding(const std::string& name, int rows, int cols) {
    Source s = source(rows, cols, 8, false);
    values_[name][2] = s.values;
    if (!head_.empty()) {
      values_[name][0] = values_["output.weight"][0];
      const std::string rung0 = "{\"like\":\"output.weight\"," + head_.substr(1);
      tensor(name, rows, cols, "Q8_0",
             rung0 + ",{\"kind\":\"exact\",\"stage\":2,\"planes\":[" + plane(2, s.codes, rows, cols, 8, 0) +
                 "],\"residual\":null,\"params\":{" + section(2, s.params) + "},\"supers\":null}");
      return;
    }
    std::vector<uint8_t> upper(s.codes.size());
    for (size_t i = 0; i < upper.size(); i++)
      upper[i] = s.codes[i] >> 4;
    const std::string four = plane(0, upper, rows, cols, 4, 0);
    const std::string rung0 = coded(name, 0, s.values, rows, cols, 4, upper, true, four);
    const std::string rung2 = "{\"kind\":\"exact\",\"stage\":2,\"planes\":[" + four + "," +
                              plane(2, s.codes, rows, cols, 4, 0) + "],\"residual\":null,\"params\":{" +
                              section(2, s.params) + "},\"supers\":null}";
    tensor(name, rows, cols, "Q8_0", rung0 + "," + rung2);
  }

  TinyShape shape_;
  Random random_;
  std::string tensors_, head_;
  std::map<std::string, std::map<int, std::vector<float>>> values_;
};

// The blobs as files, gone with the object.
class TinyFiles {
 public:
  explicit TinyFiles(const std::vector<uint8_t>* blobs) {
    const char* base = std::getenv("TMPDIR");
    folder_ = std::string(base ? base : "/tmp") + "/zen-tiny-XXXXXX";
    if (!mkdtemp(folder_.data())) std::abort();
    for (int k = 0; k < 5; k++)
      write(k, blobs[k]);
  }
  ~TinyFiles() {
    for (int k = 0; k < 5; k++)
      unlink(path(k).c_str());
    rmdir(folder_.c_str());
  }
  std::string path(int stage) const { return folder_ + "/" + std::to_string(stage); }
  void write(int stage, const std::vector<uint8_t>& bytes) const {
    std::FILE* file = std::fopen(path(stage).c_str(), "wb");
    if (!file || (!bytes.empty() && std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size())) std::abort();
    std::fclose(file);
  }

 private:
  std::string folder_;
};

}  // namespace zen::test
