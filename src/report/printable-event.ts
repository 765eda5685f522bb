// An event as a terminal may show it: whatever a stage or the system wrote is made printable, the rest is ours.

import type {Outcome, StageFailure} from '../action/outcome.ts';
import {printable} from '../core/printable.ts';
import type {RunEvent} from '../run/event.ts';

export function printableEvent(event: RunEvent): RunEvent {
  switch (event.type) {
    case 'log':
    case 'replayed':
      return {...event, text: printable(event.text)};
    case 'progress': {
      const {unit, detail} = event.progress;
      const told = detail === undefined ? {} : {detail: printable(detail)};
      return {...event, progress: {...event.progress, unit: printable(unit), ...told}};
    }
    case 'retrying':
      return {...event, failure: printableFailure(event.failure)};
    case 'finished':
      return {...event, outcome: printableOutcome(event.outcome)};
    case 'notice':
      return {...event, message: printable(event.message)};
    default:
      return event;
  }
}

function printableOutcome(outcome: Outcome): Outcome {
  if (outcome.status !== 'failed') return outcome;
  return {
    ...outcome,
    failure: printableFailure(outcome.failure),
    logTail: outcome.logTail.map(printable),
  };
}

function printableFailure(failure: StageFailure): StageFailure {
  switch (failure.reason) {
    case 'mistake': {
      const {message, hint} = failure;
      return {...failure, message: printable(message), hint: hint === null ? null : printable(hint)};
    }
    case 'threw':
      return {...failure, message: printable(failure.message), stack: printable(failure.stack)};
    case 'wrong-output':
    case 'store':
      return {...failure, message: printable(failure.message)};
    case 'unfinished':
      return {...failure, left: failure.left.map(each => printable(each))};
    default:
      return failure;
  }
}
