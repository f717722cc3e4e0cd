export * from './step-backend';
