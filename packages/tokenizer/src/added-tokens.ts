/** A token that is matched in the text before any splitting. */
export interface AddedToken {
  id: number;
  content: string;
  /** Control tokens are matched only where the caller parses them. */
  control: boolean;
  /** Matched in the normalized text instead of the original. */
  normalized: boolean;
}

interface TrieNode {
  next: Map<number, TrieNode>;
  token: AddedToken | null;
}

export interface AddedMatch {
  start: number;
  end: number;
  token: AddedToken;
}

/** Finds added tokens in a text: the leftmost first, among those the longest. */
export class AddedTokenMatcher {
  private readonly root: TrieNode = { next: new Map(), token: null };

  constructor(tokens: readonly AddedToken[]) {
    for (const token of tokens) {
      let node = this.root;
      for (let i = 0; i < token.content.length; i++) {
        const code = token.content.charCodeAt(i);
        let child = node.next.get(code);
        if (!child) {
          child = { next: new Map(), token: null };
          node.next.set(code, child);
        }
        node = child;
      }
      node.token = token;
    }
  }

  /** The first match at or after `from` that `allowed` accepts, or null. */
  find(
    text: string,
    from: number,
    allowed: (token: AddedToken, start: number) => boolean,
  ): AddedMatch | null {
    if (this.root.next.size === 0) return null;
    for (let start = from; start < text.length; start++) {
      let node = this.root.next.get(text.charCodeAt(start));
      if (!node) continue;
      let match: AddedMatch | null = null;
      for (let end = start + 1; node; end++) {
        if (node.token && allowed(node.token, start)) match = { start, end, token: node.token };
        node = end < text.length ? node.next.get(text.charCodeAt(end)) : undefined;
      }
      if (match) return match;
    }
    return null;
  }
}
