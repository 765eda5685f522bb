// What is worth a line of its own during a run, in the order in which it happens; the same lines above the live
// display and where there is no terminal. Cached instances are folded into one line per stage.

import {explainStaleness} from '../action/explain.ts';
import type {Outcome} from '../action/outcome.ts';
import {type Diagnostic, renderDiagnostic} from '../core/diagnostic.ts';
import type {Metrics} from '../core/metric.ts';
import {printable} from '../core/printable.ts';
import {assertNever} from '../core/result.ts';
import type {InstanceId} from '../plan/plan.ts';
import type {RunEvent} from '../run/event.ts';
import {auditLines} from './audit-text.ts';
import {describeFailure} from './failure.ts';
import {formatDuration, formatNumber, plural} from './format.ts';
import type {Palette} from './palette.ts';
import {withPrefix} from './prediction-lines.ts';
import {type RunState, settledCount} from './run-state.ts';

export interface LineOptions {
  readonly palette: Palette;
  /** Say when an instance starts; a live display shows that by itself. */
  readonly announcesStarts: boolean;
  /** Print what stages write, each line behind its instance's id. */
  readonly showsLogs: boolean;
}

/** More stages than this that are cached in a row are folded into a single line. */
const FOLD_STAGES = 12;
/** Of the changes that made an instance run; `pipe why` has them all. */
const REASONS_SHOWN = 1;
/** Of those that the pipeline looks at. */
const METRICS_SHOWN = 2;

export class LineComposer {
  readonly #state: RunState;
  readonly #options: LineOptions;
  /** Stages of which everything is settled and something was cached, not yet printed. */
  #folded: {stage: string; cached: number}[] = [];
  /** The last reason told, by stage. */
  readonly #reasons = new Map<string, string>();

  constructor(state: RunState, options: LineOptions) {
    this.#state = state;
    this.#options = options;
  }

  /** The lines that `event` is worth; to be called after the state has taken the event. */
  compose(event: RunEvent): string[] {
    if (event.type === 'finished') this.#fold(event.id);
    const lines = this.#linesOf(event);
    if (lines.length === 0 && event.type !== 'run-finished') return [];
    return [...this.flush(), ...lines];
  }

  #linesOf(event: RunEvent): string[] {
    const {palette} = this.#options;
    switch (event.type) {
      case 'started': {
        if (!this.#options.announcesStarts) return [];
        const why = withPrefix(explainStaleness(event.stale), event.prefix);
        return [`${palette.running('▸')} ${palette.name(event.id)}${reasonOf(why, palette)}`];
      }
      case 'finished':
        return this.#finished(event.id, event.outcome);
      case 'retrying':
        return [
          `${palette.warning('↻')} ${palette.name(event.id)} ${describeFailure(event.failure)}; ` +
            `attempt ${event.attempt + 1} in ${formatDuration(event.inMs)}`,
        ];
      case 'waiting':
        return this.#options.announcesStarts
          ? [
              `${palette.dim('…')} ${palette.name(event.id)} is being made by another run (process ${event.pid})`,
            ]
          : [];
      case 'log':
        return this.#options.showsLogs ? this.#logLines(event.id, event.text) : [];
      case 'replayed':
        return this.#logLines(event.id, event.text);
      case 'published':
        return event.restored
          ? [`${palette.cached('●')} ${palette.name(event.to)} restored, ${plural(event.files, 'file')}`]
          : [];
      case 'notice':
        return [`${palette.warning('!')} ${noticeText(event.id, event.message, palette)}`];
      case 'audited':
        return [
          `${palette.running('◇')} ${palette.name(event.id)} ${palette.dim('looked at')}`,
          ...auditLines(event.audit, this.#isShell(event.id), palette).map(line => `  ${line}`),
        ];
      case 'diagnosed':
        return event.diagnostics.flatMap(diagnostic => this.#diagnosed(diagnostic));
      case 'stopping':
        return [this.#stopping(event.how)];
      case 'planned':
      case 'expanded':
      case 'placed':
      case 'room':
      case 'progress':
      case 'run-finished':
        return [];
      default:
        return assertNever(event);
    }
  }

  #isShell(id: InstanceId): boolean {
    return this.#state.instance(id)?.work.kind === 'shell';
  }

  #finished(id: InstanceId, outcome: Outcome): string[] {
    const {palette} = this.#options;
    switch (outcome.status) {
      case 'executed': {
        const why = this.#options.announcesStarts ? '' : this.#news(id, outcome);
        const same = outcome.sameBytes ? palette.cached('  = unchanged output') : '';
        const tries = outcome.attempts > 1 ? palette.dim(`  attempt ${outcome.attempts}`) : '';
        const took = palette.dim(formatDuration(outcome.result.made.durationMs));
        const looked = this.#metricsOf(outcome.result.metrics);
        return [
          `${palette.done('✓')} ${palette.name(id)}  ${took}${looked}${tries}${same}${reasonOf(why, palette)}`,
        ];
      }
      case 'failed':
        return [
          `${palette.failed('✗')} ${palette.name(id)}  ${palette.failed(firstLine(describeFailure(outcome.failure)))}`,
        ];
      case 'cached':
        return outcome.shared
          ? [`${palette.cached('●')} ${palette.name(id)}  ${palette.dim('made by another run meanwhile')}`]
          : [];
      case 'skipped':
      case 'cancelled':
        return [];
      default:
        return assertNever(outcome);
    }
  }

  /** What the pipeline looks at, where this instance gave it. */
  #metricsOf(metrics: Metrics): string {
    const chosen = this.#state.chosenMetrics.filter(name => metrics[name] !== undefined);
    const texts = chosen
      .slice(0, METRICS_SHOWN)
      .map(name => `${printable(name)} ${formatNumber(metrics[name] ?? 0)}`);
    return texts.length === 0 ? '' : `  ${texts.join('  ')}`;
  }

  /** Why an instance ran, shortly; empty where the one before it of the same stage ran for the same reason. */
  #news(id: InstanceId, {stale, result}: Extract<Outcome, {status: 'executed'}>): string {
    const stage = this.#state.instance(id)?.stage ?? id;
    const why = withPrefix(explainStaleness(stale, REASONS_SHOWN), result.made.continued);
    if (this.#reasons.get(stage) === why) return '';
    this.#reasons.set(stage, why);
    return why;
  }

  #fold(id: InstanceId): void {
    const stage = this.#state.instance(id)?.stage;
    const tally = stage === undefined ? undefined : this.#state.stages.get(stage);
    if (!tally || tally.counts.cached === 0 || settledCount(tally.counts) < tally.total) return;
    this.#folded.push({stage: tally.stage, cached: tally.counts.cached});
  }

  /** The stages that turned out to be cached since the last line. */
  flush(): string[] {
    const {palette} = this.#options;
    const folded = this.#folded;
    this.#folded = [];
    if (folded.length > FOLD_STAGES) {
      const cached = folded.reduce((sum, {cached}) => sum + cached, 0);
      const what = `${plural(folded.length, 'stage')}, ${plural(cached, 'instance')} cached`;
      return [`${palette.cached('●')} ${palette.dim(what)}`];
    }
    return folded.map(({stage, cached}) => {
      const total = this.#state.stages.get(stage)?.total ?? cached;
      const what = total === 1 ? 'cached' : `${cached} cached`;
      return `${palette.cached('●')} ${stage} ${palette.dim(what)}`;
    });
  }

  #logLines(id: InstanceId, text: string): string[] {
    const head = this.#options.palette.dim(`${id} |`);
    return text
      .replace(/\n$/, '')
      .split('\n')
      .map(line => `${head} ${line.replace(/\r$/, '').replace(/^.*\r/, '')}`);
  }

  #diagnosed(diagnostic: Diagnostic): string[] {
    return renderDiagnostic(diagnostic, this.#options.palette.diagnostic).split('\n');
  }

  #stopping(how: 'draining' | 'killing'): string {
    const {palette} = this.#options;
    const running = plural(this.#state.running.size, 'instance');
    return how === 'draining'
      ? `${palette.warning('■')} stopping: ${running} may finish; press Ctrl-C again to stop at once`
      : `${palette.warning('■')} stopping ${running} at once`;
  }
}

const reasonOf = (why: string, palette: Palette): string =>
  why === '' ? '' : `  ${palette.dim(`(${why})`)}`;

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

/** Of whom it is, unless it says so itself. */
function noticeText(id: string | null, message: string, palette: Palette): string {
  if (id === null) return message;
  if (message.startsWith(`${id} `)) return `${palette.name(id)}${message.slice(id.length)}`;
  return message.includes(` ${id} `) ? message : `${palette.name(id)} ${message}`;
}
