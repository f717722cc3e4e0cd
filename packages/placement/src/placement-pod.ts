/** A pod that experts can be placed on. */
export interface PlacementPod {
  /** Where it is reached; unique. */
  id: string;
  /** Most experts of one layer that it takes. */
  capacity: number;
  /** Machine, and failure zone of the machine; empty while unknown. */
  node: string;
  zone: string;
}

/** Experts of one layer: [pods], each ascending. */
export type LayerLayout = readonly (readonly number[])[];

/** [layers][pods] */
export type Layout = readonly LayerLayout[];
