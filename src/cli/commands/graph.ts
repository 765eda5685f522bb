// `pipe graph`: the graph of a pipeline, for the terminal or for other tools.

import {extname, resolve} from 'node:path';
import {writeNamedFile} from '../../host/atomic-file.ts';
import {toDot, toMermaid} from '../../report/graph-export.ts';
import {toSvg} from '../../report/graph-svg.ts';
import {drawGraph} from '../../report/graph-text.ts';
import {paletteOf} from '../../report/palette.ts';
import {drawableGraph, type Graph} from '../../report/stage-graph.ts';
import {EXIT, type ExitCode, refuse} from '../exit.ts';
import {openPipeline} from '../pipeline.ts';
import type {Invocation, Shell} from '../shell.ts';
import {print} from '../surroundings.ts';

const FORMAT_OF: Readonly<Record<string, string>> = {
  '.svg': 'svg',
  '.png': 'png',
  '.txt': 'text',
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
  const format = options.format ?? formatOf(options.output);
  if (options.output === undefined) {
    if (format === 'text') print(outside, drawGraph(drawn, paletteOf(outside.stdout.colors)));
    else if (format === 'png') refuse('no-output', 'expected a file for a PNG picture', '-o graph.png');
    else outside.stdout.screen.write(await exportGraph(drawn, plan.pipeline, format));
    return EXIT.ok;
  }
  if (format === 'png') {
    const {toPng} = await import('../../report/graph-png.ts');
    writeNamedFile(resolve(outside.cwd, options.output), await toPng(drawn, plan.pipeline));
    return EXIT.ok;
  }
  const text = await exportGraph(drawn, plan.pipeline, format);
  const isPage = extname(options.output) === '.md' && format === 'mermaid';
  writeNamedFile(resolve(outside.cwd, options.output), isPage ? `\`\`\`mermaid\n${text}\`\`\`\n` : text);
  return EXIT.ok;
}

/** Refuses an extension that stands for no format: a picture of text helps nobody. */
function formatOf(output: string | undefined): string {
  if (output === undefined) return 'text';
  const extension = extname(output).toLowerCase();
  const format = extension === '' ? 'text' : FORMAT_OF[extension];
  const known = Object.keys(FORMAT_OF).join(', ');
  return format ?? refuse('unknown-format', `expected a file that ends in one of ${known}, got ${output}`);
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
