/** Finds speakers' labels, pauses and comments in a line: for their colors only; what counts is read by the kernel. */

import type { Speaker } from '../host/traits';

export interface Token {
  from: number;
  to: number;
  kind: 'label' | 'pause' | 'comment';
  speaker?: Speaker;
}

const LABEL = /^([^:：]{1,60})[:：]/;
const NUMBERED = /^(?:speaker\s+(\d{1,9})|\[\s*(\d{1,9})\s*\])$/i;
// Blanks are bounded: two unbounded runs in a row would take quadratic time.
const PAUSE = /\[pause(?:\s{0,9}:\s{0,9}\d{1,9}\s{0,9}(?:ms)?)?\s{0,9}\]/gi;
/** As `is_comment` in Python: `# ` at the line's start, or nothing but `#`. */
const COMMENT = /^(?:#\s|#+$)/;
const MARKUP = /^[*_]{1,3}|[*_]{1,3}$/g;

/** What two spellings of a name share. */
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
    if (COMMENT.test(line.trim())) return [{ from: 0, to: line.length, kind: 'comment' }];
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
