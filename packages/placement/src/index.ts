export { type Rebalanced, rebalance } from './eplb/rebalance';
export { LayerBoard } from './layer-board';
export { loadBalance } from './load-balance';
export { LoadWindow } from './load-window';
export { type Holder, nextHoldings } from './next-holdings';
export type { LayerLayout, Layout, PlacementPod } from './placement-pod';
export { DEFAULT_POLICY, type Plan, type PlanInput, planPlacement } from './plan';
export type { PlanPolicy } from './plan-layer';
