// The engine's public face.

export {compile} from './compile.ts';
export {EngineError} from './errors.ts';
export type * from './program.ts';
