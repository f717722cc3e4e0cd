// The events of one connection in their order, each looked at as it comes: whether it is one, and agrees with those
// before it.

const BASE64 = /^(?=.)([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const LONGEST = 300;
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
export const shown = (event) => `${event.type} ${short(JSON.stringify(event))}`;

/** `waitMs`: how long nothing may come. Every rejection says what was expected. */
export function readEvents(socket, waitMs) {
  const agreement = new Agreement();
  const waiting = [];
  let fault = null;
  let wake = () => {};
  const end = (problem) => {
    fault ??= problem;
    wake();
  };
  socket.on('message', (data, isBinary) => {
    if (fault) return;
    try {
      waiting.push(agreement.take(eventOf(data.toString('utf8'), isBinary)));
    } catch (error) {
      end(error.message);
    }
    wake();
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', (code, reason) => end(`closed: ${code} ${reason}`));
  const peek = async (wanted) => {
    while (waiting.length === 0) {
      if (fault) throw new Error(`expected ${wanted}, got ${fault}`);
      const timer = setTimeout(() => end(`nothing for ${waitMs / 1000} s`), waitMs);
      await new Promise((resolve) => {
        wake = resolve;
      });
      clearTimeout(timer);
    }
    return waiting[0];
  };
  return {
    open: new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    }),
    peek,
    next: async (wanted) => {
      const event = await peek(wanted);
      waiting.shift();
      return event;
    },
  };
}

function eventOf(text, isBinary) {
  if (isBinary) throw new Error('a binary message');
  let event;
  try {
    event = JSON.parse(text);
  } catch (error) {
    throw new Error(`a message that is no JSON: ${short(text)}`, { cause: error });
  }
  for (const field of ['type', 'event_id']) {
    if (typeof event?.[field] !== 'string') throw new Error(`an event without ${field}: ${short(text)}`);
  }
  return event;
}

/** What all events of a connection have to keep, whatever their order. */
class Agreement {
  ids = new Set();
  responses = new Set();
  items = new Set();
  /** What deltas add up to, by kind, item and part. */
  sums = new Map();

  /** @throws Error that says in what the event does not agree */
  take(event) {
    const { type, event_id: id, response_id: response, item_id: item } = event;
    if (this.ids.has(id)) throw new Error(`the event_id of an earlier event: ${shown(event)}`);
    this.ids.add(id);
    if (type === 'response.created') this.responses.add(event.response?.id);
    else if (type === 'response.done') {
      if (!this.responses.delete(event.response?.id)) throw new Error(`no such response: ${shown(event)}`);
    } else if (type.startsWith('response.')) {
      if (!this.responses.has(response)) throw new Error(`no such response: ${shown(event)}`);
      if (type === 'response.output_item.added') this.items.add(event.item?.id);
      else if (!this.items.has(item ?? event.item?.id)) throw new Error(`no such item: ${shown(event)}`);
      this.add(event);
    }
    return event;
  }

  add(event) {
    const [, kind, part] = /^response\.(.*)\.(delta|done)$/.exec(event.type) ?? [];
    const key = `${kind} ${event.item_id} ${event.content_index}`;
    if (part === 'delta') {
      if (typeof event.delta !== 'string') throw new Error(`an event without delta: ${shown(event)}`);
      if (/audio$/.test(kind) && !BASE64.test(event.delta))
        throw new Error(`audio that is no base64: ${shown(event)}`);
      this.sums.set(key, (this.sums.get(key) ?? '') + event.delta);
    }
    const whole = event.text ?? event.transcript ?? event.arguments;
    if (part === 'done' && whole !== undefined && whole !== (this.sums.get(key) ?? ''))
      throw new Error(`not what its deltas add up to: ${shown(event)}`);
  }
}
