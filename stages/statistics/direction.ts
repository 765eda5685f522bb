// Whether more of a metric is better, as far as its name says.

export type Better = 'higher' | 'lower';

const lower =
  /loss|error|perplexity|(^|_)(mse|mae|rmse|nll|ece|fid|wer|cer)(_|$)|sharpness|hessian|gradient_norm|seconds/;
const higher =
  /accuracy|(^|_)(f1|auc|auroc|map|iou|dice|bleu|rouge|psnr|ssim|r2|precision|recall|reward|return|score)(_|$)/;

/** `null` where the name says nothing. */
export const betterOf = (metric: string): Better | null =>
  lower.test(metric) ? 'lower' : higher.test(metric) ? 'higher' : null;
