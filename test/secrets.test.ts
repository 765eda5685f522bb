// Secrets: values that a stage may use, and that are written nowhere.

import assert from 'node:assert/strict';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {test} from 'node:test';
import fc from 'fast-check';
import {Redaction} from '../src/exec/redaction.ts';
import {CliProject} from './rig/cli-project.ts';

const SECRET = 'sword/fish+"é"42';
const seed = process.env.FC_SEED === undefined ? {} : {seed: Number(process.env.FC_SEED)};

/** What a secret looks like where somebody prints it without meaning to. */
const tellings = (secret: string): string[] => [
  secret,
  Buffer.from(secret).toString('base64'),
  Buffer.from(`user:${secret}`).toString('base64'),
  Buffer.from(`ab${secret}--`).toString('base64url'),
  Buffer.from(secret).toString('hex'),
  encodeURIComponent(secret),
  JSON.stringify(secret),
];

/** Every file of a project whose bytes hold a text. */
function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, {withFileTypes: true, recursive: true})
    .filter(entry => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(text))
    .map(entry => entry.name);
}

test('a text that comes in pieces is masked as the whole is, wherever it is cut', () => {
  const redaction = new Redaction({A: SECRET, B: 'aaaaaab'});
  const part = fc.oneof(fc.constantFrom(...tellings(SECRET), 'aaaaaab', 'aaaaaaaab', 'sword/'), fc.string());
  const property = fc.property(
    fc.array(part),
    fc.array(fc.nat({max: 40}), {minLength: 1, maxLength: 30}),
    (parts, cuts) => {
      const text = parts.join('');
      let told = '';
      const stream = redaction.stream(piece => {
        told += piece;
      });
      let rest = text;
      for (let at = 0; rest !== ''; at++) {
        const length = Math.max(1, cuts[at % cuts.length] ?? 1);
        stream.push(rest.slice(0, length));
        rest = rest.slice(length);
      }
      stream.end();
      assert.ok(!told.includes(SECRET) && !told.includes('aaaaaab'), told);
      if (!text.includes('aaaaaa')) assert.equal(told, redaction.text(text));
    },
  );
  fc.assert(property, seed);
});

test('what people print by accident is masked: base64 at every offset, hexadecimal, addresses, JSON, lines of a key', () => {
  const redaction = new Redaction({KEY: `${SECRET}`, PEM: '-----BEGIN-----\nMIIEvQIBADANBgkq\nshort\n'});
  for (const telling of tellings(SECRET)) {
    const inner = Buffer.from(SECRET).toString('base64').slice(4, 16);
    const masked = redaction.text(`before ${telling} after`);
    assert.ok(masked.includes('***'), telling);
    assert.ok(!masked.includes(SECRET) && !masked.includes(inner), masked);
  }
  assert.equal(redaction.text('MIIEvQIBADANBgkq, short'), '***, short');
});

const PIPELINE = `pipeline: study
stages:
  fetch:
    run: |
      printf 'in pieces: %s' "\${TOKEN:0:7}"; sleep 0.3; printf '%s\\n' "\${TOKEN:7}"
      printf '%s' "user:$TOKEN" | base64; echo "$TOKEN" >&2
      echo '{"size": 3}' > "$metrics"
      echo data > "$out_data"
    env: {TOKEN: secret, "OTHER?": secret, LEVEL: value}
    out: {data: data.txt}
  module:
    uses: ./stages/leak.ts
    env: {TOKEN: secret}
`;

const LEAK = `import {defineStage, z} from 'pipe-ml/stage';
export default defineStage({
  about: 'Tells a secret in what it throws.',
  params: z.object({}),
  inputs: {},
  outputs: {out: 'file'},
  run({metric, progress}) {
    const token = process.env.TOKEN;
    progress({done: 1, total: 2, unit: 'steps', detail: 'at ' + token});
    metric(token, 1);
    throw new Error('cannot use ' + token);
  },
});
`;

test('a secret is in no file, no line and no page; its value is in no key', async () => {
  using project = new CliProject(PIPELINE);
  project.write('stages/leak.ts', LEAK);
  const env = {TOKEN: SECRET, LEVEL: 'a-level-of-its-own'};
  const ran = await project.start(['run', 'study', '--logs'], {env}).ended;
  assert.equal(ran.code, 1, ran.stderr);
  const said = ran.stdout + ran.stderr;
  assert.match(said, /in pieces: [\s\S]*\*\*\*/);
  assert.match(said, /cannot use \*\*\*/);
  const json = await project.start(['run', 'study', '--json', '--force'], {env}).ended;
  const more: string[] = [];
  for (const command of [
    ['log', 'study', 'fetch'],
    ['show', 'study', 'fetch'],
    ['why', 'study', 'fetch'],
  ]) {
    const ended = await project.start(command, {env}).ended;
    assert.equal(ended.code, 0, ended.stderr);
    more.push(ended.stdout);
  }
  assert.match(more[1] ?? '', /TOKEN +secret/);
  await project.start(['report', 'study', '-o', 'page.html'], {env}).ended;
  for (const telling of tellings(SECRET)) {
    const core = telling.length > 24 ? telling.slice(8, 24) : telling;
    for (const text of [said, json.stdout, json.stderr, ...more]) assert.ok(!text.includes(core), core);
    assert.deepEqual(filesWith(project.folder, core), [], core);
  }
  assert.deepEqual(filesWith(project.folder, env.LEVEL), [], 'other variables are digests');
  const rotated = await project.start(['run', 'study', 'fetch', '--json'], {
    env: {...env, TOKEN: 'another one'},
  }).ended;
  assert.match(rotated.stdout, /"status":"cached"/);
});

test('a secret that is unset, empty or too short is a mistake with its place before anything runs', async () => {
  using project = new CliProject(PIPELINE.slice(0, PIPELINE.indexOf('  module:')));
  const ended = (TOKEN?: string) =>
    project.start(['run', 'study'], {env: {LEVEL: '1', ...(TOKEN === undefined ? {} : {TOKEN})}}).ended;
  const [unset, empty, short] = [await ended(), await ended(''), await ended('abc')];
  assert.deepEqual([unset.code, empty.code, short.code], [2, 2, 2]);
  for (const each of [unset, empty]) assert.match(each.stderr, /set the secret TOKEN, got nothing\n.*:9:11/);
  assert.match(short.stderr, /at least 6 characters/);
  project.edit('pipelines/study.yaml', 'TOKEN: secret', 'TOKEN: hunter2');
  const written = await project.pipe('run', 'study');
  assert.equal(written.code, 2);
  assert.match(written.stderr, /expected `secret` or `value`/);
});

test('an output that holds a secret is not kept', async () => {
  using project = new CliProject(
    `pipeline: study\nstages:\n  a: {run: 'mkdir "$out/d"; head -c 70000 /dev/zero > "$out/d/x"; printf "%s" "$TOKEN" >> "$out/d/x"', env: {TOKEN: secret}}\n`,
  );
  const ended = await project.start(['run', 'study'], {env: {TOKEN: SECRET}}).ended;
  assert.equal(ended.code, 1);
  assert.match(ended.stdout + ended.stderr, /got the value of TOKEN in d\/x/);
  assert.deepEqual(filesWith(project.folder, SECRET), []);
});
