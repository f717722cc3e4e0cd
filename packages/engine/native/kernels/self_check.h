// A few small, ragged inputs through a variant and the scalar reference, at load: the net under instruction sets that
// the machine that built this could not run.
#pragma once
#include "kernels/kernels.h"

namespace zen {

// The kernel that differs ("attention"), or null.
const char* selfCheck(const Kernels& candidate);

}  // namespace zen
