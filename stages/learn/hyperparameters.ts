// The parameters of a training, as a pipeline writes them. `published` stands for what the method's authors use on
// the data set at hand (presets.ts); everything else is a value.

import {z} from '../../src/stage/define.ts';
import {augmentationPolicy} from './augmentation.ts';

const probability = z.number().min(0).max(1);
const published = z.literal('published');

/** Optimizers that are a gradient rule over a base optimizer. */
export const sharpOptimizers = ['sam', 'asam', 'msam', 'gsam', 'esam', 'looksam', 'fsam', 'gnp'] as const;
export const baseOptimizers = ['sgd', 'adam', 'adamw'] as const;

const initsOf: Readonly<Record<string, readonly string[]>> = {
  'simple-nn': ['he', 'torch'],
  'wide-resnet': ['google', 'zagoruyko', 'davda54'],
};

export const builtInModels = ['simple-nn', 'wide-resnet'] as const;

/** Whether a model is a module of the project: one's own. */
export const isOwnModel = (model: string): boolean => model.startsWith('./');

export const hyperparameters = z
  .object({
    model: z
      .union([z.enum(builtInModels), z.string().regex(/^\.\//)])
      .default('simple-nn')
      .describe(
        'or a module of the project, ./models/mine.ts, that makes a model of tf.layers for the images',
      ),
    hidden: z
      .array(z.int().positive())
      .default([512, 512])
      .describe('widths of the hidden layers of simple-nn'),
    depth: z.int().min(10).default(28).describe('depth of wide-resnet: 6n+4'),
    width: z.int().positive().default(10).describe('widening factor of wide-resnet'),
    shortcut: z
      .enum(['projection', 'zero-pad'])
      .default('projection')
      .describe(
        'wide-resnet where the width changes: a 1×1 convolution, or average pooling and zero channels',
      ),
    init: z
      .enum(['default', 'he', 'torch', 'google', 'zagoruyko', 'davda54'])
      .default('default')
      .describe('he and torch are for simple-nn, the others for wide-resnet'),
    dropout: z.number().min(0).lt(1).default(0),
    dropout_masks: z
      .enum(['same', 'fresh'])
      .default('same')
      .describe('whether the second pass of SAM drops the same units as the first'),

    optimizer: z.enum([...baseOptimizers, ...sharpOptimizers]).default('sgd'),
    base: z.enum(baseOptimizers).default('sgd').describe('what a variant of SAM hands its gradient to'),
    lr: z.number().positive().default(0.1),
    momentum: z.number().min(0).lt(1).default(0.9),
    nesterov: z.boolean().default(false),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    adam_epsilon: z.number().positive().default(1e-8),
    weight_decay: z.number().min(0).default(0),
    weight_decay_mode: z
      .enum(['coupled', 'decoupled', 'loss'])
      .default('coupled')
      .describe(
        'coupled: as in PyTorch; decoupled: as in AdamW; loss: L2 in the loss, which bends SAM’s ascent',
      ),
    weight_decay_on: z
      .enum(['all', 'weights'])
      .default('all')
      .describe('weights spares biases and batch norm'),
    clip: z.number().positive().nullable().default(null).describe('largest norm of the gradient, after SAM'),

    rho: z
      .union([z.number().min(0), published])
      .default('published')
      .describe('radius of SAM; 0 is the base optimizer'),
    rho_min: z
      .number()
      .min(0)
      .nullable()
      .default(null)
      .describe('gsam: the radius follows the learning rate down to this one'),
    rho_warmup_epochs: z.number().min(0).default(0).describe('epochs over which the radius rises from 0'),
    adaptive: z.union([z.enum(['none', 'asam', 'abs']), published]).default('published'),
    eta: z.number().min(0).default(0.01).describe('of asam'),
    norm_epsilon: z
      .number()
      .min(0)
      .default(1e-12)
      .describe('added to the norm of the gradient; 0 as in google-research/sam'),
    perturbs: z.enum(['all', 'norm']).default('all').describe('norm: SAM-ON, batch norm alone'),
    m: z.int().positive().default(32).describe('msam: samples per perturbation'),
    alpha: z
      .union([z.number().min(0), published])
      .default('published')
      .describe('of gsam, looksam and gnp'),
    k: z.int().positive().default(5).describe('looksam: a step of SAM every k steps'),
    sigma: z.number().min(0).default(1).describe('of fsam'),
    lambda: z.union([probability, published]).default('published').describe('of fsam'),
    beta: z
      .union([z.number().gt(0).max(1), published])
      .default('published')
      .describe('esam: share of tensors'),
    gamma: z.number().gt(0).max(1).default(0.5).describe('esam: share of samples'),

    epochs: z.int().positive().default(200),
    batch_size: z.int().positive().default(128),
    drop_last: z.boolean().default(true).describe('leave out the samples that do not fill a batch'),
    schedule: z.enum(['constant', 'step', 'cosine', 'linear']).default('constant'),
    schedule_at: z.array(probability).default([0.3, 0.6, 0.8]).describe('step: fractions of the training'),
    schedule_factor: z
      .number()
      .positive()
      .default(0.2)
      .describe('step: what the learning rate is multiplied by'),
    schedule_end: z
      .number()
      .min(0)
      .default(0)
      .describe('cosine and linear: share of the learning rate at the end'),
    warmup_epochs: z.number().min(0).default(0),
    label_smoothing: z.number().min(0).lt(1).default(0),
    smoothing_over: z
      .enum(['all', 'others'])
      .default('all')
      .describe('others: only the wrong classes, as davda54/sam'),
    augmentation: z
      .union([z.enum(['none', 'basic', 'cutout']), augmentationPolicy])
      .default('none')
      .describe('basic: flip and crop with 4 zeros; cutout: basic and a square of 16; or a policy'),
    evaluation_batch: z.int().positive().default(250),
    evaluate_every: z
      .int()
      .positive()
      .default(1)
      .describe('epochs between evaluations; the last one always is'),
    seed: z.int().min(0).default(0).describe('of initial weights, order, augmentation, dropout: all of them'),
  })
  .superRefine((params, context) => {
    const refuse = (path: string, message: string): void =>
      context.addIssue({code: 'custom', path: [path], message});
    if (params.model === 'wide-resnet' && (params.depth - 4) % 6 !== 0) {
      refuse('depth', `expected 6n+4 (10, 16, 22, 28, …), got ${params.depth}`);
    }
    const inits = initsOf[params.model] ?? [];
    if (params.init !== 'default' && !inits.includes(params.init)) {
      const others = inits.length === 0 ? '' : `, ${inits.join(' or ')}`;
      refuse('init', `expected default${others} for ${params.model}, got ${params.init}`);
    }
    if (isOwnModel(params.model) && params.dropout > 0)
      refuse('dropout', `expected 0 for ${params.model}, whose own layers drop, got ${params.dropout}`);
    if (params.nesterov && params.momentum === 0)
      refuse('nesterov', 'expected momentum above 0 with nesterov, got 0');
    if (params.optimizer === 'msam' && params.batch_size % params.m !== 0) {
      refuse('m', `expected a divisor of batch_size ${params.batch_size}, got ${params.m}`);
    }
    if (params.optimizer === 'msam' && !params.drop_last)
      refuse('drop_last', 'expected true with msam, got false');
    if (params.optimizer === 'gnp' && params.alpha !== 'published' && params.alpha > 1) {
      refuse('alpha', `expected a share of at most 1 for gnp, got ${params.alpha}`);
    }
    if (params.warmup_epochs > params.epochs) {
      refuse('warmup_epochs', `expected at most the ${params.epochs} epochs, got ${params.warmup_epochs}`);
    }
    if (params.perturbs === 'norm' && params.model === 'simple-nn') {
      refuse('perturbs', 'expected a model with batch norm for norm, got simple-nn');
    }
  });

export type Hyperparameters = z.output<typeof hyperparameters>;
