import type { Band } from '@zen/admission';
import { Priority } from '@zen/contracts';

export function bandOf(priority: Priority): Band {
  if (priority === Priority.PRIORITY_INTERACTIVE) return 'interactive';
  return priority === Priority.PRIORITY_BATCH ? 'batch' : 'normal';
}
