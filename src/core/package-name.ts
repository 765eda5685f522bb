// The name of this package in registries and imports. The command that it brings is `pipe`.

export const packageName = 'pipe-ml';
