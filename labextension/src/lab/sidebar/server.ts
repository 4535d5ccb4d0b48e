/** The server's part of the sidebar: projects and voices, listed and read without a kernel. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { SAMPLE_RATE } from '../../core/audio/resample';
import { CallError } from '../../core/host/channel';
import type { Home } from '../../core/host/traits';
import { t } from '../../core/strings';

/** The list; null before the first answer. */
export type Listed = Home | null;

export class HomeServer {
  /** Duration of the last request, milliseconds. */
  took = 0;
  private now: Listed = null;
  private running: Promise<void> | null = null;
  private again: string | null = null;
  private readonly watchers = new Set<(home: Listed) => void>();

  constructor(private readonly settings: ServerConnection.ISettings) {}

  get home(): Listed {
    return this.now;
  }

  /** Call back now and after every change; return a function that stops it. */
  watch(callback: (home: Listed) => void): () => void {
    this.watchers.add(callback);
    callback(this.now);
    return () => this.watchers.delete(callback);
  }

  /** List anew, `folder` first; requests during another one are joined into the next. */
  refresh(folder: string): Promise<void> {
    if (this.running) {
      this.again = folder;
      return this.running;
    }
    this.running = this.list(folder).finally(() => (this.running = null));
    return this.running;
  }

  private async list(folder: string): Promise<void> {
    let next: string | null = folder;
    while (next !== null) {
      this.again = null;
      const began = performance.now();
      const answer = await this.get('home', { folder: next });
      this.now = (await answer.json()) as Home;
      this.took = performance.now() - began;
      for (const callback of [...this.watchers]) callback(this.now);
      next = this.again;
    }
  }

  /** A voice's recording, float32 at 24 kHz. */
  async voice(name: string): Promise<Float32Array<ArrayBuffer>> {
    const answer = await this.get('voice', { name });
    const decoder = new OfflineAudioContext(1, 1, SAMPLE_RATE);
    return (await decoder.decodeAudioData(await answer.arrayBuffer())).getChannelData(0);
  }

  private async get(route: string, query: Record<string, string>): Promise<Response> {
    const { settings } = this;
    const url = URLExt.join(settings.baseUrl, 'vibevoice', route) + URLExt.objectToQueryString(query);
    const answer = await ServerConnection.makeRequest(url, { cache: 'no-store' }, settings);
    if (answer.ok) return answer;
    if (answer.status === 404 && route === 'home')
      throw new CallError(t('lab.server_missing'), t('lab.server_expected'), t('lab.server_remedy'));
    throw new CallError(
      t('lab.server_failed', { status: `${answer.status} ${answer.statusText}`.trim() }),
      '',
      t('lab.server_failed_remedy'),
    );
  }
}
