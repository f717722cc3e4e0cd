/** Names of our API group, and the labels and annotations that carry it. */
export const GROUP = 'zen.hanzo.ai';
export const API_VERSION = `${GROUP}/v1alpha1`;
/** On everything that belongs to a ZenModel; its value is the resource's name. EndpointSlices have it of their Service. */
export const MODEL_LABEL = `${GROUP}/zenmodel`;
/** The same for an ExpertPool. */
export const POOL_LABEL = `${GROUP}/expertpool`;
/** On pods of thinkers: the pool whose router they follow. */
export const FOLLOWS_LABEL = `${GROUP}/follows`;
export const COMPONENT_LABEL = 'app.kubernetes.io/component';
export const MANAGED_LABEL = 'app.kubernetes.io/managed-by';
/** Value of that label, and the one field manager of server-side apply. */
export const MANAGER = 'zen-operator';
/** Kept on our resources until their pods are gone. */
export const FINALIZER = `${GROUP}/drain`;
/** Digest of what an object was last applied as. */
export const APPLIED = `${GROUP}/applied`;
