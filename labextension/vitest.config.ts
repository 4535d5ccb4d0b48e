import { defineConfig } from 'vitest/config';

export default defineConfig({
  // A test that needs a document begins with `// @vitest-environment jsdom`; the others start faster without.
  test: { include: ['tests/**/*.test.ts'], environment: 'node', pool: 'threads' },
});
