export type { TrafficLine } from './main';
export { type WindowReport, windowReport } from './window-report';
