// `pipe graph`: the graph of a pipeline, for the terminal or for other tools.

import {writeFileSync} from 'node:fs';
import {extname, resolve} from 'node:path';
import {toDot, toMermaid} from '../../report/graph-export.ts';
import {toSvg} from '../../report/graph-svg.ts';
import {drawGraph} from '../../report/graph-text.ts';
import {paletteOf} from '../../report/palette.ts';
import {drawableGraph, type Graph} from '../../report/stage-graph.ts';
import {EXIT, type ExitCode} from '../exit.ts';
import {openPipeline} from '../pipeline.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';

const FORMAT_OF: Readonly<Record<string, string>> = {
  '.svg': 'svg',
  '.dot': 'dot',
  '.gv': 'dot',
  '.mmd': 'mermaid',
  '.mermaid': 'mermaid',
  '.md': 'mermaid',
};

export async function graph(shell: Shell, {args, options}: Invocation): Promise<ExitCode> {
  const {outside} = shell;
  const pipeline = await openPipeline(shell, args, options);
  const {plan} = pipeline;
  const drawn = drawableGraph(plan, options.instances ? 'instances' : 'stages');
  const format =
    options.format ??
    (options.output === undefined ? 'text' : (FORMAT_OF[extname(options.output)] ?? 'text'));
  if (options.output === undefined) {
    if (format === 'text') print(outside, drawGraph(drawn, paletteOf(outside.stdout.colors)));
    else outside.stdout.screen.write(await exportGraph(drawn, plan.pipeline, format));
    return EXIT.ok;
  }
  const text = await exportGraph(drawn, plan.pipeline, format);
  const isPage = extname(options.output) === '.md' && format === 'mermaid';
  writeFileSync(resolve(outside.cwd, options.output), isPage ? `\`\`\`mermaid\n${text}\`\`\`\n` : text);
  return EXIT.ok;
}

async function exportGraph(drawn: Graph, title: string, format: string): Promise<string> {
  switch (format) {
    case 'mermaid':
      return toMermaid(drawn);
    case 'dot':
      return toDot(drawn, title);
    case 'svg':
      return toSvg(drawn, title);
    default: {
      const {plainPalette} = await import('../../report/palette.ts');
      return `${drawGraph(drawn, plainPalette).join('\n')}\n`;
    }
  }
}
