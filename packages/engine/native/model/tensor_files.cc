#include "model/tensor_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/kernels.h"
#include "model/failure.h"
#include "model/fields.h"
#include "model/json.h"

namespace zen {
namespace {

constexpr uint64_t kLengthBytes = 8;
constexpr int64_t kMost = int64_t{1} << 40;

std::string shapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// 0 where this reader has no use for it.
uint64_t bytesOf(const std::string& dtype) { return dtype == "F32" ? 4 : dtype == "F16" || dtype == "BF16" ? 2 : 0; }

}  // namespace

TensorFiles::TensorFiles(const std::vector<std::string>& paths) {
  if (paths.empty() || paths.size() > kMaxFiles)
    throw Failure("files", "must be 1 to " + std::to_string(kMaxFiles));
  try {
    for (const std::string& path : paths)
      map(path);
  } catch (...) {
    for (const Map& m : maps_)
      munmap(m.data, m.bytes);
    throw;
  }
}

TensorFiles::~TensorFiles() {
  for (const Map& m : maps_)
    munmap(m.data, m.bytes);
}

void TensorFiles::map(const std::string& path) {
  const std::string field = "file " + path;
  const auto problem = [&](const char* what) { return Failure(field, std::string(what) + ": " + std::strerror(errno)); };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw problem("must be a file that can be read");
  struct stat info;
  const bool regular = fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  if (!regular || info.st_size < static_cast<off_t>(kLengthBytes)) {
    close(file);
    throw Failure(field, "must be a file of at least 8 bytes");
  }
  const uint64_t bytes = static_cast<uint64_t>(info.st_size);
  void* at = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (at == MAP_FAILED) throw problem("must be a file that can be mapped");
  maps_.push_back({static_cast<uint8_t*>(at), bytes});
  readHeader(path, maps_.back());
}

void TensorFiles::readHeader(const std::string& path, const Map& map) {
  const std::string field = "file " + path;
  uint64_t length = 0;
  for (uint64_t i = 0; i < kLengthBytes; i++)
    length |= static_cast<uint64_t>(map.data[i]) << (8 * i);
  if (length > map.bytes - kLengthBytes || length > kMaxConfigBytes)
    throw Failure(field, "must have a header of at most " + std::to_string(kMaxConfigBytes) + " bytes inside the file");
  const uint64_t begin = kLengthBytes + length, most = map.bytes - begin;
  const Json header = Json::parse({reinterpret_cast<const char*>(map.data) + kLengthBytes, length}, "__metadata__");
  if (header.kind != Json::Kind::Object) throw Failure(field, "must have an object as header");
  for (const auto& [name, value] : header.members) {
    if (name == "__metadata__") continue;
    const Fields f(&value, "tensor " + name);
    StoredTensor t;
    t.dtype = f.text("dtype", 16);
    uint64_t count = 1;
    for (const Json& size : f.list("shape", 0, kMaxDimensions)) {
      if (size.kind != Json::Kind::Number || !(size.number >= 0 && size.number <= static_cast<double>(kMost)) ||
          size.number != std::floor(size.number))
        f.refuse("shape", "must have whole numbers");
      t.shape.push_back(static_cast<int64_t>(size.number));
      if (t.shape.back() != 0 && count > static_cast<uint64_t>(kMost / t.shape.back()))
        f.refuse("shape", "must have at most 2^40 elements");
      count *= static_cast<uint64_t>(t.shape.back());
    }
    const std::vector<Json>& offsets = f.list("data_offsets", 2, 2);
    for (const Json& offset : offsets)
      if (offset.kind != Json::Kind::Number || !(offset.number >= 0 && offset.number <= static_cast<double>(most)) ||
          offset.number != std::floor(offset.number))
        f.refuse("data_offsets", "must lie within the " + std::to_string(most) + " bytes after the header");
    const uint64_t from = static_cast<uint64_t>(offsets[0].number), to = static_cast<uint64_t>(offsets[1].number);
    if (from > to) f.refuse("data_offsets", "must not end before they begin");
    t.data = map.data + begin + from;
    t.bytes = to - from;
    const uint64_t each = bytesOf(t.dtype);
    if (each && t.bytes != count * each) f.refuse("data_offsets", "must hold " + std::to_string(count * each) + " bytes");
    if (!tensors_.emplace(name, std::move(t)).second) throw Failure("tensor " + name, "must be in one file only");
  }
}

const StoredTensor& TensorFiles::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw Failure("tensor " + name, "must be there");
  return found->second;
}

Matrix TensorFiles::matrix(const std::string& name, const std::vector<int64_t>& shape) const {
  const StoredTensor& t = find(name);
  if (t.shape != shape) throw Failure("tensor " + name, "must have the shape " + shapeText(shape) + ", not " + shapeText(t.shape));
  if (!bytesOf(t.dtype)) throw Failure("tensor " + name, "must be F32, F16 or BF16, not " + t.dtype);
  Matrix m;
  m.rows = static_cast<int>(shape[0]);
  int64_t cols = 1;
  for (size_t i = 1; i < shape.size(); i++)
    cols *= shape[i];
  m.cols = static_cast<int>(cols);
  m.coding = t.dtype == "F32" ? Coding::F32 : t.dtype == "F16" ? Coding::F16 : Coding::BF16;
  m.data = t.data;
  if (const char* wrong = matrixProblem(m)) throw Failure("tensor " + name, wrong);
  return m;
}

std::vector<float> TensorFiles::vector(const std::string& name, int64_t length) const {
  Matrix m = matrix(name, {length});
  m.cols = m.rows;
  m.rows = 1;
  std::vector<float> out(static_cast<size_t>(length));
  dequantizeRow(m, 0, out.data());
  return out;
}

}  // namespace zen
