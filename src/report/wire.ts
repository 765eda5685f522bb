// Events as `--json` writes them, one JSON object per line: like RunEvent, with places instead of whole source
// texts and with producers by id. src/report/event-schema.ts is the published shape.

import type {Diagnostic} from '../core/diagnostic.ts';
import {placeOf, type Span} from '../core/source.ts';
import type {Instance, InstanceId, Plan} from '../plan/plan.ts';
import {producerName} from '../plan/plan-files.ts';
import {producersIn} from '../plan/plan-graph.ts';
import type {RunEvent} from '../run/event.ts';
import type {WireDiagnostic, WireEvent} from './event-schema.ts';
import type {Reporter} from './reporter.ts';

/** A reporter that writes every event as one line of JSON. */
export class JsonLines implements Reporter {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  readonly onEvent = (event: RunEvent): void => this.#write(`${JSON.stringify(toWire(event))}\n`);

  close(): void {}
}

export function toWire(event: RunEvent): unknown {
  switch (event.type) {
    case 'planned': {
      const {type, at, run, plan, selected} = event;
      return {type, at, format: 1, run, ...planned(plan, selected)};
    }
    case 'expanded': {
      const {type, at, files, plan, selected} = event;
      return {type, at, files: [...files], ...planned(plan, selected)};
    }
    case 'diagnosed':
      return {type: event.type, at: event.at, diagnostics: event.diagnostics.map(wireDiagnostic)};
    default:
      return event satisfies WireEvent | RunEvent;
  }
}

export function wireDiagnostic(diagnostic: Diagnostic): WireDiagnostic {
  const {code, severity, message, span, hint, notes} = diagnostic;
  return {
    code,
    severity,
    message,
    place: span === undefined ? null : wirePlace(span),
    hint: hint ?? null,
    notes: notes.map(note => ({message: note.message, place: wirePlace(note.span)})),
  };
}

const wirePlace = (span: Span): {file: string; line: number; column: number; text: string} => ({
  file: span.file.path,
  ...placeOf(span.file, span.start),
});

const planned = (plan: Plan, selected: readonly InstanceId[]): object => ({
  pipeline: plan.pipeline,
  file: plan.file,
  params: plan.params,
  instances: plan.instances.map(wireInstance),
  selected,
});

const wireInstance = ({id, stage, cell, params, choosers, inputs, outputs, publish}: Instance): object => ({
  id,
  stage,
  cell,
  params,
  choosers: choosers.map(({from, gives}) => ({from: producerName(from), gives})),
  inputs: Object.fromEntries(
    Object.entries(inputs).map(([name, edge]) => [name, producersIn(edge).map(({id: producer}) => producer)]),
  ),
  outputs,
  publish,
});
