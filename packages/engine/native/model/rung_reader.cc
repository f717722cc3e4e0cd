#include "model/rung_reader.h"

namespace zen {
namespace {

constexpr int64_t kMaxWeights = int64_t{1} << 31;

const SourceFormat kFormats[] = {
    {"F32", 0, 1, 1, 0, 0, ScaleKind::F16Sym, 0},     {"F16", 0, 1, 1, 0, 0, ScaleKind::F16Sym, 0},
    {"BF16", 0, 1, 1, 0, 0, ScaleKind::F16Sym, 0},    {"Q4_0", 4, 32, 32, 2, 0, ScaleKind::F16Sym, 8},
    {"Q4_1", 4, 32, 32, 4, 0, ScaleKind::F16Pair, 0}, {"Q5_0", 5, 32, 32, 2, 0, ScaleKind::F16Sym, 16},
    {"Q5_1", 5, 32, 32, 4, 0, ScaleKind::F16Pair, 0}, {"Q8_0", 8, 32, 32, 2, 0, ScaleKind::F16Sym, 128},
    {"Q4_K", 4, 256, 32, 2, 4, ScaleKind::K4, 0},     {"Q5_K", 5, 256, 32, 2, 4, ScaleKind::K4, 0},
    {"Q6_K", 6, 256, 16, 1, 2, ScaleKind::K6, 32},
};

uint64_t paddedRows(int rows) { return (static_cast<uint64_t>(rows) + 15) / 16 * 16; }

}  // namespace

const SourceFormat& sourceFormat(SourceType type) { return kFormats[static_cast<int>(type)]; }

TensorEntry RungReader::read(const std::string& name) {
  const auto& shape = tensor_.list("shape", 2, 2);
  if (shape[0].kind != Json::Kind::Number || shape[1].kind != Json::Kind::Number || shape[0].number != rows_ ||
      shape[1].number != cols_)
    tensor_.refuse("shape",
                   "must be [" + std::to_string(rows_) + ", " + std::to_string(cols_) + "], as the model says");
  if (static_cast<int64_t>(rows_) * cols_ > kMaxWeights) tensor_.refuse("shape", "must have at most 2^31 weights");
  type_ = static_cast<SourceType>(tensor_.choice(
      "sourceType", {"F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"}));
  TensorEntry entry{name, rows_, cols_, type_, {}};
  const auto& rungs = tensor_.list("rungs", 1, kStages);
  int low = 0;
  for (size_t i = 0; i < rungs.size(); i++) {
    const Fields f = tensor_.item("rungs", rungs[i], i);
    const int stage = f.integer("stage", low, i == 0 ? 0 : kStages - 1);
    entry.rungs.push_back(rung(f, stage));
    low = stage + 1;
  }
  return entry;
}

std::vector<Section> RungReader::sections() const {
  std::vector<Section> all;
  for (const auto& [where, bytes] : seen_)
    all.push_back({where.first, where.second, bytes, 0});
  return all;
}

Rung RungReader::rung(const Fields& f, int stage) {
  Rung rung;
  rung.stage = stage;
  rung.kind = static_cast<Rung::Kind>(f.choice("kind", {"coded", "exact", "raw"}));
  if (rung.kind == Rung::Kind::Raw) {
    raw(f, rung);
    return rung;
  }
  if (cols_ % kBlockCols != 0) throw Failure(f.path(), "needs a multiple of 32 columns");
  if (rung.kind == Rung::Kind::Coded)
    coded(f, rung);
  else
    exact(f, rung);
  return rung;
}

void RungReader::coded(const Fields& f, Rung& rung) {
  rung.bits = f.integer("bits", 1, 8);
  rung.group = f.integer("group", 32, 128);
  if (rung.group != 32 && rung.group != 64 && rung.group != 128) f.refuse("group", "must be 32, 64 or 128");
  foreign_ = f.value("like") != nullptr;
  if (foreign_) rung.like = f.text("like", 200);
  if (foreign_ && rung.like.empty()) f.refuse("like", "must name a tensor");
  rung.planes = planes(f, rung.stage, rung.bits);
  const uint64_t rows = paddedRows(rows_), groups = (static_cast<uint64_t>(cols_) + rung.group - 1) / rung.group;
  rung.rowScale = section(f.child("rowScale"), rung.stage, rows * 2);
  rung.scales = section(f.child("groups"), rung.stage, rows * groups * 2);
  foreign_ = false;
  codedBelow_ = true;
}

void RungReader::exact(const Fields& f, Rung& rung) {
  const SourceFormat& format = sourceFormat(type_);
  if (format.bits == 0) f.refuse("kind", "must be raw for a source of type " + std::string(format.name));
  if (cols_ % format.blockCols != 0)
    throw Failure(f.path(), "needs a multiple of " + std::to_string(format.blockCols) + " columns");
  rung.bits = format.bits;
  if (f.isNull("residual")) {
    rung.planes = planes(f, rung.stage, format.bits);
  } else {
    const Fields residual = f.child("residual");
    f.list("planes", 0, 0);
    if (!codedBelow_) f.refuse("residual", "needs a coded rung below");
    rung.residualBits = residual.integer("bits", 1, format.bits);
    rung.planes = planes(residual, rung.stage, rung.residualBits);
  }
  const uint64_t weights = paddedRows(rows_) * static_cast<uint64_t>(cols_);
  rung.scales = section(f.child("params"), rung.stage, weights / format.group * format.paramBytes);
  if (format.superBytes > 0)
    rung.supers = section(f.child("supers"), rung.stage, weights / 256 * format.superBytes);
  else if (!f.isNull("supers"))
    f.refuse("supers", "must be null for " + std::string(format.name));
}

void RungReader::raw(const Fields& f, Rung& rung) {
  static const Coding kCodings[] = {Coding::F32, Coding::F16, Coding::BF16};
  rung.dtype = kCodings[f.choice("dtype", {"F32", "F16", "BF16"})];
  rung.data =
      section(f.child("data"), rung.stage, static_cast<uint64_t>(rows_) * cols_ * (rung.dtype == Coding::F32 ? 4 : 2));
}

std::vector<Section> RungReader::planes(const Fields& f, int stage, int bits) {
  std::vector<Section> all;
  const auto& given = f.list("planes", 1, kMaxPlanes);
  int sum = 0;
  for (size_t i = 0; i < given.size(); i++) {
    const Fields plane = f.item("planes", given[i], i);
    const int width = plane.integer("width", 1, 8);
    if (width != 1 && width != 2 && width != 4 && width != 8) plane.refuse("width", "must be 1, 2, 4 or 8");
    sum += width;
    all.push_back(section(plane, stage, paddedRows(rows_) * static_cast<uint64_t>(cols_) * width / 8));
    all.back().width = width;
  }
  if (sum != bits)
    f.refuse("planes", "must have " + std::to_string(bits) + " bits together, not " + std::to_string(sum));
  return all;
}

Section RungReader::section(const Fields& f, int rungStage, uint64_t bytes) {
  Section s;
  s.stage = f.integer("stage", 0, rungStage);
  const uint64_t blob = stageBytes_[s.stage];
  s.bytes = static_cast<uint64_t>(f.whole("bytes", static_cast<int64_t>(bytes), static_cast<int64_t>(bytes)));
  if (bytes > blob)
    f.refuse("bytes",
             "must fit in the " + std::to_string(blob) + " bytes of the blob of stage " + std::to_string(s.stage));
  s.offset = static_cast<uint64_t>(f.whole("offset", 0, static_cast<int64_t>(blob - bytes)));
  if (s.offset % kSectionAlignment != 0) f.refuse("offset", "must be a multiple of 64");
  if (foreign_) return s;
  const auto [known, added] = seen_.try_emplace({s.stage, s.offset}, bytes);
  if (!added && known->second != bytes) throw Failure(f.path(), "must not overlap another section of the tensor");
  return s;
}

}  // namespace zen
