// Stages that a test holds and lets go. A stage connects, says its name and waits; the test sees it arrive and
// decides how it goes on. So a test never sleeps, and what it asserts cannot depend on the machine's speed.

import {createServer, type Server, type Socket} from 'node:net';
import {createInterface} from 'node:readline';

/** A stage that has arrived and waits. */
export class HeldStage {
  readonly name: string;
  readonly #socket: Socket;
  /** Resolves when the stage's end of the line is closed: it went on, or it died. */
  readonly gone: Promise<void>;

  constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
    this.gone = new Promise(resolve => socket.once('close', () => resolve()));
  }

  /** Lets it go on; `word` is what its `held` answers. */
  release(word = 'ok'): void {
    this.#socket.write(`${word}\n`);
  }
}

export class HeldStages implements AsyncDisposable {
  readonly #server: Server;
  readonly port: number;
  readonly #arrived: HeldStage[] = [];
  readonly #sockets = new Set<Socket>();
  #waiting: Array<{name: string | undefined; resolve: (stage: HeldStage) => void}> = [];
  /** Names in the order of arrival, over the whole test. */
  readonly history: string[] = [];

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', socket => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => this.#sockets.delete(socket));
      createInterface(socket).once('line', name => this.#arrive(new HeldStage(name, socket)));
    });
  }

  static async open(): Promise<HeldStages> {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('expected a port');
    return new HeldStages(server, address.port);
  }

  /** The next stage to arrive, or the next of that name. */
  next(name?: string): Promise<HeldStage> {
    const at = this.#arrived.findIndex(stage => name === undefined || stage.name === name);
    const [found] = at === -1 ? [] : this.#arrived.splice(at, 1);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise(resolve => this.#waiting.push({name, resolve}));
  }

  /** Names of those that have arrived and that nobody has taken by `next`. */
  get arrived(): string[] {
    return this.#arrived.map(stage => stage.name);
  }

  /** Shell text that waits here as `name` and fails unless it is released with `ok`. */
  shell(name: string): string {
    return (
      `exec 9<>/dev/tcp/127.0.0.1/${this.port}; echo ${JSON.stringify(name)} >&9; ` +
      `read -r word <&9; exec 9>&-; test "$word" = ok`
    );
  }

  /** A JavaScript expression for an async function `held(name)` that waits here and answers the word. */
  get script(): string {
    return (
      `(name => new Promise((resolve, reject) => import('node:net').then(net => {` +
      `const socket = net.connect(${this.port}, '127.0.0.1', () => socket.write(name + '\\n'));` +
      `socket.on('error', reject); socket.on('data', data => { socket.destroy(); resolve(String(data).trim()); });})))`
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }

  #arrive(stage: HeldStage): void {
    this.history.push(stage.name);
    const at = this.#waiting.findIndex(({name}) => name === undefined || name === stage.name);
    const [waiter] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (waiter === undefined) this.#arrived.push(stage);
    else waiter.resolve(stage);
  }
}
