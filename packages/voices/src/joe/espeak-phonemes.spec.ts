import { espeakPhonemes } from './espeak-phonemes';

describe('espeakPhonemes', () => {
  it.each([
    ['həlˈO ðˈɛɹ.', 'həlˈoʊ ðˈɛɹ.'],
    ['ði ˈɜɹli bˈɜɹd', 'ði ˈɜːli bˈɜːd'],
    ['sˈi ʃˈɔɹ, mI dˈɪɹ', 'sˈiː ʃˈoːɹ, maɪ dˈɪɹ'],
    ['wˈɔTəɹ', 'wˈɔːɾɚ'],
    ['ʤˈʌʤ ʧˈɜɹʧ bˈY nˈW', 'dʒˈʌdʒ tʃˈɜːtʃ bˈɔɪ nˈaʊ'],
    ['wˈʌn — tˈu… “θɹˈi”', 'wˈʌn, tˈuː... θɹˈiː'],
    ['', ''],
  ])('%s is %s', (phonemes, expected) => {
    expect(espeakPhonemes(phonemes)).toBe(expected);
  });
});
