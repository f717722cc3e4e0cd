// Codes and group scales of a coded rung: rounding with error feedback (GPTQ), then scales and codes improved in
// turn against the inputs' covariance. Every code it gives keeps the source's own code decodable.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace zen::quant {

// The source's codes, where a residual will be laid over this rung; `codes` null where none will.
struct SourceCodes {
  const uint8_t* codes;  // [rows, cols]
  const float* scale;    // [rows, cols / group]
  const float* offset;
  int group, bits, residualBits;
};

struct QuantizeOptions {
  int bits;           // 2 to 8
  int group;          // 32, 64 or 128
  bool actOrder;      // columns with the greatest input energy first
  float damping;      // of the covariance, relative to its mean diagonal
  int rounds;         // of scale refit and code descent after GPTQ
  int span = 0;       // columns whose covariance counts together, a multiple of the group; 0: SpanOf(cols)
};

struct CodedTensor {
  std::vector<uint8_t> codes;      // [rows, cols]
  std::vector<uint16_t> rowScale;  // f16, [rows]
  std::vector<uint8_t> scale, zero;  // [rows, groups]
  int64_t bent = 0;   // codes that had to differ from the best one to stay decodable
};

// No coded rung can carry this tensor's residual; its exact rung needs the whole codes.
struct Undecodable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Columns whose covariance counts, from each multiple of it on: all, or spans of wide inputs, because a factor costs the
// cube of its width and each round its square. A multiple of every group.
inline int SpanOf(int cols) { return cols <= 4096 ? cols : 2304; }

// hessian: [cols, cols] sums of x·xᵀ, within spans, or null for plain rounding.
CodedTensor Quantize(const float* weights, int rows, int cols, const float* hessian, const SourceCodes& source,
                     const QuantizeOptions& options);

// Best scales for codes that are given (the upper bits of the source's own codes): weighted least squares per group.
// columnWeight: importance of each column, or null.
CodedTensor FitScales(const float* weights, const uint8_t* codes, int rows, int cols, int bits, int group,
                      const float* columnWeight);

// A coded tensor as it is stored.
struct StoredScales {
  const uint8_t* codes;
  const uint16_t* rowScale;
  const uint8_t *scale, *zero;
};

// Trained scales (value = scale·code + offset per row and group) over the codes of `before`, in stored form. Groups
// whose source codes would no longer be decodable keep their old scales; `bent` counts them.
CodedTensor StoreScales(const StoredScales& before, const float* scale, const float* offset, int rows, int cols,
                        int bits, int group, const SourceCodes& source);

}  // namespace zen::quant
