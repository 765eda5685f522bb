// What every process of a task finds in its environment: how to find programs, libraries and the network, and
// nothing that could change a result unseen. What a stage needs beyond that, the pipeline declares.

const INHERITED = [
  'PATH',
  // Where libraries and drivers are.
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'CUDA_HOME',
  'CUDA_PATH',
  'VK_ICD_FILENAMES',
  'VK_DRIVER_FILES',
  // How to reach the network: what comes from there is checked by digest.
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
] as const;

/** What is the same for every task of every user; `HOME` and `TMPDIR` are each task's own. */
const FIXED: Readonly<Record<string, string>> = {
  TZ: 'UTC',
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
  // Prints come when they are made.
  PYTHONUNBUFFERED: '1',
};

/** The variable by which processes of a runner are found again when it died: its label. */
export const OWNER_VARIABLE = 'PIPE_OWNER';
/** The variable by which the processes of one worker are found, those too that left its process group. */
export const WORKER_VARIABLE = 'PIPE_WORKER';

type Environment = Readonly<Record<string, string | undefined>>;

/** What every process of a task finds beside what is declared. */
export function baseEnvironment(env: Environment): Record<string, string> {
  const base: Record<string, string> = {...FIXED};
  for (const name of INHERITED) {
    const value = env[name];
    if (value !== undefined) base[name] = value;
  }
  return base;
}

/** Variables that hold the thread pools of native libraries to the CPU slots that a task was granted. */
export function threadEnvironment(cpus: number): Record<string, string> {
  const threads = String(cpus);
  return {
    OMP_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
    NUMEXPR_NUM_THREADS: threads,
    VECLIB_MAXIMUM_THREADS: threads,
    TF_NUM_INTRAOP_THREADS: threads,
    TF_NUM_INTEROP_THREADS: '1',
  };
}
