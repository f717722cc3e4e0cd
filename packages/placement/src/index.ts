export { type Rebalanced, rebalance } from './eplb/rebalance';
export { LayerBoard } from './layer-board';
export { LoadWindow } from './load-window';
export { type Holder, nextHoldings } from './next-holdings';
export type { LayerLayout, Layout, PlacementPod } from './placement-pod';
export { DEFAULT_POLICY, type Plan, type PlanInput, type PlanPolicy, planPlacement } from './plan';
