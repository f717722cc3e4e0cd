/** What the module provides; services/operator/src/app.module.ts says how each is made. */
export const METRICS = Symbol('OperatorMetrics');
export const RECONCILER = Symbol('Reconciler');
export const VIEW = Symbol('ClusterView');
export const WRITER = Symbol('ClusterWriter');
