// What a mixture adds to the engine.
#include "model/engine.h"
#include "model/failure.h"

namespace zen {

void Engine::setExpertCaps(const std::vector<int8_t>&) { throw Failure("experts", "must be of a mixture"); }

std::vector<uint32_t> Engine::takeExpertLoad() { throw Failure("experts", "must be of a mixture"); }

}  // namespace zen
