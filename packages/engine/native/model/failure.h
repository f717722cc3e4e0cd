// The one exception of the model code: which field or tensor, and the limit that it breaks.
#pragma once
#include <stdexcept>
#include <string>

namespace zen {

class Failure : public std::runtime_error {
 public:
  Failure(std::string field, std::string limit)
      : std::runtime_error(field + " " + limit), field_(std::move(field)), limit_(std::move(limit)) {}
  const std::string& field() const { return field_; }  // "tensor blk.0.attn_q.weight.rungs[1].planes[0].offset"
  const std::string& limit() const { return limit_; }  // "must be a multiple of 64"

 private:
  std::string field_, limit_;
};

}  // namespace zen
