/// <reference types="vite/client" />
import ts from 'typescript';
import { expect, test } from 'vitest';

import { en } from '../../src/core/strings/en';

const SOURCES = import.meta.glob<string>(['../../src/**/*.ts', '!../../src/core/strings/**'], {
  query: '?raw',
  import: 'default',
  eager: true,
});

/** Properties and attributes that are shown or read out. */
const SHOWN = new Set(
  'label title text caption legend placeholder textContent ariaLabel aria-label aria-valuetext alt'.split(' '),
);
/** Functions whose arguments are shown. */
const BUILDERS = new Set('badge check failureNote help note popover progressBar relabel segments show tabs'.split(' '));
/** Names and examples that are the same in every language. */
const NAMES = new Set(['exports', 'vvnb', 'VibeVoice']);

/** Literal texts of an expression, in its branches too. */
function literals(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node))
    return [[node.head, ...node.templateSpans.map((span) => span.literal)].map((part) => part.text).join('')];
  if (ts.isConditionalExpression(node)) return [...literals(node.whenTrue), ...literals(node.whenFalse)];
  if (ts.isBinaryExpression(node)) {
    const joins = [ts.SyntaxKind.PlusToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionToken];
    const left = joins.includes(node.operatorToken.kind) ? literals(node.left) : [];
    const right =
      joins.includes(node.operatorToken.kind) || node.operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken;
    return right ? [...left, ...literals(node.right)] : [];
  }
  if (ts.isParenthesizedExpression(node)) return literals(node.expression);
  return [];
}

/** Texts that an expression shows to the user although they are not in the catalogue. */
function shownTexts(node: ts.Node): string[] {
  if (ts.isPropertyAssignment(node) && SHOWN.has(node.name.getText().replace(/['"]/g, '')))
    return literals(node.initializer);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken)
    return ts.isPropertyAccessExpression(node.left) && SHOWN.has(node.left.name.text) ? literals(node.right) : [];
  if (!ts.isCallExpression(node)) return [];
  const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name.text : node.expression.getText();
  if (name === 'h') return node.arguments[0]?.getText() === "'kbd'" ? [] : node.arguments.slice(2).flatMap(literals);
  if (name === 'setAttribute')
    return SHOWN.has(literals(node.arguments[0]!)[0] ?? '') ? literals(node.arguments[1]!) : [];
  return BUILDERS.has(name) ? node.arguments.flatMap(literals).filter((text) => /^\p{Lu}| /u.test(text)) : [];
}

function textsIn(code: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    found.push(...shownTexts(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('code.ts', code, ts.ScriptTarget.Latest, true));
  return found.filter((text) => /\p{L}{2}/u.test(text) && !NAMES.has(text) && !(text in en));
}

test('every text of the interface comes from the catalogue', () => {
  const files = Object.entries(SOURCES);
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap(([file, code]) => textsIn(code).map((text) => [file, text]))).toEqual([]);
});

test.each([
  ["button({ label: on ? 'Stop' : `Play ${n}`, icon: 'play' })", ['Stop', 'Play ']],
  ["h('p', { class: 'a', 'aria-label': 'Takes' }, 'None yet', h('kbd', null, 'Esc'))", ['None yet', 'Takes']],
  ["element.title = 'Drag'; element.className = 'a b'", ['Drag']],
  ["note('warning', [t('cast.looks_good')]); badge('Chosen', 'accent')", ['Chosen']],
])('texts are found in %s', (code, texts) => expect(textsIn(code)).toEqual(texts));
