// Which experts a row goes through: the same few operations in the same order for every kernel variant.
#pragma once
#include "model/ladder_config.h"

namespace zen {

// `logits`: [count], of the router; becomes the softmax. Writes perToken experts by ascending number and their gates. The
// largest are taken, of equals the lowest number; where some are no numbers, all gates are none.
void chooseExperts(const ExpertShape& shape, float* logits, int* experts, float* gates);

// 1 / (1 + exp(−x)).
float sigmoid(float x);

}  // namespace zen
