import { codeWords } from './code-words';

const FENCE = /^[ \t]*(?:```|~~~)[^\n]*$/gm;

/** The lines that open and close a block of code are not code. */
export const withoutFences = (text: string): string => text.replace(FENCE, '');

/** What Markdown and HTML write for the eye, as what is said for it. */
export function withoutMarkup(text: string): string {
  return (
    withoutFences(text)
      .replace(/`([^`\n]+)`/g, (_all, code: string) => ` ${codeWords(code)} `)
      .replace(/!\[([^\]\n]*)\]\([^)\s]*(?:\s+"[^"]*")?\)/g, '$1')
      .replace(/\[([^\]\n]+)\]\([^)\s]*(?:\s+"[^"]*")?\)/g, '$1')
      .replace(/\[\^?\d+\]/g, '')
      .replace(/<((?:https?|mailto):[^>\s]+)>/g, '$1')
      .replace(/<\/?[a-z][a-z0-9]*(?:\s[^<>]*)?\/?>/gi, ' ')
      .replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (_all, name: string) => ENTITIES[name]!)
      // Headings, quotes, bullets, rules, boxes to tick.
      .replace(/^[ \t]*#{1,6}[ \t]+/gm, '')
      .replace(/^[ \t]*(?:>[ \t]?)+/gm, '')
      .replace(/^[ \t]*(?:[-*_][ \t]*){3,}$/gm, '')
      .replace(/^[ \t]*[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?/gm, '')
      // Tables: a pause between cells, no rule under the head.
      .replace(/^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$/gm, '')
      .replace(/^[ \t]*\||\|[ \t]*$/gm, '')
      .replace(/[ \t]+\|[ \t]+/g, ', ')
      // Emphasis.
      .replace(/(\*\*\*|\*\*|__|~~)(?=\S)([^\n]*?\S)\1/g, '$2')
      .replace(/(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g, '$1')
      .replace(/(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])/g, '$1')
      .replace(/\*\*|(?<=\s|^)\*(?=\S)|(?<=\S)\*(?=\s|$)/g, '')
      .replace(/\\([\\`*_{}[\]()#+.!-])/g, '$1')
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  nbsp: ' ',
  '#39': "'",
};
