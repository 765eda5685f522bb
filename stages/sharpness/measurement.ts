// All measurements of one trained model, as the stage `sharpness` writes them.

import {axisPoints, filterNormalised} from './directions.ts';
import {type Eigenvalue, lanczos, powerIteration} from './eigenvalues.ts';
import type {Surface} from './surface.ts';
import {addTo, norm} from './vectors.ts';

export interface MeasurementOptions {
  readonly eigenvalues: number;
  readonly powerIterations: number;
  readonly lanczosSteps: number;
  readonly tolerance: number;
  readonly rho: number;
  /** Group sizes of m-sharpness; each at most the number of samples. */
  readonly groups: readonly number[];
  readonly linePoints: number;
  readonly gridPoints: number;
  readonly reach: number;
  readonly seed: number;
  readonly onStep: (what: string) => void;
}

export interface Slice {
  readonly x: number;
  /** 0 along the line. */
  readonly y: number;
  /** Null where the model overflows. */
  readonly loss: number | null;
  readonly accuracy: number;
}

export interface Measurement {
  readonly loss: number;
  readonly accuracy: number;
  readonly gradientNorm: number;
  readonly power: readonly Eigenvalue[];
  readonly lanczos: readonly Eigenvalue[];
  readonly smallest: Eigenvalue | undefined;
  /** L(w + ρ·g/‖g‖) - L(w) over all samples together. */
  readonly rise: number;
  readonly groupRises: readonly {readonly m: number; readonly rise: number}[];
  readonly line: readonly Slice[];
  readonly grid: readonly Slice[];
}

/** What there is to say of a model whose training diverged. */
export const nothingMeasured: Measurement = {
  loss: Number.NaN,
  accuracy: Number.NaN,
  gradientNorm: Number.NaN,
  power: [],
  lanczos: [],
  smallest: undefined,
  rise: Number.NaN,
  groupRises: [],
  line: [],
  grid: [],
};

export async function measureSharpness(surface: Surface, options: MeasurementOptions): Promise<Measurement> {
  const {centre} = surface;
  const {eigenvalues: count, tolerance, seed, rho, onStep} = options;
  const product = async (v: Float32Array): Promise<Float32Array> => {
    onStep('Hessian');
    return surface.product(v);
  };
  const here = await surface.measure(centre);
  const gradient = await surface.gradient();
  const gradientNorm = norm(gradient);
  const power =
    options.powerIterations === 0
      ? []
      : await powerIteration(product, centre.length, {
          count,
          iterations: options.powerIterations,
          tolerance,
          seed,
        });
  const krylov =
    options.lanczosSteps === 0
      ? undefined
      : await lanczos(product, centre.length, {count, steps: options.lanczosSteps, tolerance, seed});
  const up = moved(centre, [[gradient, rho / (gradientNorm + 1e-12)]]);
  const rise = (await surface.measure(up)).loss - here.loss;
  const groupRises: {m: number; rise: number}[] = [];
  for (const m of options.groups) groupRises.push({m, rise: await surface.groupRise(m, rho)});

  const axes = [0, 1].map(place => filterNormalised(centre, surface.parameters, seed, place));
  const sliceAt = async (x: number, y: number): Promise<Slice> => {
    onStep('landscape');
    const [first, second] = axes;
    const steps: [Float32Array, number][] = [];
    if (first && x !== 0) steps.push([first, x]);
    if (second && y !== 0) steps.push([second, y]);
    const {loss, accuracy} = await surface.measure(moved(centre, steps));
    return {x, y, loss: Number.isFinite(loss) ? loss : null, accuracy};
  };
  const line: Slice[] = [];
  for (const x of axisPoints(options.linePoints, options.reach)) line.push(await sliceAt(x, 0));
  const grid: Slice[] = [];
  const points = axisPoints(options.gridPoints, options.reach);
  for (const y of points) for (const x of points) grid.push(await sliceAt(x, y));
  return {
    ...here,
    gradientNorm,
    power,
    lanczos: krylov?.largest ?? [],
    smallest: krylov?.smallest,
    rise,
    groupRises,
    line,
    grid,
  };
}

function moved(centre: Float32Array, steps: readonly (readonly [Float32Array, number])[]): Float32Array {
  const out = Float32Array.from(centre);
  for (const [direction, length] of steps) addTo(out, direction, length);
  return out;
}
