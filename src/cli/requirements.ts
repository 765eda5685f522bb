// What the stages of a run require of the machine and the environment, held against what is there before anything runs.
// What is cached requires nothing.

import {type Diagnostic, mistake} from '../core/diagnostic.ts';
import type {Inability} from '../exec/executor.ts';
import {SHORTEST_SECRET} from '../exec/redaction.ts';
import type {ExecutorRouter} from '../exec/router.ts';
import type {Instance, Variable} from '../plan/plan.ts';
import type {Forecast} from '../run/forecast.ts';
import {wishOf} from '../run/resources.ts';
import type {PipelineSpec, StageSpec} from '../spec/spec.ts';
import type {Pipeline} from './pipeline.ts';

export interface Outside {
  readonly executors: ExecutorRouter;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The part of an instance that says what it requires: all instances of a stage have the same. */
type Demanding = Pick<Instance, 'resources' | 'sandbox' | 'env'> & {
  /** Its stage module; `null` for a command, and where it is not known. */
  readonly module: string | null;
};

const demandingOf = ({resources, sandbox, env, work}: Instance): Demanding => ({
  resources,
  sandbox,
  env,
  module: work.kind === 'module' ? work.path : null,
});

function lacksGpus(demanding: Demanding, {executors}: Outside): boolean {
  const {gpu} = demanding.resources;
  if (typeof gpu !== 'number' || gpu === 0) return false;
  const {isElastic, gpus} = executors.capabilitiesFor(wishOf(demanding));
  return !isElastic && gpu > gpus;
}

/** It works in the project's folder, and its pool is somewhere else. */
const isAway = (demanding: Demanding, {executors}: Outside): boolean =>
  demanding.sandbox === 'project' && executors.capabilitiesFor(wishOf(demanding)).isElastic;

/** What its pool can never run. */
function inabilityFor(demanding: Demanding, {executors}: Outside): Inability | undefined {
  const {cannot} = executors.capabilitiesFor(wishOf(demanding));
  const {module, env} = demanding;
  return cannot.find(each =>
    each === 'secrets'
      ? env.some(({isSecret}) => isSecret)
      : module !== null && /\.(?:py|ipynb)$/.test(module),
  );
}

/** Declared variables that are unset, or secrets that could not be kept out of what is written. */
const unsetFor = ({env}: Demanding, {env: set}: Outside): readonly Variable[] =>
  env.filter(({name, isOptional, isSecret}) => {
    const value = set[name];
    if (value === undefined || (isSecret && value === '')) return !isOptional;
    return isSecret && value.trim().length < SHORTEST_SECRET;
  });

const lacks = (demanding: Demanding, outside: Outside): boolean =>
  lacksGpus(demanding, outside) ||
  isAway(demanding, outside) ||
  inabilityFor(demanding, outside) !== undefined ||
  unsetFor(demanding, outside).length > 0;

/** Mistakes of a run that is `foreseen` to need what is not there. Foresees only where something lacks. */
export async function missingRequirements(
  {plan, spec}: Pipeline,
  outside: Outside,
  foresee: () => Promise<Forecast>,
): Promise<readonly Diagnostic[]> {
  if (!plan.instances.some(instance => lacks(demandingOf(instance), outside))) return [];
  const {plan: whole, predictions} = await foresee();
  const lacking = whole.instances.filter(instance => {
    const will = predictions.get(instance.id)?.will;
    return will !== undefined && will !== 'reuse' && lacks(demandingOf(instance), outside);
  });
  if (lacking.length === 0) return [];
  const {stages} = await spec();
  return [...new Map(lacking.map(instance => [instance.stage, instance])).values()].flatMap(instance => {
    const stage = stages.get(instance.stage);
    return stage ? mistakesOf(demandingOf(instance), stage, outside) : [];
  });
}

/**
 * The same of a pipeline that cannot be planned, so that all mistakes are told together. Whether a stage is cached is
 * not known there: one that has had a result is not asked. `pools` are the executors that there are.
 */
export const unplannedRequirements = (
  {stages}: PipelineSpec,
  pools: readonly string[],
  outside: Outside,
  hasRun: (stage: string) => boolean,
): readonly Diagnostic[] =>
  [...stages.values()].flatMap(stage => {
    const {resources, sandbox, env} = stage;
    const pool = resources.pool?.value ?? null;
    if (stage.isBroken || hasRun(stage.name.value) || (pool !== null && !pools.includes(pool))) return [];
    const variables = env.map(({value, isOptional, isSecret}) => ({name: value, isOptional, isSecret}));
    return mistakesOf(
      {
        resources: {...resources, pool},
        sandbox,
        env: variables,
        module: stage.work?.kind === 'module' ? stage.work.uses.value : null,
      },
      stage,
      outside,
    );
  });

function mistakesOf(demanding: Demanding, stage: StageSpec, outside: Outside): Diagnostic[] {
  const mistakes: Diagnostic[] = [];
  if (lacksGpus(demanding, outside)) {
    const {gpus} = outside.executors.capabilitiesFor(wishOf(demanding));
    const wanted = Number(demanding.resources.gpu);
    const message = `expected ${wanted} ${wanted === 1 ? 'GPU' : 'GPUs'}, but this machine has ${gpus}`;
    const hint = 'say `gpu: optional` where the stage can do without';
    mistakes.push(mistake('no-gpu', message, stage.gpuSpan ?? stage.name.span, {hint}));
  }
  if (isAway(demanding, outside)) {
    const span = stage.resources.pool?.span ?? stage.name.span;
    const message = `expected a pool on this machine for a stage with \`sandbox: project\`, got '${demanding.resources.pool}'`;
    const hint = 'declare what it reads (`files`, `code`) and leave `sandbox` out, or leave the pool out';
    mistakes.push(mistake('no-project', message, span, {hint}));
  }
  const inability = inabilityFor(demanding, outside);
  if (inability !== undefined) {
    const name = outside.executors.nameFor(wishOf(demanding));
    const span = stage.resources.pool?.span ?? stage.name.span;
    const message =
      inability === 'python'
        ? `expected a command or a stage in TypeScript for ${name}, got a stage in Python, whose packages are this machine's`
        : `expected a stage without secrets for ${name}, whose server would keep them in its store`;
    const hint = '`resources: {pool: NAME}` sends the stage to another executor, `pool: local` keeps it here';
    mistakes.push(mistake('cannot-run-there', message, span, {hint}));
  }
  for (const {name, isSecret} of unsetFor(demanding, outside)) {
    const span = stage.env.find(({value}) => value === name)?.span;
    const isShort = (outside.env[name] ?? '') !== '';
    const what = isSecret ? `the secret ${name}` : name;
    const message = isShort
      ? `expected ${what} to have at least ${SHORTEST_SECRET} characters: a shorter one cannot be told from other text, and so not be kept out of logs`
      : `expected the environment to set ${what}, got nothing`;
    const hint = isShort ? undefined : `set it, or say that it may be unset: "${name}?"`;
    mistakes.push(mistake('unset-environment', message, span, {hint}));
  }
  return mistakes;
}
