/** Why the objects of a resource cannot be made as they are wanted. */
export interface Refusal {
  reason: 'NameTaken' | 'ApplyFailed';
  message: string;
}
