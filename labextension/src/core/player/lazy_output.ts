/** Audio output, opened at the first user gesture: browsers start no audio without one. */

import { Output } from '../audio/output';

export class LazyOutput {
  private opened: Output | null = null;
  private opening: Promise<Output | null> | null = null;
  private disposed = false;
  private level = 1;

  constructor(
    private readonly ontick: () => void,
    private readonly onfailure: (error: unknown) => void,
  ) {}

  /** The output, once it is open. */
  get current(): Output | null {
    return this.opened;
  }

  get volume(): number {
    return this.level;
  }

  set volume(value: number) {
    this.level = value;
    if (this.opened) this.opened.volume = value;
  }

  /** Open the output, or resume it; call this within a click or a key press. Null if the browser cannot. */
  open(): Promise<Output | null> {
    this.opening ??= Output.open({ ontick: this.ontick }).then(
      (output) => {
        this.opened = output;
        output.volume = this.level;
        if (this.disposed) void output.close();
        return output;
      },
      (error: unknown) => {
        this.opening = null;
        this.onfailure(error);
        return null;
      },
    );
    void this.opened?.context.resume();
    return this.opening;
  }

  dispose(): void {
    this.disposed = true;
    void this.opened?.close();
  }
}
