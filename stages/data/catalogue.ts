// Where each data set comes from: hosts in order, file names, and the digests that decide whether bytes are right.
// Digests are over uncompressed content where it is known, so that another gzip framing of the same data is accepted.
// Nothing here is read from the network: a wrong or changed file is refused, never believed.

export interface Digest {
  readonly algorithm: 'sha256' | 'md5';
  readonly hex: string;
}

/** How a package becomes files of the data set. */
export type Unpacking =
  | {readonly kind: 'keep'; readonly to: string}
  | {readonly kind: 'gzip'; readonly to: string; readonly content: Digest | null}
  /** Named members of a tar.gz; others are left out. */
  | {readonly kind: 'members'; readonly members: readonly Member[]}
  /** Everything below one folder of a tar.gz or zip; `null` for the whole archive. */
  | {readonly kind: 'tar-tree' | 'zip-tree'; readonly under: string | null}
  /** A package inside a zip. */
  | {readonly kind: 'zip-inner'; readonly member: string; readonly inner: Unpacking};

export interface Member {
  /** Path inside the archive. */
  readonly path: string;
  readonly to: string;
  readonly content: Digest | null;
}

/** One file that a host or a mirror has. */
export interface Package {
  /** As a mirror calls it: `<mirror>/<data set>/<file>`. */
  readonly file: string;
  /** Empty where only a mirror can have it. */
  readonly urls: readonly string[];
  /** Of the file as the first host serves it. Without it, and without content digests, anything is accepted. */
  readonly digest: Digest | null;
  readonly unpacking: Unpacking;
  /** True for a part of the data set only; accepted from mirrors, when asked for. */
  readonly isSubset: boolean;
}

/** The packages that are alternatives of one another; every part is needed. */
export interface DataSource {
  readonly set: string;
  readonly parts: readonly (readonly Package[])[];
  /** Where a package of the operating system puts the files, under their usual names. */
  readonly system?: {readonly folder: string; readonly hint: string};
}

export const datasetNames = [
  'digits',
  'mnist',
  'fashion-mnist',
  'cifar10',
  'cifar10-mini',
  'cifar100',
  'caltech101',
] as const;
export type DatasetName = (typeof datasetNames)[number];

const sha256 = (hex: string): Digest => ({algorithm: 'sha256', hex});
const md5 = (hex: string): Digest => ({algorithm: 'md5', hex});

/** Four IDX files, from hosts that all use the same names. `digests` are of the gzip file and of its content. */
const idxSource = (
  set: string,
  hosts: readonly string[],
  digests: Readonly<Record<string, readonly [string, string]>>,
): DataSource => ({
  set,
  parts: Object.entries(digests).map(([name, [file, content]]) => [
    {
      file: `${name}.gz`,
      urls: hosts.map(host => `${host}${name}.gz`),
      digest: sha256(file),
      unpacking: {kind: 'gzip', to: name, content: sha256(content)},
      isSubset: false,
    },
  ]),
});

const cifar10Batches: readonly (readonly [string, string])[] = [
  ['data_batch_1.bin', 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5'],
  ['data_batch_2.bin', 'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed'],
  ['data_batch_3.bin', 'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67'],
  ['data_batch_4.bin', '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48'],
  ['data_batch_5.bin', '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add'],
  ['test_batch.bin', '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b'],
];

/** Sources: torchvision's and TensorFlow Datasets' download tables, read July 2025; content digests computed. */
export const sources: Readonly<Record<Exclude<DatasetName, 'digits'>, DataSource>> = {
  mnist: idxSource(
    'mnist',
    [
      'https://storage.googleapis.com/cvdf-datasets/mnist/',
      'https://ossci-datasets.s3.amazonaws.com/mnist/',
      'http://yann.lecun.com/exdb/mnist/', // often answers 403 or 503, hence last
    ],
    {
      'train-images-idx3-ubyte': [
        '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
        'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      ],
      'train-labels-idx1-ubyte': [
        '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
        '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      ],
      't10k-images-idx3-ubyte': [
        '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
        '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      ],
      't10k-labels-idx1-ubyte': [
        'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
        'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
      ],
    },
  ),
  'fashion-mnist': {
    system: {
      folder: '/usr/share/datasets/fashion-mnist',
      hint: 'On Debian and Ubuntu: apt install dataset-fashion-mnist',
    },
    ...idxSource(
      'fashion-mnist',
      [
        'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
        'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
      ],
      {
        'train-images-idx3-ubyte': [
          '3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84',
          'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
        ],
        'train-labels-idx1-ubyte': [
          'a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845',
          'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
        ],
        't10k-images-idx3-ubyte': [
          '346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073',
          '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
        ],
        't10k-labels-idx1-ubyte': [
          '67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5',
          '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
        ],
      },
    ),
  },
  cifar10: {
    set: 'cifar10',
    parts: [
      [
        {
          file: 'cifar-10-binary.tar.gz',
          urls: ['https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'],
          digest: sha256('c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd'),
          unpacking: cifar10Unpacking(true),
          isSubset: false,
        },
        {
          file: 'cifar-10-binary-mini.tar.gz',
          urls: [],
          digest: null,
          unpacking: cifar10Unpacking(false),
          isSubset: true,
        },
      ],
    ],
  },
  // 5 × 2,000 training and 2,000 test images of CIFAR-10, as many of each class, in the binary layout. Their pixels
  // were decoded from JPEG re-encodings, so no published number may stand beside what is trained on them.
  'cifar10-mini': {
    set: 'cifar10',
    parts: [
      [
        {
          file: 'cifar-10-binary-mini.tar.gz',
          urls: [],
          digest: sha256('537a9d10c19df1be320b9bbe8f037e7bc3335e7245ff05f29eb9bb92af8e61e6'),
          unpacking: cifar10Unpacking(false),
          isSubset: true,
        },
      ],
    ],
  },
  cifar100: {
    set: 'cifar100',
    parts: [
      [
        {
          file: 'cifar-100-binary.tar.gz',
          urls: ['https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz'],
          digest: sha256('58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec'),
          unpacking: {
            kind: 'members',
            members: [
              {
                path: 'cifar-100-binary/train.bin',
                to: 'train.bin',
                content: md5('6172c7755cfe09b2fe270c85cebc1b15'),
              },
              {
                path: 'cifar-100-binary/test.bin',
                to: 'test.bin',
                content: md5('4499cfba6c016c1be1438163640a0898'),
              },
            ],
          },
          isSubset: false,
        },
      ],
    ],
  },
  caltech101: {
    set: 'caltech101',
    parts: [
      [
        {
          file: 'caltech-101.zip',
          urls: ['https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip?download=1'],
          digest: sha256('331234750fc7f77520e50d9565e8b6907b03565e30320da1401130db08c61f91'),
          unpacking: {
            kind: 'zip-inner',
            member: 'caltech-101/101_ObjectCategories.tar.gz',
            inner: {kind: 'tar-tree', under: '101_ObjectCategories'},
          },
          isSubset: false,
        },
        {
          file: '101_ObjectCategories.tar.gz',
          urls: [],
          digest: sha256('af6ece2f339791ca20f855943d8b55dd60892c0a25105fcd631ee3d6430f9926'),
          unpacking: {kind: 'tar-tree', under: '101_ObjectCategories'},
          isSubset: false,
        },
      ],
    ],
  },
};

function cifar10Unpacking(isWhole: boolean): Unpacking {
  const members = cifar10Batches.map(([name, hex]) => ({
    path: `cifar-10-batches-bin/${name}`,
    to: name,
    content: isWhole ? sha256(hex) : null,
  }));
  return {kind: 'members', members};
}
