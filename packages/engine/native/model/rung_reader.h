// One tensor's entry of the table: its rungs, with every size and place checked.
#pragma once
#include <map>

#include "model/fields.h"
#include "model/ladder_config.h"

namespace zen {

class RungReader {
 public:
  RungReader(Fields tensor, int rows, int cols, const std::array<uint64_t, kStages>& stageBytes)
      : tensor_(std::move(tensor)), rows_(rows), cols_(cols), stageBytes_(stageBytes) {}

  TensorEntry read(const std::string& name);
  // After read(): every section of its own once.
  std::vector<Section> sections() const;

 private:
  Rung rung(const Fields& f, int stage);
  void coded(const Fields& f, Rung& rung);
  void exact(const Fields& f, Rung& rung);
  void raw(const Fields& f, Rung& rung);
  std::vector<Section> planes(const Fields& f, int stage, int bits);
  Section section(const Fields& f, int stage, uint64_t bytes);

  Fields tensor_;
  const int rows_, cols_;
  const std::array<uint64_t, kStages>& stageBytes_;
  SourceType type_ = SourceType::F32;
  bool codedBelow_ = false;
  bool foreign_ = false;  // while a rung is read whose sections belong to another tensor
  std::map<std::pair<int, uint64_t>, uint64_t> seen_;  // (stage, offset) → bytes
};

}  // namespace zen
