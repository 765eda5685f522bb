// The engine's public face.

export {batchNorm, type Normalised} from './batch-norm.ts';
export {compile, rehearse} from './compile.ts';
export {EngineError} from './errors.ts';
export {exportInference, type Inference} from './inference.ts';
export type * from './program.ts';
export {type DeviceReport, listDevices} from './run/devices.ts';
export {runEagerly} from './run/tfjs.ts';
export {decodeSafetensors, encodeSafetensors, type TensorFile} from './safetensors.ts';
