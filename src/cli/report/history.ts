// What the ledger says about how results came to be: the last run in numbers, and the command lines that made them.

import type {Plan} from '../../plan/plan.ts';
import {quoteArgument} from '../../report/failure.ts';
import type {CommandFacts, InstanceFacts, RunFacts} from '../../report/page/facts.ts';
import type {Ledger} from '../../store/ledger/ledger.ts';
import type {RunRecord} from '../../store/ledger/run-record.ts';
import type {Options} from '../shell.ts';

/** Runs that are named among the commands. */
const RUNS_NAMED = 8;

/** The newest run of this pipeline. */
export function gatherLastRun(ledger: Ledger, {pipeline}: Plan): RunFacts | null {
  for (const record of ledger.runs()) {
    if (record.header.pipeline === pipeline) return factsOf(record);
  }
  return null;
}

function factsOf({header, instances, end}: RunRecord): RunFacts {
  const counts = {executed: 0, cached: 0, failed: 0, others: 0};
  for (const entry of instances.values()) {
    if (entry.status === 'known') counts.cached++;
    else if (entry.status === 'unfinished') counts.others++;
    else {
      const {status} = entry.outcome;
      if (status === 'executed' || status === 'cached' || status === 'failed') counts[status]++;
      else counts.others++;
    }
  }
  return {run: header.run, startedAt: header.startedAt, durationMs: end?.durationMs ?? null, ...counts};
}

/** One command that makes everything again, then those that made what is shown, in the order in which they ran. */
export function gatherCommands(
  ledger: Ledger,
  plan: Plan,
  instances: readonly InstanceFacts[],
  options: Options,
): CommandFacts[] {
  const planning = [
    ...(options.profile === undefined ? [] : ['--profile', options.profile]),
    ...(options.set ?? []).flatMap(change => ['--set', change]),
  ];
  const command = (...words: string[]): string => ['pipe', ...words].map(quoteArgument).join(' ');
  const runs = new Map<string, number>();
  for (const {made} of instances) if (made !== null) runs.set(made.run, (runs.get(made.run) ?? 0) + 1);
  const made = [...runs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(-RUNS_NAMED)
    .flatMap(([run, count]): CommandFacts[] => {
      const header = ledger.run(run)?.header;
      if (header === undefined) return [];
      return [
        {
          command: command(...header.argv),
          about: `Run ${run} on ${header.host} made ${count} of the ${instances.length} results shown here.`,
        },
      ];
    });
  return [
    {
      command: command('run', plan.file, ...planning),
      about:
        'To make what is shown here: from an empty cache all of it, otherwise only what has changed since.',
    },
    {
      command: command('reproduce', plan.file, ...planning),
      about: 'To make all of it from nothing and to compare it with the lock file, digest by digest.',
    },
    {
      command: command('report', plan.file, ...planning),
      about: 'To write this page from the results.',
    },
    ...made,
  ];
}
