export { HEARING_FAILURES, HearingError, type HearingFailure } from './hearing-error';
