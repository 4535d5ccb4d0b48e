import { expect, test } from 'vitest';

import { Labels } from '../../src/core/editor/labels';

test('a comment is "# " or nothing but "#"; other lines with "#" are text', () => {
  const kinds = (line: string): string[] => new Labels([]).tokens(line).map((token) => token.kind);
  for (const line of ['# a note', '  # a note', '#', '##', '#\ta note']) expect(kinds(line), line).toEqual(['comment']);
  for (const line of ['#metoo was mentioned', '## Part two', 'Call # 5', '']) expect(kinds(line), line).toEqual([]);
});
