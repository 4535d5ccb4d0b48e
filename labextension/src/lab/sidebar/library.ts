/** Library kernel: one for the whole page, started when first needed and found again after a reload. */

import type { Kernel, ServiceManager, Session } from '@jupyterlab/services';

import { CallError } from '../../core/host/channel';
import { t } from '../../core/strings';
import { CommHost } from '../comm_host';

const PATH = 'VibeVoice';
const TYPE = 'vibevoice';

export class Library {
  readonly host: CommHost;
  private session: Session.ISessionConnection | null = null;
  private opening: Promise<CommHost> | null = null;

  constructor(
    private readonly services: ServiceManager.IManager,
    whenLost: string,
  ) {
    this.host = new CommHost(whenLost);
  }

  /** Return the host once a kernel has answered; reject with the failure. */
  ready(): Promise<CommHost> {
    this.opening ??= this.open().catch((error: unknown) => {
      this.opening = null;
      throw error;
    });
    return this.opening;
  }

  private async open(): Promise<CommHost> {
    const { sessions, kernelspecs } = this.services;
    await Promise.all([sessions.ready, kernelspecs.ready]);
    await sessions.refreshRunning();
    const found = [...sessions.running()].find(({ path, type }) => path === PATH && type === TYPE);
    const specs = kernelspecs.specs;
    const python = Object.values(specs?.kernelspecs ?? {}).find((spec) => spec?.language === 'python')?.name;
    const name = specs?.kernelspecs[specs.default]?.language === 'python' ? specs.default : python;
    if (!found && !name)
      throw new CallError(t('lab.no_python'), t('lab.no_python_expected'), t('lab.no_python_remedy'));
    const session = found
      ? sessions.connectTo({ model: found })
      : await sessions.startNew({ path: PATH, name: PATH, type: TYPE, kernel: { name: name! } });
    this.session?.dispose();
    this.session = session;
    session.statusChanged.connect(this.statusChanged, this);
    session.disposed.connect(this.lost, this);
    await this.host.attach(session.kernel!, { view: 'library' });
    return this.host;
  }

  private statusChanged(_: unknown, status: Kernel.Status): void {
    if (['restarting', 'autorestarting', 'terminating', 'dead'].includes(status)) this.lost();
  }

  private lost(): void {
    this.opening = null;
    this.host.detach();
  }
}
