// @ts-check
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

/** A text looked up at the top level of a module is looked up before the language is known. */
const earlyText = {
  selector:
    ':matches(Program, ExportNamedDeclaration) > VariableDeclaration CallExpression[callee.name="t"]:not(:function *)',
  message: 'Call t() when something is rendered: at the top level of a module the language is not set yet.',
};

export default tseslint.config(
  { ignores: ['lib/', 'node_modules/'] },
  {
    files: ['src/**/*.ts', 'tests/**/*.ts'],
    extends: [eslint.configs.recommended, tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', earlyText],
    },
  },
  // Lumino's signals take the receiver of a method as their second argument.
  { files: ['src/lab/**/*.ts'], rules: { '@typescript-eslint/unbound-method': 'off' } },
  // Mocks pass methods around, and are async where the real thing is.
  {
    files: ['tests/**/*.ts'],
    rules: { '@typescript-eslint/unbound-method': 'off', '@typescript-eslint/require-await': 'off' },
  },
);
