// Memory that the kernel gives page by page on first use: anonymous regions and read-only maps of stage blobs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace zen {

// Anonymous, zero at first, aligned to a page. Grows by being made anew.
class Region {
 public:
  Region() = default;
  explicit Region(size_t bytes);  // throws Failure("memory", …)
  ~Region();
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;

  uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
};

// Which file a map is of, whatever its path is by now.
using BlobIdentity = std::pair<uint64_t, uint64_t>;  // device, inode

class Blob {
 public:
  // `stage` is for the messages; a file of another size is refused.
  Blob(const std::string& path, int stage, uint64_t expectedBytes);
  ~Blob();
  Blob(const Blob&) = delete;
  Blob& operator=(const Blob&) = delete;

  const uint8_t* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }
  BlobIdentity identity() const { return identity_; }
  // Of the file that is at a path now. Throws Failure.
  static BlobIdentity identityAt(const std::string& path, int stage);
  // Maps every page, reading from the disk what is not in memory, so that no step waits for it. Throws Failure where
  // the disk cannot give it.
  void load() const { load(0, bytes_); }
  void load(uint64_t offset, uint64_t bytes) const;
  // Asks the system to read this range soon; returns at once.
  void advise(uint64_t offset, uint64_t bytes) const;
  // Gives the whole pages inside this range back; they come again from the file when they are read.
  void forget(uint64_t offset, uint64_t bytes) const;

 private:
  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
  BlobIdentity identity_;
  std::string field_;  // for messages
};

}  // namespace zen
