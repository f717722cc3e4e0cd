#include "model/expert_pod.h"

#include "model/failure.h"

namespace zen {

ExpertPod::ExpertPod(LadderConfig config, int threads) : config_(std::move(config)) {
  if (threads < 1 || threads > 256) throw Failure("threads", "must be from 1 to 256");
  throw Failure("model.experts", "must be there: only a mixture has experts");
}

void ExpertPod::hold(int, const std::vector<int32_t>&, const std::vector<std::string>&) {}
void ExpertPod::release(int, const std::vector<int32_t>&) {}
double ExpertPod::run(const ExpertRows&, RowEncoding, uint8_t*, size_t) { return 0; }
ExpertPodStats ExpertPod::stats() { return {}; }

}  // namespace zen
