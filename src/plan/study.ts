// In what a plan differs from its pipeline as it is written: for tables, which say of what they are.

import {canonicalJson, isJsonObject, type JsonObject} from '../core/json.ts';
import type {PipelineSpec} from '../spec/spec.ts';
import type {Study} from '../stage/define.ts';

export const studyOf = ({profile, plain, params}: PipelineSpec): Study => ({
  profile,
  changed: changesOf(plain, params, ''),
});

/** Parameters with another value, by the names that `--set` knows them by. */
function changesOf(plain: JsonObject, now: JsonObject, prefix: string): Study['changed'] {
  return Object.entries(now).flatMap(([key, value]): Study['changed'] => {
    const before = plain[key] ?? null;
    if (isJsonObject(before) && isJsonObject(value)) return changesOf(before, value, `${prefix}${key}.`);
    if (canonicalJson(before) === canonicalJson(value)) return [];
    return [{name: `${prefix}${key}`, plain: before, value}];
  });
}
