#include "model/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "model/background.h"
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

Blob::Blob(const std::string& path, int stage, uint64_t expectedBytes) : bytes_(expectedBytes), field_("stage " + std::to_string(stage)) {
  const std::string& field = field_;
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
  identity_ = {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino)};
  if (expectedBytes > 0) {
    void* at = mmap(nullptr, expectedBytes, PROT_READ, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) {
      close(file);
      throw problem("must be a file that can be mapped");
    }
    data_ = static_cast<uint8_t*>(at);
  }
  close(file);
}

BlobIdentity Blob::identityAt(const std::string& path, int stage) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    throw Failure("stage " + std::to_string(stage), "must be a file that can be read: " + path + ": " + std::strerror(errno));
  return {static_cast<uint64_t>(info.st_dev), static_cast<uint64_t>(info.st_ino)};
}

Blob::~Blob() {
  if (data_) munmap(data_, bytes_);
}

void Blob::load(uint64_t offset, uint64_t bytes) const {
  constexpr uint64_t kPiece = 512 << 10;  // some 50 µs where the page cache has it
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE)), end = offset + bytes;
  for (uint64_t at = offset / page * page; at < end; at += kPiece) {
    breathe();
    const size_t size = static_cast<size_t>(end - at < kPiece ? end - at : kPiece);
#if defined(MADV_POPULATE_READ)
    if (madvise(data_ + at, size, MADV_POPULATE_READ) == 0) continue;
    // Kernels before 5.14 do not know it.
    if (errno != EINVAL) throw Failure(field_, std::string("must be readable: ") + std::strerror(errno));
#endif
    for (size_t touched = 0; touched < size; touched += 4096)
      static_cast<void>(*static_cast<const volatile uint8_t*>(data_ + at + touched));
  }
}

void Blob::advise(uint64_t offset, uint64_t bytes) const {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE)), begin = offset / page * page;
  if (bytes > 0) madvise(data_ + begin, offset + bytes - begin, MADV_WILLNEED);
}

void Blob::forget(uint64_t offset, uint64_t bytes) const {
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t begin = (offset + page - 1) / page * page, end = (offset + bytes) / page * page;
  if (begin < end) madvise(data_ + begin, end - begin, MADV_DONTNEED);
}

}  // namespace zen
