// What stands at the places where a pipeline publishes, where it is of other parameters than a report: a reader who
// lays the two side by side is told.

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {canonicalJson, type Json} from '../../core/json.ts';
import {namesIn} from '../../host/atomic-file.ts';
import type {InstanceFacts} from '../../report/page/facts.ts';
import type {Study} from '../../stage/define.ts';
import {describeStudy} from '../../stage/study.ts';
import {parseTrace, TRACE_SUFFIX} from '../../stage/trace.ts';

/** A sentence for each such place. */
export function otherPublications(
  project: string,
  instances: readonly InstanceFacts[],
  study: Study,
): readonly string[] {
  const places = new Set(instances.flatMap(({instance}) => instance.publish ?? []));
  return [...places].flatMap(place => {
    const folder = join(project, place);
    const traces = namesIn(folder)
      .filter(name => name.endsWith(TRACE_SUFFIX))
      .flatMap(name => parseTrace(readFileSync(join(folder, name), 'utf8')) ?? []);
    const other = traces.find(trace => trace.study !== null && !isSame(trace.study, study))?.study;
    if (other === undefined || other === null) return [];
    const text = describeStudy(other) || 'those of the pipeline itself';
    return [
      `${place} was published with other parameters: ${text}; this page is of the ones it was asked for`,
    ];
  });
}

const isSame = (a: Study, b: Study): boolean => canonicalJson(json(a)) === canonicalJson(json(b));

const json = ({profile, changed}: Study): Json => ({
  profile,
  changed: changed.map(({name, plain, value}) => ({name, plain, value})),
});
