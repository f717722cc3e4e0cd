// One tensor at a stage as it lies in the blobs, for the kernels.
#pragma once
#include <memory>
#include <vector>

#include "model/ladder_config.h"
#include "model/memory.h"

namespace zen {

using Blobs = std::vector<std::shared_ptr<const Blob>>;  // by stage

struct TensorView {
  Matrix matrix;  // where it merges: the exact rung's scales with the planes of the residual
  Matrix base;    // the coded rung that it merges with
  bool merges = false;
};

// Reads none of the blobs' bytes. Throws Failure.
TensorView viewAt(const TensorEntry& tensor, int stage, const Blobs& blobs);
// Gives back the planes that were merged: lower stages get them from the file again.
void forgetPlanes(const TensorEntry& tensor, int stage, const Blobs& blobs);

}  // namespace zen
