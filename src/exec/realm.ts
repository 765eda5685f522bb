// The global state of a worker as it was before any stage ran: globals, what the language brings, modules of Node,
// listeners of the process. A stage may change all of it; the next one finds it as it was.

import childProcess from 'node:child_process';
import events from 'node:events';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import timers from 'node:timers';
import url from 'node:url';
import util from 'node:util';

/** What packages that stay loaded keep among the globals; see `resetPackages`. */
const OF_PACKAGES = new Set<PropertyKey>([
  '_tfengine',
  '_tfGlobals',
  '__zod_globalConfig',
  '__zod_globalRegistry',
  Symbol.for('onnxruntime'),
]);

/** Of `process`: what changes by itself, or is put back in another way. */
const OF_PROCESS = new Set<PropertyKey>([
  '_events',
  '_eventsCount',
  '_exiting',
  'env',
  'exitCode',
  'stdin',
  'stdout',
  'stderr',
]);

interface Kept {
  readonly object: object;
  readonly properties: ReadonlyMap<PropertyKey, PropertyDescriptor>;
  readonly prototype: object | null;
  readonly isExtensible: boolean;
}

export class Realm {
  readonly #kept: readonly Kept[];
  readonly #environment = {...process.env};
  readonly #listeners: ReadonlyMap<string | symbol, readonly unknown[]>;
  readonly #mask = process.umask();

  constructor() {
    this.#kept = [...findObjects()].map(object => ({
      object,
      properties: new Map(Reflect.ownKeys(object).map(key => [key, describe(object, key)])),
      prototype: Object.getPrototypeOf(object),
      isExtensible: Object.isExtensible(object),
    }));
    this.#listeners = listenersNow();
  }

  /** False where something cannot be put back: this worker is spoilt. */
  restore(): boolean {
    let isWhole = true;
    for (const kept of this.#kept) isWhole = restoreObject(kept) && isWhole;
    for (const name of Object.keys(process.env)) if (!(name in this.#environment)) delete process.env[name];
    Object.assign(process.env, this.#environment);
    process.umask(this.#mask);
    process.exitCode = undefined;
    for (const [event, listeners] of listenersNow()) {
      for (const listener of listeners) {
        if (this.#listeners.get(event)?.includes(listener) === true) continue;
        process.removeListener(event, listener as () => void);
      }
    }
    return isWhole;
  }
}

const describe = (object: object, key: PropertyKey): PropertyDescriptor =>
  Object.getOwnPropertyDescriptor(object, key) ?? {};

/** Every object of the language and of Node that programs share, by way of the names that lead to it. */
function findObjects(): Set<object> {
  const found = new Set<object>([globalThis]);
  const add = (value: unknown): void => {
    if (!isObject(value)) return;
    found.add(value);
    const prototype: unknown = typeof value === 'function' ? Reflect.get(value, 'prototype') : undefined;
    if (isObject(prototype)) found.add(prototype);
  };
  for (const key of Reflect.ownKeys(globalThis)) {
    const {value} = describe(globalThis, key);
    if (value !== globalThis) add(value);
  }
  // Those without a global name.
  const nameless = [
    Object.getPrototypeOf(Int8Array),
    Object.getPrototypeOf(function* () {}),
    Object.getPrototypeOf(async () => {}),
    Object.getPrototypeOf(async function* () {}),
    Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())),
    Object.getPrototypeOf([][Symbol.iterator]()),
  ];
  for (const value of [...nameless, childProcess, events, fs, fsPromises, os, path, timers, url, util])
    add(value);
  return found;
}

const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function';

function restoreObject({object, properties, prototype, isExtensible}: Kept): boolean {
  const isExempt = (key: PropertyKey): boolean =>
    (object === globalThis && OF_PACKAGES.has(key)) || (object === process && OF_PROCESS.has(key));
  let isWhole = Object.isExtensible(object) === isExtensible;
  for (const key of Reflect.ownKeys(object)) {
    if (!properties.has(key) && !isExempt(key)) isWhole = Reflect.deleteProperty(object, key) && isWhole;
  }
  for (const [key, before] of properties) {
    const now = Object.getOwnPropertyDescriptor(object, key);
    if (isExempt(key) || (now !== undefined && isSame(before, now))) continue;
    isWhole = Reflect.defineProperty(object, key, before) && isWhole;
  }
  if (Object.getPrototypeOf(object) !== prototype)
    isWhole = Reflect.setPrototypeOf(object, prototype) && isWhole;
  return isWhole;
}

const isSame = (a: PropertyDescriptor, b: PropertyDescriptor): boolean =>
  Object.is(a.value, b.value) &&
  a.get === b.get &&
  a.set === b.set &&
  a.writable === b.writable &&
  a.enumerable === b.enumerable &&
  a.configurable === b.configurable;

function listenersNow(): Map<string | symbol, readonly unknown[]> {
  const events = process.eventNames();
  return new Map(events.map(event => [event, process.rawListeners(event as 'exit')]));
}
