// The JSON Schema (draft 2020-12) of the pipeline file, with the parameters of every stage module: what editors
// complete and check by. It accepts what the reader accepts, as far as a schema can say it.

import * as z from 'zod';
import {CHOOSER_KEY} from '../spec/read-values.ts';
import type {LoadedStage} from './catalogue.ts';

type Schema = Readonly<Record<string, unknown>>;

const NAME = '^[A-Za-z_][A-Za-z0-9_-]*$';
const REFERENCE: Schema = {
  type: 'string',
  pattern: '^\\$\\{[^{}]+\\}$',
  description: 'A parameter of the pipeline.',
};
const TEXTS: Schema = {anyOf: [{type: 'string'}, {type: 'array', items: {type: 'string'}}]};
const SCALAR: Schema = {type: ['string', 'number', 'boolean', 'null']};
const STAGE_REFERENCE: Schema = {type: 'string', description: 'stage or stage.output'};
const CHOOSERS: Schema = {
  description: 'Stages whose JSON objects give parameters: stage or stage.output, or a list of these.',
  anyOf: [STAGE_REFERENCE, {type: 'array', minItems: 1, items: STAGE_REFERENCE}],
};

/** A value, or a reference that stands for one. */
const orReference = (schema: Schema): Schema => ({anyOf: [schema, REFERENCE]});

/** `stages`: every module that `uses` can name without a path. */
export function pipelineSchema(stages: readonly LoadedStage[]): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A pipeline of pipe',
    type: 'object',
    additionalProperties: false,
    required: ['pipeline', 'stages'],
    properties: {
      pipeline: {type: 'string', pattern: NAME, description: 'Its name.'},
      about: {type: 'string', description: 'The question that it answers, in a sentence.'},
      params: {
        type: 'object',
        propertyNames: {pattern: NAME},
        description: 'What --set and --profile may change, with defaults.',
      },
      profiles: {
        type: 'object',
        propertyNames: {pattern: NAME},
        additionalProperties: {type: 'object'},
        description: 'Named sets of parameter values, for --profile.',
      },
      stages: {
        type: 'object',
        propertyNames: {pattern: NAME},
        minProperties: 1,
        additionalProperties: {$ref: '#/$defs/stage'},
      },
    },
    $defs: {
      stage: stageSchema(stages),
      input: INPUT,
      product: PRODUCT,
      ...Object.fromEntries(stages.map(stage => [`with-${stage.uses}`, withSchema(stage)])),
    },
  };
}

const INPUT: Schema = {
  anyOf: [
    STAGE_REFERENCE,
    {
      type: 'object',
      required: ['each'],
      additionalProperties: false,
      properties: {
        each: {...STAGE_REFERENCE, description: 'Gathers its instances over all axes that this stage lacks.'},
      },
    },
    {type: 'array', minItems: 1, items: {$ref: '#/$defs/input'}},
  ],
};

const PRODUCT: Schema = {
  type: 'object',
  properties: {
    exclude: {
      description: 'Partial cells that are left out.',
      type: 'array',
      items: {type: 'object', minProperties: 1, additionalProperties: SCALAR},
    },
  },
  additionalProperties: orReference({type: 'array', items: orReference(SCALAR)}),
};

function stageSchema(stages: readonly LoadedStage[]): Schema {
  const properties: Record<string, Schema> = {
    about: {type: 'string'},
    uses: {
      description: 'A stage module: a name, or a path such as ./stages/mine.ts.',
      anyOf: [{enum: stages.map(({uses}) => uses)}, {type: 'string', pattern: '/'}],
    },
    run: {
      type: 'string',
      description: 'A shell command; parameters and paths arrive as environment variables.',
    },
    in: {type: 'object', additionalProperties: {$ref: '#/$defs/input'}},
    with: {type: 'object', description: 'Parameters.', properties: {[CHOOSER_KEY]: CHOOSERS}},
    matrix: {
      description: 'Axes: a product, a union of products, or cells from a file that a stage made.',
      anyOf: [
        {
          type: 'object',
          required: ['from'],
          additionalProperties: false,
          properties: {from: STAGE_REFERENCE},
        },
        {$ref: '#/$defs/product'},
        {type: 'array', items: {$ref: '#/$defs/product'}},
      ],
    },
    files: {...TEXTS, description: 'Files, folders or globs of the project that the stage reads.'},
    code: {...TEXTS, description: 'Files that a command depends on (globs).'},
    out: {
      description: 'Outputs of a command: name and path in $out; a trailing slash means a folder.',
      anyOf: [TEXTS, {type: 'object', additionalProperties: {type: 'string'}}],
    },
    env: {
      description:
        'Environment variables that the stage may see; digests of their values enter the key, but for secrets.',
      anyOf: [TEXTS, {type: 'object', additionalProperties: {enum: ['secret', 'value']}}],
    },
    after: {...TEXTS, description: 'Stages that come first, and give this one nothing.'},
    resources: {
      type: 'object',
      additionalProperties: false,
      properties: {
        cpus: orReference({type: 'integer', minimum: 1}),
        memory: {type: 'string', description: 'Such as 512MB, 4GB or 2GiB.'},
        gpu: orReference({anyOf: [{type: 'integer', minimum: 0}, {const: 'optional'}]}),
        pool: {type: 'string', description: 'The executor that it goes to, of pipe.config.yaml.'},
      },
    },
    timeout: {type: 'string', description: 'Such as 90s, 30m, 6h or 1h30m.'},
    retries: {
      anyOf: [
        {type: 'integer', minimum: 0},
        {
          type: 'object',
          additionalProperties: false,
          properties: {times: orReference({type: 'integer', minimum: 0}), backoff: {type: 'string'}},
        },
        REFERENCE,
      ],
    },
    checkpoint: orReference({type: 'boolean'}),
    sandbox: {
      enum: ['closed', 'project'],
      description: 'project: works in the folder of the project, and so may read what it does not declare.',
    },
    publish: {type: 'string', description: 'A folder of the project that gets copies of the outputs.'},
    volatile: orReference({type: 'boolean'}),
    temporary: {
      description: 'Outputs whose bytes go when all that takes them is done: true for all.',
      oneOf: [{type: 'boolean'}, {type: 'string'}, {type: 'array', items: {type: 'string'}}],
    },
    frozen: orReference({type: 'boolean'}),
    salt: {type: ['string', 'number'], description: 'Changes the key and nothing else.'},
  };
  return {
    type: 'object',
    additionalProperties: false,
    properties,
    oneOf: [{required: ['uses']}, {required: ['run']}],
    allOf: stages.map(({uses}) => ({
      if: {required: ['uses'], properties: {uses: {const: uses}}},
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: {properties: {with: {$ref: `#/$defs/with-${uses}`}}},
    })),
  };
}

/** Parameters of one module: each may be a reference, and none is required, since an axis may give it. */
function withSchema({declaration}: LoadedStage): Schema {
  const {properties = {}} = z.toJSONSchema(declaration.params, {io: 'input', unrepresentable: 'any'});
  const allowed: Record<string, Schema> = {[CHOOSER_KEY]: CHOOSERS};
  for (const [name, schema] of Object.entries(properties)) {
    allowed[name] = typeof schema === 'boolean' ? {} : withReferences(schema as Schema);
  }
  return {
    type: 'object',
    description: declaration.about,
    additionalProperties: false,
    properties: allowed,
  };
}

/** References may stand for a whole parameter and for items of a list. */
function withReferences(schema: Schema): Schema {
  const {description, default: fallback, ...rest} = schema;
  const items = rest.items;
  const inner =
    typeof items === 'object' && items !== null ? {...rest, items: orReference(items as Schema)} : rest;
  return {
    ...orReference(inner),
    ...(description === undefined ? {} : {description}),
    ...(fallback === undefined ? {} : {default: fallback}),
  };
}
