/** Finds speakers' labels, pauses and comments in a line: for their colours only; what counts is read by the kernel. */

import type { Speaker } from '../state';

export interface Token {
  from: number;
  to: number;
  kind: 'label' | 'pause' | 'comment';
  speaker?: Speaker;
}

/** As the kernel reads comments: a number sign and a blank; `#metoo` is text. */
const COMMENT = /^\s*#(?:\s|$)/;
const LABEL = /^\s*([^:：]{1,60})[:：]/;
const NUMBERED = /^(?:speaker\s+(\d{1,9})|\[\s*(\d{1,9})\s*\])$/i;
const PAUSE = /\[pause(?:\s*:\s*\d{1,9}\s*(?:ms)?)?\s*\]/gi;
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
    if (COMMENT.test(line)) return [{ from: 0, to: line.length, kind: 'comment' }];
    const tokens: Token[] = [];
    const label = LABEL.exec(line);
    const speaker = label && this.get(label[1]!.trim().replace(MARKUP, ''));
    if (label && speaker) {
      const from = line.length - line.trimStart().length;
      tokens.push({ from, to: label[0].length, kind: 'label', speaker });
    }
    for (const pause of line.matchAll(PAUSE)) {
      tokens.push({ from: pause.index, to: pause.index + pause[0].length, kind: 'pause' });
    }
    return tokens;
  }
}
