// Hosts to reach by the system's `ssh`: one sshd on a free port with keys of its own, known to clients under several
// names; `undefined` where sshd is not installed.

import {execFileSync, spawn} from 'node:child_process';
import {chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir, userInfo} from 'node:os';
import {delimiter, join} from 'node:path';
import {findProgram, freePort, untilListening} from './servers.ts';

export interface SshHosts extends AsyncDisposable {
  /** What a client needs in its environment: `ssh` there knows the hosts. */
  readonly env: Readonly<Record<string, string>>;
}

export async function startSshHosts(names: readonly string[]): Promise<SshHosts | undefined> {
  const sshd = ['/usr/sbin/sshd', findProgram('sshd')].find(path => path !== undefined && existsSync(path));
  const ssh = findProgram('ssh');
  if (sshd === undefined || ssh === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'pipe-ssh-'));
  const at = (name: string): string => join(folder, name);
  for (const key of ['key', 'host']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  }
  copyFileSync(at('key.pub'), at('authorized'));
  // Where root's sshd leaves its privileges.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', {recursive: true});
  const port = await freePort();
  writeFileSync(
    at('sshd_config'),
    `ListenAddress 127.0.0.1:${port}
HostKey ${at('host')}
AuthorizedKeysFile ${at('authorized')}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
`,
  );
  writeFileSync(
    at('ssh_config'),
    `Host ${names.join(' ')}
  HostName 127.0.0.1
  Port ${port}
  User ${userInfo().username}
  IdentityFile ${at('key')}
  IdentitiesOnly yes
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
`,
  );
  // The system's ssh, with these hosts instead of the user's own.
  mkdirSync(at('bin'));
  writeFileSync(at('bin/ssh'), `#!/bin/sh\nexec '${ssh}' -F '${at('ssh_config')}' "$@"\n`);
  chmodSync(at('bin/ssh'), 0o755);
  const child = spawn(sshd, ['-D', '-e', '-f', at('sshd_config')], {stdio: 'ignore'});
  await untilListening(child, port);
  return {
    env: {PATH: `${at('bin')}${delimiter}${process.env.PATH ?? ''}`},
    async [Symbol.asyncDispose]() {
      const gone = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
      rmSync(folder, {recursive: true, force: true});
    },
  };
}
