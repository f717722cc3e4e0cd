/** Classes of the phoneme alphabet, one character each, and of letters. Diphthongs are capitals: A as in day, I, O, W, Y. */
export const PRIMARY = 'ˈ';
export const SECONDARY = 'ˌ';
export const VOWELS = new Set('AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻ');
export const CONSONANTS = new Set('bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ');
export const DIPHTHONGS = new Set('AIOQWYʤʧ');
/** Vowels after which an American t becomes a tap. */
export const TAPPING = new Set('AIOWYiuæɑəɛɪɹʊʌ');
/** Marks that the voices know as phonemes. */
export const MARKS = new Set(';:,.!?—…"“”');
export const PAUSES = new Set(';:,.!?—…');

export const isLetters = (text: string): boolean => /^\p{L}+$/u.test(text);
export const isDigits = (text: string): boolean => /^[0-9]+$/.test(text);
export const isLower = (text: string): boolean => text === text.toLowerCase() && text !== text.toUpperCase();
export const isUpper = (text: string): boolean => text === text.toUpperCase() && text !== text.toLowerCase();
export const capitalized = (text: string): string => {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
};
