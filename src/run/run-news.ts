// Tells what happens: stamps events, writes outcomes into the ledger, publishes results on the way.

import type {Outcome} from '../action/outcome.ts';
import type {Diagnostic} from '../core/diagnostic.ts';
import type {Instance, InstanceId} from '../plan/plan.ts';
import type {BlobStore, RunRecorder} from '../store/store.ts';
import type {RunEvent} from './event.ts';
import type {Publisher} from './publication.ts';

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never;
export type News = Unstamped<RunEvent>;

export interface NewsOptions {
  readonly now: () => number;
  readonly onEvent: (event: RunEvent) => void;
  readonly recorder: RunRecorder;
  readonly publisher: Publisher;
  readonly blobs: BlobStore;
  readonly replayLogs: boolean;
}

export class RunNews {
  readonly #options: NewsOptions;

  constructor(options: NewsOptions) {
    this.#options = options;
  }

  emit(news: News): void {
    this.#options.onEvent({at: this.#options.now(), ...news} as RunEvent);
  }

  notice(message: string, id: InstanceId | null): void {
    this.emit({type: 'notice', message, id});
  }

  /** An instance has its outcome. Mistakes that publishing finds go into `diagnostics`. */
  async finished(instance: Instance, outcome: Outcome, diagnostics: Diagnostic[]): Promise<void> {
    const {id} = instance;
    this.#options.recorder.finished(id, outcome, this.#options.now());
    if (outcome.status === 'cached' && this.#options.replayLogs) await this.#replay(id, outcome.result.log);
    this.emit({type: 'finished', id, outcome});
    if (instance.publish === null || (outcome.status !== 'executed' && outcome.status !== 'cached')) return;
    const published = await this.#options.publisher.publish(instance, instance.publish, outcome.result);
    if (!published.ok) {
      diagnostics.push(published.error);
      return this.emit({type: 'diagnosed', diagnostics: [published.error]});
    }
    const {to, files, changed, edited} = published.value;
    for (const [path, aside] of edited) {
      this.notice(`${path} was edited since it was published; the edited file is kept as ${aside}`, id);
    }
    if (changed > 0) this.emit({type: 'published', id, to, files, restored: outcome.status === 'cached'});
  }

  async #replay(id: InstanceId, log: Parameters<BlobStore['read']>[0]): Promise<void> {
    await this.#options.blobs.bringBlob(log);
    const text = this.#options.blobs.read(log);
    if (!text.ok) this.notice(`the log of ${id} is no longer in the store`, id);
    else if (text.value.length > 0) this.emit({type: 'replayed', id, text: text.value.toString('utf8')});
  }
}
