// A connection to a server of the Remote Execution API: its services as calls that answer with promises. The packages
// that speak gRPC are the user's to install, and are loaded with the first call.

import type {
  ChannelCredentials,
  ClientDuplexStream,
  ClientReadableStream,
  ClientWritableStream,
  Metadata,
  ServiceError,
} from '@grpc/grpc-js';
import {err, ok, type Result} from '../../core/result.ts';
import type {RemoteError} from './remote.ts';

export interface ReapiOptions {
  /** `host:port`. */
  readonly address: string;
  readonly isSecure: boolean;
  /** The server's instance; may be empty. */
  readonly instance: string;
  /** Sent as `authorization: Bearer …`; `null` for none. */
  readonly token: string | null;
  /** The folder of the protocol files. */
  readonly protocol: string;
}

/** How long one question may take; streams may take as long as they need. Milliseconds. */
const ANSWER_MS = 60_000;

export interface Service {
  call<Answer>(method: string, request: object): Promise<Answer>;
}

export interface ByteStreams {
  read(request: object): ClientReadableStream<{data?: Buffer}>;
  write(): {readonly stream: ClientWritableStream<object>; readonly answered: Promise<unknown>};
}

/** Calls whose answer is a stream of operations: an execution as it goes on. */
export interface Executions {
  execute(request: object): ClientReadableStream<WireOperation>;
  wait(request: object): ClientReadableStream<WireOperation>;
}

export interface WireOperation {
  readonly name?: string;
  readonly metadata?: {readonly value?: Buffer};
  readonly done?: boolean;
  readonly error?: {readonly code?: number; readonly message?: string};
  readonly response?: {readonly value?: Buffer};
}

/** Messages by themselves, as bytes: equal messages are equal bytes, as fields have an order and none is left to chance. */
export interface MessageCodec {
  encode(message: 'Directory' | 'Command' | 'Action', value: object): Buffer;
  decode<Message>(message: 'Tree' | 'ExecuteResponse', bytes: Buffer): Message;
}

/** Each is opened when it is first asked for. */
export interface Services {
  readonly instance: string;
  readonly storage: Service;
  readonly actions: Service;
  readonly bytes: ByteStreams;
  readonly executions: Executions;
  readonly operations: Service;
  readonly codec: MessageCodec;
}

/** A method of a generated client. */
type Method = (...received: readonly unknown[]) => unknown;
type Client = Readonly<Record<string, unknown>> & {close(): void};
type ClientClass = new (address: string, credentials: ChannelCredentials, options: object) => Client;

export class ReapiChannel {
  readonly place: string;
  readonly #options: ReapiOptions;
  #services: Promise<Services> | undefined;
  #clients: Client[] = [];

  constructor(options: ReapiOptions) {
    this.#options = options;
    const {isSecure, address, instance} = options;
    this.place = `${isSecure ? 'grpcs' : 'grpc'}://${address}${instance === '' ? '' : `/${instance}`}`;
  }

  async ask<T>(work: (services: Services) => Promise<T>): Promise<Result<T, RemoteError>> {
    try {
      this.#services ??= this.#open();
      return ok(await work(await this.#services));
    } catch (error) {
      return err({place: this.place, message: reasonOf(error), hint: hintOf(error)});
    }
  }

  close(): void {
    for (const client of this.#clients) client.close();
    this.#clients = [];
    this.#services = undefined;
  }

  async #open(): Promise<Services> {
    const [grpc, loader] = await Promise.all([import('@grpc/grpc-js'), import('@grpc/proto-loader')]);
    const {address, isSecure, instance, token, protocol} = this.#options;
    const definition = await loader.load(
      ['remote_execution.proto', 'bytestream.proto', 'longrunning.proto', 'messages.proto'],
      {keepCase: true, longs: String, defaults: false, includeDirs: [protocol]},
    );
    const credentials = isSecure ? grpc.credentials.createSsl() : grpc.credentials.createInsecure();
    const metadata = new grpc.Metadata();
    if (token !== null) metadata.set('authorization', `Bearer ${token}`);
    const root = grpc.loadPackageDefinition(definition);
    const open = (name: string): Client => {
      const found = name.split('.').reduce<unknown>((at, part) => partOf(at, part), root);
      if (!isClientClass(found)) throw new Error(`Internal error: no service ${name}`);
      const client = new found(address, credentials, {
        'grpc.max_receive_message_length': 16 * 1024 * 1024,
        'grpc.initial_reconnect_backoff_ms': 200,
        'grpc.max_reconnect_backoff_ms': 5_000,
      });
      this.#clients.push(client);
      return client;
    };
    const service = (name: string): Service => serviceOf(open(name), metadata);
    const api = 'build.bazel.remote.execution.v2';
    const opened = new Map<string, unknown>();
    const once = <T>(name: string, make: () => T): T => {
      if (!opened.has(name)) opened.set(name, make());
      return opened.get(name) as T;
    };
    return {
      instance,
      get storage() {
        return once('storage', () => service(`${api}.ContentAddressableStorage`));
      },
      get actions() {
        return once('actions', () => service(`${api}.ActionCache`));
      },
      get bytes() {
        return once('bytes', () => byteStreamsOf(open('google.bytestream.ByteStream'), metadata));
      },
      get executions() {
        return once('executions', () => executionsOf(open(`${api}.Execution`), metadata));
      },
      get operations() {
        return once('operations', () => service('google.longrunning.Operations'));
      },
      codec: codecOf(definition['pipe.Messages']),
    };
  }
}

function serviceOf(client: Client, metadata: Metadata): Service {
  return {
    call: <Answer>(method: string, request: object) =>
      new Promise<Answer>((resolve, reject) => {
        methodOf(client, method)(
          request,
          metadata,
          {deadline: Date.now() + ANSWER_MS},
          (error: ServiceError | null, answer: Answer) => (error === null ? resolve(answer) : reject(error)),
        );
      }),
  };
}

function byteStreamsOf(client: Client, metadata: Metadata): ByteStreams {
  return {
    read: request => methodOf(client, 'Read')(request, metadata) as ClientReadableStream<{data?: Buffer}>,
    write() {
      let settle: (error: ServiceError | null, answer: unknown) => void = () => {};
      const answered = new Promise<unknown>((resolve, reject) => {
        settle = (error, answer) => (error === null ? resolve(answer) : reject(error));
      });
      const stream = methodOf(client, 'Write')(metadata, (error: ServiceError | null, answer: unknown) =>
        settle(error, answer),
      ) as ClientDuplexStream<object, unknown>;
      return {stream, answered};
    },
  };
}

function executionsOf(client: Client, metadata: Metadata): Executions {
  const streamOf = (method: string, request: object): ClientReadableStream<WireOperation> =>
    methodOf(client, method)(request, metadata) as ClientReadableStream<WireOperation>;
  return {
    execute: request => streamOf('Execute', request),
    wait: request => streamOf('WaitExecution', request),
  };
}

function codecOf(messages: unknown): MessageCodec {
  const methodOf = (message: string): {readonly encode: Method; readonly decode: Method} => {
    const method = partOf(messages, message);
    const [encode, decode] = [partOf(method, 'requestSerialize'), partOf(method, 'requestDeserialize')];
    if (typeof encode !== 'function' || typeof decode !== 'function')
      throw new Error(`Internal error: no message ${message}`);
    return {encode: encode as Method, decode: decode as Method};
  };
  return {
    encode: (message, value) => methodOf(message).encode(value) as Buffer,
    decode: <Message>(message: string, bytes: Buffer) => methodOf(message).decode(bytes) as Message,
  };
}

function methodOf(client: Client, name: string): Method {
  const method = client[name];
  if (typeof method !== 'function') throw new Error(`Internal error: no method ${name}`);
  return method.bind(client) as Method;
}

const partOf = (at: unknown, part: string): unknown =>
  (typeof at === 'object' || typeof at === 'function') && at !== null ? Reflect.get(at, part) : undefined;
const isClientClass = (value: unknown): value is ClientClass => typeof value === 'function';

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'details' in error && typeof error.details === 'string' && error.details !== ''
    ? error.details
    : error.message;
}

function hintOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
    ? 'run: npm install @grpc/grpc-js @grpc/proto-loader'
    : null;
}
