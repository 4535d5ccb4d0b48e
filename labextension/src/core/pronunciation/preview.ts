/** Previews of a reading by the kernel: as text, and as audio that the player plays. */

import type { Bus, Host } from '../host/host';
import { isBusy } from '../host/traits';
import { t } from '../strings';
import { button, relabel, type Failures } from '../ui/elements';

/** A reading that is tried out, before it is saved. */
export interface Trial {
  turn: string;
  word?: string | null;
  reading?: string | null;
}

/** A text in a reply; empty if there is none. */
export function textIn(result: Record<string, unknown>, name: string): string {
  const value = result[name];
  return typeof value === 'string' ? value : '';
}

const PAUSE_MS = 200; // pause in typing after which the text is requested

/** Text of a turn as it will be read, requested after a pause in typing; an earlier answer is dropped. */
export class ReadingText {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private run = 0;

  constructor(
    private readonly host: Host,
    private readonly show: (text: string) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  request(trial: Trial | null, delay = PAUSE_MS): void {
    clearTimeout(this.timer);
    this.run += 1;
    const mine = this.run;
    if (!trial) return this.show('');
    const ask = async (): Promise<void> => {
      try {
        const { result } = await this.host.channel.call('read_as', trial);
        if (mine === this.run) this.show(textIn(result, 'text'));
      } catch (error) {
        if (mine === this.run) this.fail(error);
      }
    };
    this.timer = setTimeout(() => void ask(), delay);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.run += 1;
  }
}

/** Button that generates a word and its turn, and plays them; while it generates, it stops. */
export class HearButton {
  readonly element: HTMLButtonElement;
  private run = 0;
  private running = false;

  constructor(
    private readonly host: Host,
    private readonly bus: Bus,
    private readonly failures: Failures,
    private readonly trial: () => (Trial & { words?: string | null }) | null,
  ) {
    this.element = button({
      label: t('say.hear'),
      icon: 'play',
      title: t('say.hear_hint'),
      onclick: () => (this.running ? this.stop() : void this.hear()),
    });
    this.update();
  }

  update(): void {
    relabel(this.element, this.running ? t('common.stop') : t('say.hear'), this.running ? 'stop' : 'play');
    const busy = isBusy(this.host.get('job'));
    this.element.disabled = busy || !(this.running || this.trial());
    this.element.title = busy ? t('editor.generating') : this.running ? '' : t('say.hear_hint');
    this.element.toggleAttribute('data-busy', this.running);
  }

  stop(): void {
    this.run += 1;
    if (!this.running) return;
    this.running = false;
    this.host.channel.call('stop_hearing', {}).catch(() => undefined); // a lost kernel generates nothing
    this.update();
  }

  private async hear(): Promise<void> {
    const trial = this.trial();
    if (!trial) return;
    const mine = (this.run += 1);
    this.running = true;
    this.update();
    await this.failures.during(async () => {
      try {
        const { result } = await this.host.channel.call('hear', trial);
        const source = textIn(result, 'source');
        if (mine === this.run && source) this.bus.emit('audition', { source, autoplay: true });
      } finally {
        if (mine === this.run) this.running = false;
        this.update();
      }
    });
  }
}
