import { type Fields, Fields as Reader, refuse } from './fields';
import { ALIGNMENT, type CodedRung, type LadderStage, type Section, STAGES } from './ladder-config';
import {
  groupBytes,
  paramBytes,
  planeBytes,
  rowScaleBytes,
  SOURCE_FORMATS,
  superBytes,
} from './source-format';
import { SOURCE_TYPES, type SourceType } from './source-model';

const MAX_WEIGHTS = 2 ** 31;

/** What one tensor claims of the blobs. */
export interface TensorClaims {
  /** Its own sections, each once. */
  sections: Section[];
  /** Coded rungs that use the sections of another tensor. */
  likes: { rung: CodedRung; path: string }[];
}

/** Checks one tensor's rungs by themselves. */
export function validateTensor(fields: Fields, shape: [number, number], stages: LadderStage[]): TensorClaims {
  const [rows, cols] = shape;
  const given = fields.list('shape', 2, 2);
  if (given[0] !== rows || given[1] !== cols) {
    throw refuse(fields.at('shape'), `must be [${rows}, ${cols}], as the model says`);
  }
  if (rows * cols > MAX_WEIGHTS) throw refuse(fields.at('shape'), 'must have at most 2^31 weights');
  const type = fields.choice('sourceType', SOURCE_TYPES);
  const reader = new RungReader(rows, cols, type, stages);
  let last = -1;
  for (const [index, value] of fields.list('rungs', 1, STAGES).entries()) {
    const rung = Reader.of(value, `${fields.path}.rungs[${index}]`);
    const stage = rung.whole('stage', index === 0 ? 0 : last + 1, index === 0 ? 0 : STAGES - 1);
    reader.rung(rung, stage);
    last = stage;
  }
  return { sections: [...reader.sections.values()], likes: reader.likes };
}

class RungReader {
  /** By stage and offset; a later rung may name a plane again. */
  readonly sections = new Map<string, Section>();
  readonly likes: TensorClaims['likes'] = [];
  private coded = false;
  /** While a rung is read whose sections belong to another tensor. */
  private foreign = false;

  constructor(
    private readonly rows: number,
    private readonly cols: number,
    private readonly type: SourceType,
    private readonly stages: LadderStage[],
  ) {}

  rung(fields: Fields, stage: number): void {
    switch (fields.choice('kind', ['coded', 'exact', 'raw'])) {
      case 'coded':
        this.codedRung(fields, stage);
        break;
      case 'exact':
        this.exactRung(fields, stage);
        break;
      case 'raw':
        this.rawRung(fields, stage);
        break;
    }
  }

  private codedRung(fields: Fields, stage: number): void {
    this.needBlocks(fields);
    const bits = fields.whole('bits', 1, 8);
    const group = fields.whole('group', 32, 128);
    if (![32, 64, 128].includes(group)) throw refuse(fields.at('group'), 'must be 32, 64 or 128');
    this.foreign = fields.value('like') !== undefined;
    this.planes(fields, stage, bits);
    this.section(fields.child('rowScale'), stage, rowScaleBytes(this.rows));
    this.section(fields.child('groups'), stage, groupBytes(this.rows, this.cols, group));
    if (this.foreign) {
      fields.text('like', 200);
      this.likes.push({ rung: fields.read() as CodedRung, path: fields.path });
      this.foreign = false;
    }
    this.coded = true;
  }

  private exactRung(fields: Fields, stage: number): void {
    this.needBlocks(fields);
    const format = SOURCE_FORMATS[this.type];
    if (format.bits === 0) throw refuse(fields.at('kind'), `must be raw for a ${this.type} source`);
    if (this.cols % format.blockWeights !== 0) {
      throw refuse(fields.path, `needs a multiple of ${format.blockWeights} columns`);
    }
    if (fields.value('residual') === null) {
      this.planes(fields, stage, format.bits);
    } else {
      fields.list('planes', 0, 0);
      if (!this.coded) throw refuse(fields.at('residual'), 'needs a coded rung below');
      const residual = fields.child('residual');
      this.planes(residual, stage, residual.whole('bits', 1, format.bits));
    }
    this.section(fields.child('params'), stage, paramBytes(this.type, this.rows, this.cols));
    if (format.superBytes > 0) {
      this.section(fields.child('supers'), stage, superBytes(this.type, this.rows, this.cols));
    } else if (fields.value('supers') !== null) {
      throw refuse(fields.at('supers'), `must be null for ${this.type}`);
    }
  }

  private rawRung(fields: Fields, stage: number): void {
    const dtype = fields.choice('dtype', ['F32', 'F16', 'BF16']);
    this.section(fields.child('data'), stage, this.rows * this.cols * (dtype === 'F32' ? 4 : 2));
  }

  private planes(fields: Fields, stage: number, bits: number): void {
    let sum = 0;
    for (const [index, value] of fields.list('planes', 1, 8).entries()) {
      const plane = Reader.of(value, `${fields.at('planes')}[${index}]`);
      const width = plane.whole('width', 1, 8);
      if (![1, 2, 4, 8].includes(width)) throw refuse(plane.at('width'), 'must be 1, 2, 4 or 8');
      sum += width;
      this.section(plane, stage, planeBytes(this.rows, this.cols, width));
    }
    if (sum !== bits) throw refuse(fields.at('planes'), `must have ${bits} bits together, not ${sum}`);
  }

  private section(fields: Fields, rungStage: number, bytes: number): void {
    const stage = fields.whole('stage', 0, rungStage);
    const blob = this.stages[stage]!.bytes;
    fields.whole('bytes', bytes, bytes);
    const offset = fields.whole('offset', 0, Math.max(0, blob - bytes));
    if (bytes > blob) throw refuse(fields.path, `does not fit in the ${blob} bytes of stage ${stage}'s blob`);
    if (offset % ALIGNMENT !== 0) throw refuse(fields.at('offset'), `must be a multiple of ${ALIGNMENT}`);
    if (this.foreign) return;
    const key = `${stage}:${offset}`;
    const known = this.sections.get(key);
    if (known !== undefined && known.bytes !== bytes) throw refuse(fields.path, 'overlaps another section');
    this.sections.set(key, { stage, offset, bytes });
  }

  private needBlocks(fields: Fields): void {
    if (this.cols % 32 !== 0) throw refuse(fields.path, 'needs a multiple of 32 columns');
  }
}
