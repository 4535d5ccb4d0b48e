// @vitest-environment jsdom
import { afterEach, expect, test } from 'vitest';

import { currentLanguage, languageOf, listOf, setLanguage, setPageLanguage, t } from '../../src/core/strings';
import { en } from '../../src/core/strings/en';
import { zhCn } from '../../src/core/strings/zh_cn';

afterEach(() => {
  document.documentElement.lang = '';
  setLanguage('en');
});

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

test('every language has the same placeholders', () => {
  for (const [key, text] of Object.entries<string>(zhCn)) {
    expect([key, placeholders(text)]).toEqual([key, placeholders(en[key as keyof typeof en])]);
  }
});

test('every plural has both forms in English, and a Chinese text', () => {
  const keys = Object.keys(en);
  const bases = keys.filter((key) => /\.(one|other)$/.test(key)).map((key) => key.replace(/\.(one|other)$/, ''));
  for (const base of bases) {
    expect(keys).toEqual(expect.arrayContaining([`${base}.one`, `${base}.other`]));
    expect(Object.keys(zhCn)).toContain(`${base}.other`);
  }
});

test('Chinese texts are Chinese, unless they are names or units', () => {
  const words = (text: string): string => text.replace(/\{\w+\}/g, '');
  const latin = Object.entries<string>(zhCn).filter(
    ([, text]) => /\p{L}/u.test(words(text)) && !/[\u4e00-\u9fff]/.test(text),
  );
  expect(latin.filter(([key, text]) => text !== (en as Record<string, string>)[key])).toEqual([]);
});

test.each([
  ['zh', 'zh_cn'],
  ['zh-CN', 'zh_cn'],
  ['zh_CN', 'zh_cn'],
  ['zh-Hans', 'zh_cn'],
  ['zh-Hans-HK', 'zh_cn'],
  ['zh-SG', 'zh_cn'],
  ['zh-TW', 'en'],
  ['zh-Hant', 'en'],
  ['en', 'en'],
  ['de-AT', 'en'],
  ['default', 'en'],
  ['', 'en'],
  ['??', 'en'],
])('the language for %j is %s', (tag, language) => expect(languageOf(tag)).toBe(language));

test('the language is that of the page, or else of the browser', () => {
  document.documentElement.lang = 'zh-CN';
  setLanguage();
  expect(currentLanguage()).toBe('zh_cn');
  document.documentElement.lang = '';
  setLanguage();
  expect(currentLanguage()).toBe(languageOf(navigator.language));
});

test('widgets follow the language that JupyterLab has', () => {
  document.documentElement.lang = 'en';
  setPageLanguage('zh_CN');
  setLanguage();
  expect(currentLanguage()).toBe('zh_cn');
  delete (globalThis as Record<symbol, unknown>)[Symbol.for('vibevoice-nb.language')];
  setLanguage();
  expect(currentLanguage()).toBe('en');
});

test('placeholders are filled in, and plurals chosen', () => {
  expect([1, 2, 0].map((count) => t('common.turns', { count }))).toEqual(['1 turn', '2 turns', '0 turns']);
  expect(t('takes.turn_title', { n: '{speaker}', speaker: '$&' })).toBe('Turn {speaker}, $&');
  setLanguage('zh-CN');
  expect([1, 2].map((count) => t('common.turns', { count }))).toEqual(['1 段发言', '2 段发言']);
});

test('lists follow the language, with spaces around Latin names in Chinese', () => {
  expect([listOf(['Anna']), listOf(['Anna', 'Ben']), listOf(['Anna', 'Ben', 'Cleo'])]).toEqual([
    'Anna',
    'Anna and Ben',
    'Anna, Ben, and Cleo',
  ]);
  setLanguage('zh-CN');
  expect([listOf(['Anna', 'Ben']), listOf(['安娜', '本']), listOf(['Anna', 'Ben', '和平'])]).toEqual([
    'Anna 和 Ben',
    '安娜和本',
    'Anna、Ben 和和平',
  ]);
});
