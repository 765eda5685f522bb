// Plans kept between runs. Reading YAML and loading declarations takes most of a run in which nothing is to do, so a
// plan is kept with everything that it was made from, and is used again only while all of that is the same.

import {join} from 'node:path';
import {type Diagnostic, warning} from '../core/diagnostic.ts';
import {type Digest, digestBytes, digestJson} from '../core/digest.ts';
import {canonicalJson, type Json} from '../core/json.ts';
import {writeAtomically} from '../host/atomic-file.ts';
import {checkedText, withChecksum} from '../host/checked-text.ts';
import {readStoreFile} from '../host/store-file.ts';
import {hasCode} from '../host/system-error.ts';
import type {Plan} from '../plan/plan.ts';
import type {PlanFiles} from '../plan/plan-files.ts';
import type {CodeSource} from '../run/stores.ts';
import type {TreeCache} from '../spec/read-pipeline.ts';
import {type Answers, isStillSo} from './disk-files.ts';
import {type SiblingTexts, siblingTexts} from './sibling-pipelines.ts';
import {findStageModule, type StageFolders} from './stage-modules.ts';

/** What was asked: the same question may find its answer again. */
export interface PlanQuestion {
  /** The pipeline file, relative to the project. */
  readonly file: string;
  readonly profile: string | null;
  readonly set: readonly string[];
  /** Names of the executors that stages may name. */
  readonly pools: readonly string[];
}

/** What a plan was made from. */
export interface PlanSources {
  readonly text: Digest;
  /** By what `uses` says: the module that was found, and its code with the versions of its packages. */
  readonly modules: Readonly<Record<string, {readonly path: string; readonly code: Json}>>;
  /** What was asked of the project's files. */
  readonly answers: Answers;
  /** The other pipelines of the project, where this one publishes. */
  readonly siblings: SiblingTexts | null;
  /** Files that stages made and the plan read. */
  readonly files: Readonly<Record<string, Digest>>;
}

interface Entry {
  readonly format: string;
  readonly sources: PlanSources;
  readonly plan: Plan;
  readonly warnings: readonly KeptWarning[];
}

/** A warning whose place is in the pipeline's own text. */
type KeptWarning = Pick<Diagnostic, 'code' | 'message'> & {
  readonly hint: string | null;
  readonly start: number;
  readonly end: number;
};

export interface KeptPlan {
  readonly plan: Plan;
  readonly warnings: readonly Diagnostic[];
}

export class PlanCache {
  readonly #folder: string;
  readonly #folders: StageFolders;
  readonly #code: CodeSource;
  readonly #build: string | null;

  /** `build` names this build of `pipe`; `null` for none, when nothing is ever kept. */
  constructor(store: string, folders: StageFolders, code: CodeSource, build: string | null) {
    this.#folder = join(store, 'plans');
    this.#folders = folders;
    this.#code = code;
    this.#build = build;
  }

  /** The plan for this question, text and files, if everything that it was made from is as it was. */
  async find(question: PlanQuestion, text: string, files: PlanFiles): Promise<KeptPlan | undefined> {
    if (this.#build === null) return undefined;
    const entry = this.#read(question, files);
    if (entry === undefined || entry.format !== this.#build) return undefined;
    const {sources} = entry;
    if (sources.text !== digestBytes(text)) return undefined;
    for (const [name, {digest}] of files) if (sources.files[name] !== digest) return undefined;
    const {project} = this.#folders;
    if (!isStillSo(project, sources.answers)) return undefined;
    if (sources.siblings !== null) {
      const now = siblingTexts(project, question.file);
      if (canonicalJson(now) !== canonicalJson(sources.siblings)) return undefined;
    }
    for (const [uses, {path, code}] of Object.entries(sources.modules)) {
      if (findStageModule(uses, this.#folders) !== path) return undefined;
      const now = await this.#code.codeOf(path);
      if (!now.ok || JSON.stringify(codeJson(now.value)) !== JSON.stringify(code)) return undefined;
    }
    const source = {path: question.file, text};
    const warnings = entry.warnings.map(({code, message, hint, start, end}) =>
      warning(code, message, {file: source, start, end}, {hint: hint ?? undefined}),
    );
    return {plan: entry.plan, warnings};
  }

  /** Keeps a plan. Failing to write is no failure: the next run plans again. */
  async keep(
    question: PlanQuestion,
    text: string,
    files: PlanFiles,
    sources: Observed,
    {plan, warnings}: KeptPlan,
  ): Promise<void> {
    if (this.#build === null) return;
    const modules: Record<string, {path: string; code: Json}> = {};
    for (const [uses, path] of sources.modules) {
      const code = await this.#code.codeOf(path);
      if (!code.ok) return;
      modules[uses] = {path, code: codeJson(code.value)};
    }
    const entry: Entry = {
      format: this.#build,
      sources: {
        text: digestBytes(text),
        modules,
        answers: sources.answers,
        siblings: sources.siblings,
        files: Object.fromEntries([...files].map(([name, {digest}]) => [name, digest])),
      },
      plan,
      warnings: warnings.flatMap(({code, message, span, hint}) =>
        span ? [{code, message, hint: hint ?? null, start: span.start, end: span.end}] : [],
      ),
    };
    try {
      writeAtomically(this.#pathOf(question, files), withChecksum(JSON.stringify(entry)));
    } catch (error) {
      if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS')) throw error;
    }
  }

  #read(question: PlanQuestion, files: PlanFiles): Entry | undefined {
    try {
      const text = checkedText(readStoreFile(this.#pathOf(question, files)));
      return text === undefined ? undefined : (JSON.parse(text) as Entry);
    } catch (error) {
      if (hasCode(error, 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** One place per question and set of files, so that a file with other contents takes the place of the one before. */
  #pathOf({file, profile, set, pools}: PlanQuestion, files: PlanFiles): string {
    const asked = {file, profile, set: [...set], pools: [...pools], files: [...files.keys()]};
    return join(this.#folder, `${digestJson('plan', asked)}.json`);
  }
}

/** What planning looked at, noted while it did. */
export interface Observed {
  readonly modules: ReadonlyMap<string, string>;
  readonly answers: Answers;
  readonly siblings: SiblingTexts | null;
}

const codeJson = ({
  code,
  packages,
}: {
  readonly code: string;
  readonly packages: Readonly<Record<string, string>>;
}): Json => ({
  code,
  packages,
});

/** Parsed texts on disk: with `--set` and `--profile`, and after an edit of code, the YAML is not parsed again. */
export function diskTrees(store: string): TreeCache {
  const pathOf = (key: string): string => join(store, 'plans', `${key}.tree`);
  return {
    get(key) {
      try {
        return checkedText(readStoreFile(pathOf(key)));
      } catch (error) {
        if (hasCode(error, 'ENOTDIR')) return undefined;
        throw error;
      }
    },
    set(key, text) {
      try {
        writeAtomically(pathOf(key), withChecksum(text));
      } catch (error) {
        if (!hasCode(error, 'ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS')) throw error;
      }
    },
  };
}
