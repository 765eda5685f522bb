#!/usr/bin/env node

// The command line: the only place where the parts are put together, and where clock, environment, working
// directory and exit code enter and leave. Loads nothing that the command at hand does not need.

import {EXIT, type ExitCode} from './cli/exit.ts';
import {findPackage} from './cli/project.ts';
import type {Shell} from './cli/shell.ts';
import {surroundingsOf} from './cli/surroundings.ts';

const argv = process.argv.slice(2);

// `pipe log | head`: whoever reads has read enough.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
}

async function main(): Promise<ExitCode> {
  const {root, version} = findPackage(import.meta.dirname);
  const shell: Shell = {outside: surroundingsOf(process), version, packageRoot: root, argv};
  try {
    if (argv[0] === '__complete') {
      const {complete} = await import('./cli/commands/complete.ts');
      return await complete(shell, argv.slice(1));
    }
    const {runProgram} = await import('./cli/program.ts');
    return await runProgram(shell);
  } catch (error) {
    const {reportError} = await import('./cli/report-error.ts');
    return reportError(error, shell);
  }
}

process.exitCode = await main();
