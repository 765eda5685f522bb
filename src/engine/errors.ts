// The one error of the engine for mistakes in a user's program: what was expected, what came, where, how to mend it.

/** A mistake in a definition or a step function. Its message ends with the place in the user's code, where known. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  /** `file:line:column` of the user's call, or the empty string. */
  readonly place: string;

  constructor(message: string, place = '') {
    super(place === '' ? message : `${message}\n    at ${place}`);
    this.place = place;
  }
}
