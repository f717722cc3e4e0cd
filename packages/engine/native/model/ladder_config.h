// The config blob of a ladder, checked completely (docs/ladder-format.md).
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"

namespace zen {

constexpr int kStages = 5;
constexpr uint64_t kSectionAlignment = 64;

enum class Architecture : uint8_t { Llama, Qwen2, Qwen3 };

// A mixture of experts in place of every layer's feed-forward; ffnSize is each expert's width.
struct ExpertShape {
  int count = 0;  // 0: a dense model
  int perToken = 0;
  bool normalized = false;  // the chosen gates are divided by their sum
  int sharedFfnSize = 0;    // of the expert that every token passes; 0: none
};

struct ModelShape {
  Architecture architecture;
  int layers, hiddenSize, heads, kvHeads, headSize, ffnSize, vocabSize, contextTokens;
  float ropeTheta, rmsEps;
  bool tiedEmbeddings;
  RopeStyle ropeStyle;
  ExpertShape experts = {};

  bool mixture() const { return experts.count > 0; }
  int queryWidth() const { return heads * headSize; }
  int kvWidth() const { return kvHeads * headSize; }
};

enum class SourceType : uint8_t { F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K };

// What follows from a source type. bits 0: plain floats.
struct SourceFormat {
  const char* name;
  int bits, blockCols, group, paramBytes, superBytes;  // bytes per row and group, and per row and 256 columns
  ScaleKind scaleKind;
  int center;
};
const SourceFormat& sourceFormat(SourceType type);

struct Section {
  int stage = -1;  // −1: none
  uint64_t offset = 0, bytes = 0;
  int width = 0;  // planes only
};

struct Rung {
  enum class Kind : uint8_t { Coded, Exact, Raw };
  Kind kind;
  int stage;
  int bits = 0;                 // of a coded or exact code
  int group = 0;                // coded
  std::string like;             // coded: the tensor whose sections it uses; empty: its own
  std::vector<Section> planes;  // of the whole code, or of the residual where residualBits > 0
  int residualBits = 0;
  Section rowScale, scales, supers;  // coded: rowScale, groups; exact: params, supers
  Coding dtype = Coding::F32;        // raw
  Section data;

  // What it reads, without the coded rung that a residual is merged with.
  template <typename Work>
  void eachSection(Work&& work) const {
    for (const Section& s : planes)
      work(s);
    for (const Section* s : {&rowScale, &scales, &supers, &data})
      if (s->stage >= 0) work(*s);
  }
};

struct TensorEntry {
  std::string name;
  int rows, cols;
  SourceType sourceType;
  std::vector<Rung> rungs;

  // Index of the last rung whose stage is at most `stage`.
  int rungAt(int stage) const;
};

struct LadderConfig {
  ModelShape model;
  std::array<uint64_t, kStages> stageBytes;
  std::vector<TensorEntry> tensors;  // in the order of modelTensors()

  // Throws Failure.
  static LadderConfig parse(std::string_view json);
};

// Names and shapes of the model's tensors in the order of the graph: token_embd, then per layer attn_norm, attn_q,
// attn_k, attn_v, attn_output, ffn_norm, ffn_gate, ffn_up, ffn_down and the architecture's own, then output_norm and
// output (where embeddings are not tied). In a mixture the feed-forward is ffn_gate_inp (the router), then each expert's
// ffn_gate.E, ffn_up.E and ffn_down.E, then of a shared expert ffn_gate_inp_shexp, ffn_gate_shexp, ffn_up_shexp and
// ffn_down_shexp.
struct ExpectedTensor {
  std::string name;
  int rows, cols;
};
std::vector<ExpectedTensor> modelTensors(const ModelShape& model);
// Places in that order: of a layer's attn_norm, and of an expert's ffn_gate, which its ffn_up and ffn_down follow.
size_t layerTensor(const ModelShape& model, int layer);
size_t expertTensor(const ModelShape& model, int layer, int expert);
int feedForwardTensors(const ModelShape& model);
// Whether the tensor at this place is of an expert, the shared one not counted.
bool isExpertTensor(const ModelShape& model, size_t tensor);

}  // namespace zen
