/** Tokens of a line: speaker labels, pauses, comments. For highlighting only; the kernel parses the script. */

import type { Speaker } from '../host/traits';

export interface Token {
  from: number;
  to: number;
  kind: 'label' | 'pause' | 'comment';
  speaker?: Speaker;
}

const LABEL = /^([^:：]{1,60})[:：]/;
const NUMBERED = /^(?:speaker\s+(\d{1,9})|\[\s*(\d{1,9})\s*\])$/i;
// Runs of blanks are bounded: two unbounded runs in a row would take quadratic time.
const PAUSE = /\[pause(?:\s{0,9}:\s{0,9}\d{1,9}\s{0,9}(?:ms)?)?\s{0,9}\]/gi;
/** Same rule as `is_comment` in Python: `# ` at the start of the line, or only `#`. */
const COMMENT = /^(?:#\s|#+$)/;
export const isComment = (line: string): boolean => COMMENT.test(line.trim());
const MARKUP = /^[*_]{1,3}|[*_]{1,3}$/g;

/** Return a key that is equal for all spellings of a name. */
export function nameKey(name: string): string {
  const plain = name.normalize('NFKC').replace(/[’‘]/g, "'").trim().replace(/\s+/g, ' ').toLowerCase();
  const number = NUMBERED.exec(plain);
  return number ? `speaker ${Number(number[1] ?? number[2])}` : plain;
}

export class Labels {
  private readonly byKey: Map<string, Speaker>;

  constructor(readonly speakers: readonly Speaker[]) {
    this.byKey = new Map(speakers.map((speaker) => [nameKey(speaker.label), speaker]));
  }

  get(name: string): Speaker | undefined {
    return this.byKey.get(nameKey(name));
  }

  tokens(line: string): Token[] {
    if (isComment(line)) return [{ from: 0, to: line.length, kind: 'comment' }];
    const tokens: Token[] = [];
    const from = line.length - line.trimStart().length;
    const label = LABEL.exec(line.slice(from, from + 61));
    const speaker = label && this.get(label[1]!.trim().replace(MARKUP, ''));
    if (label && speaker) tokens.push({ from, to: from + label[0].length, kind: 'label', speaker });
    for (const pause of line.matchAll(PAUSE)) {
      tokens.push({ from: pause.index, to: pause.index + pause[0].length, kind: 'pause' });
    }
    return tokens;
  }
}
