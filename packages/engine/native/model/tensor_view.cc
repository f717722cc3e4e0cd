#include "model/tensor_view.h"

#include "model/failure.h"
#include "model/merge.h"

namespace zen {
namespace {

const uint8_t* bytesOf(const Section& s, const Blobs& blobs) {
  return s.stage < 0 ? nullptr : blobs[s.stage]->data() + s.offset;
}

Matrix view(const TensorEntry& t, const Rung& rung, const Blobs& blobs) {
  Matrix m;
  m.rows = t.rows;
  m.cols = t.cols;
  if (rung.kind == Rung::Kind::Raw) {
    m.coding = rung.dtype;
    m.data = bytesOf(rung.data, blobs);
    return m;
  }
  m.bits = rung.bits;
  m.planeCount = static_cast<int>(rung.planes.size());
  for (int p = 0; p < m.planeCount; p++)
    m.planes[p] = {bytesOf(rung.planes[p], blobs), rung.planes[p].width};
  m.rowScale = bytesOf(rung.rowScale, blobs);
  m.scales = bytesOf(rung.scales, blobs);
  m.supers = bytesOf(rung.supers, blobs);
  if (rung.kind == Rung::Kind::Coded) {
    m.group = rung.group;
    return m;
  }
  const SourceFormat& format = sourceFormat(t.sourceType);
  m.scaleKind = format.scaleKind;
  m.center = format.center;
  return m;
}

// RungReader has seen a coded rung below every residual.
const Rung& codedBelow(const TensorEntry& t, int index) {
  while (t.rungs[--index].kind != Rung::Kind::Coded) {
  }
  return t.rungs[index];
}

}  // namespace

TensorView viewAt(const TensorEntry& t, int stage, const Blobs& blobs) {
  const int index = t.rungAt(stage);
  const Rung& rung = t.rungs[index];
  TensorView out;
  out.matrix = view(t, rung, blobs);
  out.merges = rung.residualBits > 0;
  if (out.merges) out.base = view(t, codedBelow(t, index), blobs);
  const char* problem = matrixProblem(out.merges ? mergedMatrix(out.matrix, out.matrix.scales) : out.matrix);
  if (problem) throw Failure("tensor " + t.name, problem);
  return out;
}

void forgetPlanes(const TensorEntry& t, int stage, const Blobs& blobs) {
  const int index = t.rungAt(stage);
  for (const auto* planes : {&t.rungs[index].planes, &codedBelow(t, index).planes})
    for (const Section& s : *planes)
      blobs[s.stage]->forget(s.offset, s.bytes);
}

}  // namespace zen
