// Some experts of a mixture without the rest of the model: what an expert pod computes with.
#pragma once
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/threads.h"
#include "model/background.h"
#include "model/expert.h"
#include "model/expert_rows.h"

namespace zen {

struct ExpertPodStats {
  int held;
  uint64_t mappedBytes, mergedBytes;
};

// Every method throws Failure, and may be called from any thread; `hold` and `run` wait for others of their kind.
class ExpertPod {
 public:
  // Rows of a call, and pairs of a pass: what its memory is made for.
  static constexpr int kMaxRows = 65536, kMaxPairs = 1 << 20, kPassPairs = 512;

  ExpertPod(LadderConfig config, int threads);

  const ModelShape& shape() const { return config_.model; }
  // Prepares experts at stages 0 to the last of `blobs` (paths by stage). All of them are held, or none more than before.
  void hold(int layer, const std::vector<int32_t>& experts, const std::vector<std::string>& blobs);
  // What runs ends with what it began with.
  void release(int layer, const std::vector<int32_t>& experts);
  // [pairs][hiddenSize] of float32 or bfloat16. The result is the microseconds of arithmetic. The failure's field is
  // "held" where an expert is not held at that stage.
  double run(const ExpertRows& call, RowEncoding answer, uint8_t* outputs, size_t outputBytes);
  ExpertPodStats stats();

 private:
  struct Held {
    int stages = 0;
    std::array<std::shared_ptr<Expert>, kStages> byStage;  // neighbours share one where their rungs are the same
    uint64_t mappedBytes = 0;
  };
  using Holding = std::shared_ptr<const Held>;
  struct Part {  // an expert's pairs of a call
    std::shared_ptr<const Expert> expert;
    int number, begin, end;
  };

  size_t placeOf(int layer, int expert) const;
  void checkLayer(int layer, const std::vector<int32_t>& experts) const;
  Blobs open(const std::vector<std::string>& paths);
  Holding prepared(int layer, int expert, const Blobs& blobs, const Held* before);
  // Checks the call's numbers; its pairs by expert.
  std::vector<Part> partsOf(const ExpertRows& call, size_t rowBytes) const;
  std::vector<Part> held(const ExpertRows& call);
  void compute(const ExpertRows& call, const std::vector<Part>& parts, int begin, int end, float* out);

  const LadderConfig config_;  // experts point into it
  ThreadPool pool_;
  const std::shared_ptr<std::atomic<uint64_t>> mergedBytes_ = std::make_shared<std::atomic<uint64_t>>(0);
  Turns turns_;
  std::mutex holding_;  // one hold at a time
  std::map<BlobIdentity, std::weak_ptr<const Blob>> blobs_;  // mapped once for all
  std::mutex running_;  // one run at a time, and what it needs:
  ExpertFfn ffn_;
  Region memory_, floats_, outputs_;
  std::vector<int> numbers_;  // 0, 1, 2, …
  std::vector<ExpertRun> passRuns_;
  std::mutex mutex_;  // held for moments
  std::vector<Holding> table_;
};

}  // namespace zen
