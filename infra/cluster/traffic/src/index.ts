export type { TrafficLine } from './main';
export { type Window, type WindowReport, windowReport } from './window-report';
