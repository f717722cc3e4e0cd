// Tensors of safetensors files, mapped as they lie there; nothing is copied.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/matrix.h"

namespace zen {

struct StoredTensor {
  std::string dtype;  // as the file says it
  std::vector<int64_t> shape;
  const uint8_t* data = nullptr;
  uint64_t bytes = 0;
};

class TensorFiles {
 public:
  static constexpr size_t kMaxFiles = 256;
  static constexpr size_t kMaxDimensions = 8;

  // Maps every file and checks its header completely. Throws Failure, whose field names file or tensor.
  explicit TensorFiles(const std::vector<std::string>& paths);
  ~TensorFiles();
  TensorFiles(const TensorFiles&) = delete;
  TensorFiles& operator=(const TensorFiles&) = delete;

  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  // Throws Failure where there is none of that name.
  const std::vector<int64_t>& shape(const std::string& name) const { return find(name).shape; }
  // Of that shape, as float32, float16 or bfloat16: a matrix whose rows are the first dimension. Throws Failure.
  Matrix matrix(const std::string& name, const std::vector<int64_t>& shape) const;
  // The same as float32.
  std::vector<float> vector(const std::string& name, int64_t length) const;

 private:
  struct Map {
    uint8_t* data;
    uint64_t bytes;
  };
  const StoredTensor& find(const std::string& name) const;
  void map(const std::string& path);
  void readHeader(const std::string& path, const Map& map);

  std::vector<Map> maps_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace zen
