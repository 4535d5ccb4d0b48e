// @vitest-environment jsdom
import type { ITranslator } from '@jupyterlab/translation';
import { afterEach, expect, test } from 'vitest';

import { currentLanguage, setPageLanguage } from '../../src/core/strings';
import { useLanguage } from '../../src/lab/language';

afterEach(() => setPageLanguage('en'));

test.each([
  ['zh_CN', 'zh_cn'],
  ['en', 'en'],
  ['de_DE', 'en'],
])('with JupyterLab in %s, texts are in %s', (languageCode, language) => {
  useLanguage({ languageCode } as ITranslator);
  expect(currentLanguage()).toBe(language);
});

test('without a translator, texts are English', () => {
  setPageLanguage('zh-CN');
  useLanguage(null);
  expect(currentLanguage()).toBe('en');
});
