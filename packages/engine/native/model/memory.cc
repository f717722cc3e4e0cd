#include "model/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "model/failure.h"

namespace zen {

Region::Region(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    throw Failure("memory", "must have " + std::to_string(bytes) + " bytes: " + std::strerror(errno));
  data_ = static_cast<uint8_t*>(at);
}
Region::~Region() {
  if (data_) munmap(data_, bytes_);
}
Region::Region(Region&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
Region& Region::operator=(Region&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Blob::Blob(const std::string& path, int stage, uint64_t expectedBytes) : bytes_(expectedBytes) {
  const std::string field = "stage " + std::to_string(stage);
  const auto problem = [&](const char* what) {
    return Failure(field, what + std::string(": ") + path + ": " + std::strerror(errno));
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw problem("must be a file that can be read");
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != expectedBytes) {
    close(file);
    throw Failure(field, "must have " + std::to_string(expectedBytes) + " bytes: " + path);
  }
  if (expectedBytes > 0) {
    void* at = mmap(nullptr, expectedBytes, PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) {
      close(file);
      throw problem("must be a file that can be mapped");
    }
    data_ = static_cast<uint8_t*>(at);
    madvise(at, expectedBytes, MADV_WILLNEED);
  }
  close(file);
}

Blob::~Blob() {
  if (data_) munmap(data_, bytes_);
}

void Blob::forget(uint64_t offset, uint64_t bytes) const {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t begin = (offset + page - 1) / page * page, end = (offset + bytes) / page * page;
  if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

}  // namespace zen
