/** Evaluation of expressions in a kernel, without a cell and without touching the user's namespace. */

import type { Kernel, KernelMessage } from '@jupyterlab/services';

import { CallError } from '../core/host/channel';
import { t } from '../core/strings';

type Shown = { status: string; data?: Record<string, unknown>; ename?: string; evalue?: string };

/** Evaluate an expression and return its `application/json`; reject with a CallError. */
export async function evaluate<T>(kernel: Kernel.IKernelConnection, expression: string): Promise<T> {
  const content: KernelMessage.IExecuteRequestMsg['content'] = {
    code: '',
    silent: true,
    store_history: false,
    allow_stdin: false,
    user_expressions: { value: expression },
  };
  const { content: reply } = await kernel.requestExecute(content, true).done;
  const value = reply.status === 'ok' ? (reply.user_expressions['value'] as unknown as Shown | undefined) : undefined;
  if (value?.status === 'ok' && value.data) return value.data['application/json'] as T;
  const failure: Shown = value ?? reply;
  throw new CallError(
    failure.ename
      ? t('common.kernel_failed', { name: failure.ename, message: failure.evalue ?? '' })
      : t('common.kernel_no_answer'),
    t('common.kernel_package'),
    t('common.kernel_package_remedy'),
  );
}

/** Expression, in ASCII, that calls one of our functions with one argument. */
export function expression(module: string, name: string, argument: unknown): string {
  // Escaped inside the JSON, because JSON joins surrogate pairs and a Python literal does not.
  const json = JSON.stringify(argument).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `__import__(${JSON.stringify(module)}, fromlist=["_"]).${name}(${JSON.stringify(json)})`;
}
