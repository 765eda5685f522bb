// The command line as commander sees it: commands, options, help with examples. What a command does is loaded only
// when it is run.

import {Argument, Command, InvalidArgumentError, Option} from 'commander';
import {DEVICES} from './config.ts';
import {EXIT, type ExitCode} from './exit.ts';
import type {Invocation, Options, Shell} from './shell.ts';

type Handler = (shell: Shell, invocation: Invocation) => Promise<ExitCode>;

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [
  ...(before ?? []),
  value,
];

function positive(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) {
    throw new InvalidArgumentError(`expected a whole number from 1 up, got '${value}'.`);
  }
  return number;
}

function days(value: string): number {
  const number = Number(value);
  if (!(number >= 0)) throw new InvalidArgumentError(`expected a number of days, got '${value}'.`);
  return number;
}

function tolerance(value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !(number >= 0 && number <= 1)) {
    throw new InvalidArgumentError(`expected a share from 0 to 1, got '${value}'.`);
  }
  return number;
}

/** Options that decide what the plan is; those of `run`, `plan`, `why` and everything else that plans. */
function planning(command: Command): Command {
  return command
    .option('-s, --set <name=value>', 'change a parameter of the pipeline; may be repeated', collect)
    .option('-p, --profile <name>', 'take the values of a profile');
}

/** Options of commands that ask for results: they answer for these parameters. */
const asking = (command: Command): Command =>
  planning(command)
    .addOption(device())
    .option('--last', 'take the newest result of each instance, whatever its parameters were');

function selecting(command: Command): Command {
  return command
    .option('--only <selector>', 'these instances and nothing else; may be repeated', collect)
    .option('--from <selector>', 'these instances and everything below them; may be repeated', collect)
    .option('--until <selector>', 'these instances and everything that they need; may be repeated', collect);
}

const device = (): Option =>
  new Option('--device <choice>', 'where stages compute (default: auto, the fastest that is there)').choices(
    DEVICES,
  );

const executor = (): Option =>
  new Option('--executor <name>', 'where stages go that name no pool (docs/configuration.md)');

function gpuIds(value: string): readonly number[] {
  const ids = value.split(',').map(Number);
  if (!ids.every(id => Number.isInteger(id) && id >= 0)) {
    throw new InvalidArgumentError(`expected ids such as 0,1, got '${value}'.`);
  }
  return ids;
}

const FILE = '[file]';

const ARGUMENTS: Readonly<Record<string, string>> = {
  [FILE]: 'a pipeline file, or the name of one in pipelines/; may be left out where it is clear',
  '[targets...]': 'stages or instances to run, with everything that they need (default: all)',
  '[instances...]': 'stages or instances',
  '[instance]': "a stage of one instance, or an instance such as 'train[optimizer=sam,seed=1]'",
  '[output]': 'one of its outputs (default: the only one, or all of them)',
  '[place]': 'a file with a line, and a column where one is meant, such as table.md:5:3',
  '[run]': 'the id of a run, or the beginning of one',
  '[other]': 'the run to compare it with',
  '[url]': 'the Redis server: redis://HOST:6379, rediss://USER:PASSWORD@HOST',
  '[name]': 'what `uses` says: a name, or a path such as ./stages/mine.ts',
  '[folder]': 'where to (default: this folder)',
};

/** Parses the command line and runs its command. Throws `CommanderError` for what commander refuses. */
export async function runProgram(shell: Shell): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = buildProgram(shell, answer => (code = answer));
  if (shell.argv.length === 0) {
    program.outputHelp();
    return EXIT.ok;
  }
  await program.parseAsync(shell.argv, {from: 'user'});
  return code;
}

/** Builds the whole program; `onExit` gets the exit code of the command that ran. */
export function buildProgram(shell: Shell, onExit: (code: ExitCode) => void): Command {
  const program = new Command('pipe')
    .description('Declarative pipelines for machine-learning experiments.')
    .version(shell.version, '-v, --version', 'print the version')
    .helpCommand('help [command]', 'help on one command')
    .configureHelp({sortOptions: false, showGlobalOptions: false})
    .addHelpText('after', EXIT_CODES)
    .configureOutput({outputError: () => {}})
    .showSuggestionAfterError()
    .exitOverride();
  const define = (
    signature: string,
    about: string,
    examples: readonly string[],
    load: () => Promise<Handler>,
  ): Command => {
    const [name = '', ...taken] = signature.split(' ');
    const command = program.command(name).description(about);
    for (const argument of taken) command.argument(argument, ARGUMENTS[argument]);
    return command
      .addHelpText('after', `\nExamples:\n${examples.map(example => `  $ ${example}`).join('\n')}`)
      .action(async (...received: unknown[]) => {
        const command = received.at(-1);
        if (!(command instanceof Command)) throw new Error('Internal error: expected a command');
        const handler = await load();
        onExit(await handler(shell, {args: command.args, options: command.opts<Options>()}));
      });
  };

  selecting(
    planning(
      define(
        `run ${FILE} [targets...]`,
        'Run what changed, and restore the rest from the cache.',
        [
          'pipe run pipelines/quickstart.yaml',
          'pipe run quickstart --set epochs=5 --profile quick',
          "pipe run quickstart 'train[optimizer=sam,seed=1..3]'",
          'pipe run quickstart summary --force --jobs 4',
          'pipe run pipelines/',
        ],
        async () => (await import('./commands/run.ts')).run,
      ),
    ),
  )
    .option('-f, --force', 'run the targets although their results are known; without targets, everything')
    .option('-j, --jobs <n>', 'CPU slots to share among stages (default: the number of cores)', positive)
    .addOption(
      new Option('--keep-going', 'run whatever does not depend on a failure (the default)').conflicts(
        'failFast',
      ),
    )
    .addOption(
      new Option('--fail-fast', 'end the run, and what runs, with the first failure').conflicts('keepGoing'),
    )
    .option('-n, --dry-run', 'say what would run and why, and run nothing')
    .option('--mirror <dir>', 'where downloads look before they use the network')
    .addOption(device())
    .addOption(executor())
    .option('--json', 'write one JSON event per line (docs/events.schema.json)')
    .option('-w, --watch', 'run again whenever the pipeline, code or a tracked file changes')
    .option('--replay', 'print the logs of cached instances as well')
    .option('--logs', 'print what stages write while they run')
    .option('--explain', 'say of each instance why it runs when it starts')
    .option('--audit', 'list what stages read, run and reach that they do not declare (Linux, with strace)')
    .addOption(
      new Option(
        '--detach',
        'go on in the background; a later run waits for it, and takes what it has made',
      ).conflicts('watch'),
    );

  selecting(
    planning(
      define(
        `plan ${FILE} [targets...]`,
        'Say what would run and why. Exit code 0: nothing to do, 10: something would run.',
        ['pipe plan quickstart', 'pipe plan quickstart --set epochs=5', 'pipe plan quickstart --json'],
        async () => (await import('./commands/plan.ts')).plan,
      ),
    ),
  )
    .option('-f, --force', 'as if the targets, or without targets everything, were forced to run')
    .addOption(device())
    .addOption(executor())
    .option('--all', 'list every instance, the cached ones too')
    .option('--json', 'write the answer as JSON');

  planning(
    define(
      `why ${FILE} [instances...]`,
      'Say why instances would run, or why they would not, down to parameters and source files.',
      ["pipe why 'train[optimizer=sam,seed=3]'", 'pipe why quickstart grid'],
      async () => (await import('./commands/why.ts')).why,
    ),
  )
    .addOption(device())
    .option('--json', 'write the answer as JSON');

  asking(
    define(
      `show ${FILE} [instance]`,
      'Show an instance (parameters, inputs, outputs, metrics, code, log, times) or an artifact by its digest.',
      ["pipe show 'train[optimizer=sam,seed=1]'", 'pipe show quickstart best --json', 'pipe show 3f9a02c41b'],
      async () => (await import('./commands/show.ts')).show,
    ),
  ).option('--json', 'write the answer as JSON');

  asking(
    define(
      `get ${FILE} [instance] [output]`,
      'Copy an output of an instance out of the store.',
      ["pipe get 'train[optimizer=sam,seed=1]' weights -o weights.safetensors", 'pipe get table -o table'],
      async () => (await import('./commands/get.ts')).get,
    ),
  )
    .option('-o, --output <path>', 'where to (default: the name of the output)')
    .option('-f, --force', 'write over what pipe get did not write');

  asking(
    define(
      `log ${FILE} [instance]`,
      'Print the log of an instance; without one, list the last result of each.',
      ["pipe log 'train[optimizer=sam,seed=1]'", 'pipe log quickstart'],
      async () => (await import('./commands/log.ts')).log,
    ),
  );

  define(
    'runs',
    'List the runs of this project, newest first.',
    ['pipe runs', 'pipe runs --limit 50 --json'],
    async () => (await import('./commands/runs.ts')).runs,
  )
    .option('-l, --limit <n>', 'how many', positive, 20)
    .option('--metric <name>', 'show the smallest and the largest value of a metric')
    .option('--all', 'also those that found everything in the cache')
    .option('--json', 'write the answer as JSON');

  define(
    'jobs [instances...]',
    'List what is out there for this project, also after the run that sent it is gone: on clusters, on build farms, in the background.',
    ['pipe jobs', 'pipe jobs --json', 'pipe jobs --cancel', "pipe jobs 'train[seed=1]' --cancel"],
    async () => (await import('./commands/jobs.ts')).jobs,
  )
    .option('--cancel', 'end it: jobs, and without instances pilots and background runs as well')
    .option('--json', 'write the answer as JSON');

  planning(
    define(
      'diff [run] [other]',
      'Compare parameters and metrics of two runs side by side, changed ones first (default: the last two of one pipeline); with --plan, the last run with what would run now.',
      [
        'pipe diff',
        'pipe diff 20260801-140512-x3 20260801-141000-b7',
        'pipe diff --all',
        'pipe diff --plan',
        'pipe diff --plan quickstart --set epochs=50',
      ],
      async () => (await import('./commands/diff.ts')).diff,
    ),
  )
    .option('--plan', 'the last run of a pipeline beside its plan: what an edit would change')
    .option('--all', 'show what is equal, too')
    .option('--code', 'show how the sources of the stages differ')
    .option('--json', 'write the answer as JSON');

  planning(
    define(
      `graph ${FILE}`,
      'Draw the graph of a pipeline.',
      [
        'pipe graph quickstart',
        'pipe graph quickstart --format svg -o graph.svg',
        'pipe graph --instances --format dot',
      ],
      async () => (await import('./commands/graph.ts')).graph,
    ),
  )
    .addOption(
      new Option('--format <format>', 'text, mermaid, dot, svg or png').choices([
        'text',
        'mermaid',
        'dot',
        'svg',
        'png',
      ]),
    )
    .option('-i, --instances', 'one node per instance instead of one per stage')
    .option(
      '-o, --output <path>',
      'write to a file; its extension (.svg, .png, .dot, .mmd) gives the format',
    );

  asking(
    define(
      `report ${FILE}`,
      'Write one self-contained HTML page of the last results: tables, pictures, graph, every instance.',
      ['pipe report quickstart', 'pipe report mnist-grid -o mnist-grid.html'],
      async () => (await import('./commands/report.ts')).report,
    ),
  ).option('-o, --output <path>', 'where to (default: report.html)');

  define(
    'trace [place]',
    'Say where the numbers of a line of a published table come from: results, parameters, data and code.',
    ['pipe trace results/quickstart/table.md:5', 'pipe trace results/quickstart/table.csv:2:9 --json'],
    async () => (await import('./commands/trace.ts')).trace,
  ).option('--json', 'write the answer as JSON');

  planning(
    define(
      `reproduce ${FILE} [targets...]`,
      'Make everything again, from nothing, and compare it with the lock file. Exit code 1 if it differs.',
      ['pipe reproduce quickstart', "pipe reproduce mnist-grid 'train[seed=1]' --tolerance 0.005"],
      async () => (await import('./commands/reproduce.ts')).reproduce,
    ),
  )
    .option(
      '-t, --tolerance <share>',
      'how far numbers may be off, as a share of them (default: 0.001)',
      tolerance,
    )
    .option('-j, --jobs <n>', 'CPU slots to share among stages (default: the number of cores)', positive)
    .option('--mirror <dir>', 'where downloads look before they use the network')
    .addOption(device())
    .option('--logs', 'print what stages write while they run')
    .option('--json', 'write one JSON event per line, and the comparison as the last one');

  define(
    'verify',
    'Check everything that the store holds: blobs, results, records, bundles, lock files. Exit code 1 if something is damaged, or left so by a repair.',
    ['pipe verify', 'pipe verify --repair'],
    async () => (await import('./commands/verify.ts')).verify,
  )
    .option('--repair', 'set aside, write again or drop what is damaged, and say what was done')
    .option('--json', 'write the answer as JSON');

  define(
    'gc',
    'Free space: drop results that no recent run used. Only tells what it would do unless --force is given.',
    ['pipe gc', 'pipe gc --force', 'pipe gc --keep-days 7 --max-size 20GB --force'],
    async () => (await import('./commands/gc.ts')).gc,
  )
    .option('--keep-days <days>', 'keep what runs of the last days used (default: 30)', days)
    .option('--max-size <size>', 'then drop the least recently used until the store is smaller than this')
    .option('-f, --force', 'really remove')
    .option('--json', 'write the answer as JSON');

  define(
    'init [folder]',
    'Write a small project to start from. Never overwrites a file.',
    ['pipe init', 'pipe init my-study', 'pipe init --python'],
    async () => (await import('./commands/init.ts')).init,
  ).option('--python', 'with stages in Python (docs/python.md)');

  define(
    'import [file]',
    'Write a pipeline from a dvc.yaml with its params.yaml and dvc.lock. What has no counterpart is said.',
    ['pipe import dvc.yaml', 'pipe import dvc.yaml -o pipelines/study.yaml'],
    async () => (await import('./commands/import.ts')).importFile,
  ).option('-o, --output <file>', 'where to write it (default: pipelines/NAME.yaml)');

  define(
    'stages [name]',
    'List the stages that a pipeline can use; of one: parameters, defaults, inputs, outputs and their formats.',
    ['pipe stages', 'pipe stages train', 'pipe stages ./stages/mine.ts --json'],
    async () => (await import('./commands/stages.ts')).stages,
  )
    .option('--json', 'write the answer as JSON')
    .option('--markdown', 'write a page of a manual');

  define(
    'schema',
    'Print the JSON Schema of the pipeline file, the parameters of every stage included.',
    ['pipe schema -o pipeline.schema.json', 'pipe schema --events'],
    async () => (await import('./commands/schema.ts')).schema,
  )
    .option('-o, --output <path>', 'write to a file')
    .option('--events', 'the schema of what `pipe run --json` writes instead');

  program
    .command('completion')
    .description('Print a completion script for a shell.')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      '\nExamples:\n  $ source <(pipe completion bash)          # in ~/.bashrc\n' +
        '  $ source <(pipe completion zsh)           # in ~/.zshrc, after compinit\n' +
        '  $ pipe completion fish | source           # in ~/.config/fish/config.fish',
    )
    .action(async (name: string) => {
      const {completion} = await import('./commands/completion.ts');
      onExit(completion(shell, name));
    });

  define(
    'doctor',
    'Check this installation: versions, devices, stores, executors, the terminal.',
    ['pipe doctor'],
    async () => (await import('./commands/doctor.ts')).doctor,
  ).option('--json', 'write the answer as JSON');

  define(
    'worker [url]',
    'Take jobs from a queue in Redis and run them on this machine, until Ctrl-C (docs/machines.md).',
    [
      'pipe worker redis://lab:6379',
      'pipe worker redis://lab:6379 --jobs 8 --gpus 0,1 --label a100',
      'pipe worker redis://lab:6379 --ssh node1,node2 --jobs 16',
    ],
    async () => (await import('./commands/worker.ts')).worker,
  )
    .option('-j, --jobs <n>', 'CPU slots to give to stages (default: the number of cores)', positive)
    .option('--memory <size>', 'memory to give to stages (default: all of it)')
    .option('--gpus <ids>', 'ids of the GPUs to give to stages (default: all)', gpuIds)
    .option('--label <label>', 'a label that executors may ask for; may be repeated', collect)
    .option('--store <url>', 'the shared store as this machine reaches it (default: as the jobs say)')
    .option('--folder <dir>', 'where to keep what was fetched (default: ~/.cache/pipe-worker)')
    .option(
      '--cache-size <size>',
      'how much to keep there: what was used longest ago goes first, such as 20GB',
    )
    .option('--mirror <dir>', 'where downloads look before they use the network')
    .option(
      '--lease <seconds>',
      'how long it may be silent before its jobs go to others (default: 30)',
      positive,
    )
    .option('--ssh <hosts>', 'start workers there instead, by ssh, and end them with this one: node1,node2')
    .option('--command <command>', 'with --ssh: what starts pipe there (default: pipe)');

  // For executors, not for people: what it says is for a program to read.
  program
    .command('exec <fingerprint>', {hidden: true})
    .description('Run the action of this fingerprint, which is in the store, and record its result.')
    .option('--orders <json>', 'what an executor sends along; `@FILE` reads it')
    .option('--store <folder>', "a store that is not the project's own")
    .option('--ending <file>', 'where to write how it ended, in one step')
    .action(async (fingerprint: string, options: Options) => {
      const {exec} = await import('./commands/exec.ts');
      onExit(await exec(shell, {args: [fingerprint], options}));
    });

  program
    .command('carry', {hidden: true})
    .description('Run the action that a server has laid out in this folder.')
    .action(async () => {
      const {carry} = await import('./commands/carry.ts');
      onExit(await carry(shell));
    });

  program
    .command('pilot <post>', {hidden: true})
    .description('Run jobs of a post office, one after the other.')
    .option('--store <folder>', 'where this machine keeps its copies')
    .option('--shape <shape>', 'which jobs')
    .option('--name <name>', 'how it signs')
    .option('--executor <name>', 'who started it, for the provenance')
    .option('--idle <seconds>', 'how long it waits for another job', Number)
    .option('--ends <seconds>', 'when its time is over, since the epoch', Number)
    .option('-j, --jobs <n>', 'CPU slots', positive)
    .action(async (post: string, options: Options) => {
      const {pilot} = await import('./commands/pilot.ts');
      onExit(await pilot(shell, {args: [post], options}));
    });

  return program;
}

const EXIT_CODES = `
Instances are selected by name and axis: train, 'train[optimizer=sam,seed=1..3]', '*[seed=0]'.

Exit codes: 0 done, 1 a stage failed or there is no such result, 2 a mistake to mend, 10 pipe plan found work, 130 interrupted, 70 a bug of pipe.

Start with:
  $ pipe init && pipe run hello
  $ pipe run pipelines/quickstart.yaml`;
