/** Why a stage answered, in words. */
export const STAGE_REASON: Record<string, string> = {
  full: 'the best there is',
  pinned: 'as asked',
  load: 'lowered by load',
  floor: 'at its floor',
  attached: 'the best that has arrived',
};
