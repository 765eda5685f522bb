// Studies of shell stages that are drawn at random, and edits of them. Stages are told apart by their number, which no
// edit changes: a renamed stage runs the same command. All values are drawn from few, so that edits undo one another.

import fc from 'fast-check';

/** `text`: one output of the producer instead of all of them. */
export interface StudyInput {
  readonly kind: 'one' | 'each';
  readonly of: number;
  readonly text: boolean;
}

export interface StudyStage {
  readonly number: number;
  readonly name: string;
  readonly p: number;
  readonly x: readonly number[];
  readonly y: readonly string[];
  readonly inputs: readonly StudyInput[];
  /** A stage whose `best` gives the parameter `q`. */
  readonly chooser: number | null;
  readonly after: number | null;
  readonly file: number | null;
  readonly tool: number | null;
  /** `coarse`: one of two texts, whatever goes in, so that what is below stays as it is. `tree`: a folder as well. */
  readonly gives: 'fine' | 'coarse' | 'tree';
  /** `some`: fails for a quarter of what it may be given. `flaky`: fails the first time that it sees something. */
  readonly fails: 'never' | 'some' | 'flaky';
  readonly publishes: boolean;
  readonly salt: number;
}

export interface Study {
  readonly stages: readonly StudyStage[];
  /** Contents of `data/N.txt` and `tools/N.sh`. */
  readonly files: readonly number[];
  readonly tools: readonly number[];
  readonly isReversed: boolean;
}

/** Numbers that an edit is made of; what each means depends on the study that it meets. */
export interface Draw {
  readonly kind: EditKind;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const editKinds = [
  'nothing',
  'parameter',
  'file',
  'tool',
  'axis',
  'input',
  'add',
  'remove',
  'rename',
  'gives',
  'fails',
  'publish',
  'salt',
  'after',
  'chooser',
  'order',
] as const;
type EditKind = (typeof editKinds)[number];

export const edits: fc.Arbitrary<Draw> = fc.record({
  kind: fc.constantFrom(...editKinds),
  a: fc.nat(1000),
  b: fc.nat(1000),
  c: fc.nat(1000),
});

export const studies: fc.Arbitrary<Study> = fc
  .array(fc.array(edits, {minLength: 1, maxLength: 5}), {minLength: 1, maxLength: 5})
  .map(all => {
    let study: Study = {stages: [], files: [0, 1], tools: [0], isReversed: false};
    for (const draws of all) {
      study = editStudy(study, {kind: 'add', a: draws[0]?.a ?? 0, b: draws[0]?.b ?? 0, c: draws[0]?.c ?? 0});
      const last = study.stages.length - 1;
      // Aimed at the stage that was just added.
      for (const draw of draws) if (aims.has(draw.kind)) study = editStudy(study, {...draw, a: last});
    }
    return study;
  });

const aims: ReadonlySet<EditKind> = new Set([
  'parameter',
  'axis',
  'input',
  'gives',
  'fails',
  'publish',
  'after',
  'chooser',
  'file',
  'tool',
]); // prettier-ignore

const mostStages = 6;

/** `a` picks the stage, `b` and `c` what becomes of it. */
export function editStudy(study: Study, {kind, a, b, c}: Draw): Study {
  const {stages} = study;
  if (kind === 'add') return stages.length < mostStages ? addStage(study, b) : study;
  const at = a % Math.max(1, stages.length);
  const stage = stages[at];
  if (stage === undefined) return study;
  const above = stages.slice(0, at).map(({number}) => number);
  const pick = above.length === 0 ? null : (above[b % above.length] ?? null);
  const change = (changed: Partial<StudyStage>): Study => ({
    ...study,
    stages: stages.map(each => (each === stage ? {...each, ...changed} : each)),
  });
  switch (kind) {
    case 'nothing':
      return study;
    case 'parameter':
      return change({p: b % 3});
    case 'file':
      if (c % 2 === 0) return change({file: b % 3 === 2 ? null : b % 3});
      return {...study, files: study.files.map((content, n) => (n === b % 2 ? c % 3 : content))};
    case 'tool':
      if (c % 2 === 0) return change({tool: b % 2 === 1 ? null : 0});
      return {...study, tools: [c % 3]};
    case 'axis':
      return c % 2 === 0
        ? change({x: [1, 2, 3].filter(value => ((b >> value) & 1) === 1)})
        : change({y: ['u', 'v'].filter((_, n) => ((b >> n) & 1) === 1)});
    case 'input': {
      if (pick === null) return study;
      const others = stage.inputs.filter(({of}) => of !== pick);
      if (c % 4 === 0) return change({inputs: others});
      const input: StudyInput = {kind: c % 4 === 1 ? 'one' : 'each', of: pick, text: c % 3 === 0};
      return change({inputs: [...others, input].slice(-2)});
    }
    case 'remove': {
      const {number} = stage;
      const kept = stages.filter(each => each !== stage);
      return {
        ...study,
        stages: kept.map(each => ({
          ...each,
          inputs: each.inputs.filter(({of}) => of !== number),
          chooser: each.chooser === number ? null : each.chooser,
          after: each.after === number ? null : each.after,
        })),
      };
    }
    case 'rename':
      return change({name: `${'klm'[b % 3]}${stage.number}`});
    case 'gives':
      return change({gives: (['fine', 'coarse', 'tree'] as const)[b % 3] ?? 'fine'});
    case 'fails':
      return change({fails: (['never', 'never', 'some', 'flaky'] as const)[b % 4] ?? 'never'});
    case 'publish':
      return change({publishes: b % 2 === 0});
    case 'salt':
      return change({salt: b % 2});
    case 'after':
      return change({after: c % 2 === 0 ? null : pick});
    case 'chooser':
      return change({chooser: c % 2 === 0 ? null : pick});
    case 'order':
      return {...study, isReversed: !study.isReversed};
  }
}

/** The smallest number that is free, so that a stage which is removed may come back. */
function addStage(study: Study, draw: number): Study {
  const taken = new Set(study.stages.map(({number}) => number));
  let number = 0;
  while (taken.has(number)) number++;
  const above = study.stages.at(-1);
  const stage: StudyStage = {
    number,
    name: `s${number}`,
    p: draw % 3,
    x: [],
    y: [],
    inputs:
      above === undefined ? [] : [{kind: draw % 2 === 0 ? 'one' : 'each', of: above.number, text: false}],
    chooser: null,
    after: null,
    file: null,
    tool: null,
    gives: 'fine',
    fails: 'never',
    publishes: draw % 3 === 0,
    salt: 0,
  };
  return {...study, stages: [...study.stages, stage]};
}

export const contentOf = (n: number): string => `content ${n}\n`;
export const toolOf = (n: number): string => `echo tool ${n}\n`;

/** What each command says that ran well, one line, into this file of the folder beside the project. */
export const RAN = 'ran';

/** `outside`: a folder that all commands write to, which no run knows of. */
export function commandOf(stage: StudyStage, outside: string): string {
  const said = [
    `echo "stage ${stage.number} p=$p${stage.x.length > 0 ? ' x=$x' : ''}${stage.y.length > 0 ? ' y=$y' : ''}${stage.chooser === null ? '' : ' q=$q'}"`,
    ...(stage.file === null ? [] : [`cat data/${stage.file}.txt`]),
    ...(stage.tool === null ? [] : [`sh tools/${stage.tool}.sh`]),
    ...stage.inputs.flatMap(({kind, text}, n) => {
      const all = kind === 'one' ? `"$in_i${n}"` : `"$in_i${n}"/*`;
      const read = text
        ? 'cat "$d"'
        : 'for f in "$d/text.txt" "$d/tree/sub/leaf"; do if [ -e "$f" ]; then cat "$f"; fi; done';
      const name = kind === 'one' ? '' : 'echo "${d##*/}"; ';
      return [`for d in ${all}; do case "$d" in */index.json) continue;; esac; ${name}${read}; done`];
    }),
  ];
  const fate = {
    never: [],
    some: ['case "$h" in [0-3]*) exit 3;; esac'],
    flaky: [`if [ ! -e "${outside}/$h" ]; then : > "${outside}/$h"; exit 3; fi`],
  }[stage.fails];
  return [
    `h=$( { ${said.join('; ')}; } | sha256sum | cut -c1-16 )`,
    ...fate,
    stage.gives === 'coarse'
      ? 'case "$h" in [0-7]*) echo low;; *) echo high;; esac > "$out_text"'
      : 'echo "$h" > "$out_text"',
    stage.gives === 'coarse'
      ? 'echo "{\\"q\\": 0}" > "$out_best"'
      : 'case "$h" in [0-7]*) q=1;; *) q=2;; esac; echo "{\\"q\\": $q}" > "$out_best"',
    ...(stage.gives === 'tree'
      ? ['mkdir "$out_tree/sub"; echo "leaf $h" > "$out_tree/sub/leaf"; : > "$out_tree/empty"']
      : []),
    `echo "${stage.number} $h" >> "${outside}/${RAN}"`,
  ].join('\n');
}

/** The text of the pipeline's file. */
export function textOf({stages, isReversed}: Study, outside: string): string {
  const names = new Map(stages.map(({number, name}) => [number, name]));
  const entries = stages.map((stage): [string, unknown] => [
    stage.name,
    {
      run: commandOf(stage, outside),
      with: {p: stage.p, ...(stage.chooser === null ? {} : {from: `${names.get(stage.chooser)}.best`})},
      out: {text: 'text.txt', best: 'best.json', ...(stage.gives === 'tree' ? {tree: 'tree/'} : {})},
      ...(stage.x.length + stage.y.length === 0
        ? {}
        : {
            matrix: {
              ...(stage.x.length > 0 ? {x: stage.x} : {}),
              ...(stage.y.length > 0 ? {y: stage.y} : {}),
            },
          }),
      ...(stage.inputs.length === 0
        ? {}
        : {
            in: Object.fromEntries(
              stage.inputs.map(({kind, of, text}, n) => {
                const from = `${names.get(of)}${text ? '.text' : ''}`;
                return [`i${n}`, kind === 'one' ? from : {each: from}];
              }),
            ),
          }),
      ...(stage.file === null ? {} : {files: [`data/${stage.file}.txt`]}),
      ...(stage.tool === null ? {} : {code: [`tools/${stage.tool}.sh`]}),
      ...(stage.after === null ? {} : {after: [names.get(stage.after)]}),
      ...(stage.fails === 'flaky' ? {retries: {times: 3, backoff: '1ms'}} : {}),
      ...(stage.publishes ? {publish: `results/${stage.name}`} : {}),
      ...(stage.salt === 0 ? {} : {salt: stage.salt}),
    },
  ]);
  if (isReversed) entries.reverse();
  return JSON.stringify({pipeline: 'study', stages: Object.fromEntries(entries)}, null, 1);
}
