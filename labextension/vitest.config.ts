import { defineConfig } from 'vitest/config';

export default defineConfig({
  // A test that needs a document begins with `// @vitest-environment jsdom`; the others start faster without.
  // The timeout is for machines that are busy: parsing all sources takes a second on an idle one.
  test: { include: ['tests/**/*.test.ts'], environment: 'node', pool: 'threads', testTimeout: 120_000 },
});
