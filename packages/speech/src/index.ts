export { type Clause, ClauseSplitter, MAX_CLAUSE } from './clauses/clause-splitter';
export { MoreInput } from './more-input';
export { Phonemizer } from './phonemes/phonemizer';
export type { EnglishTables, LexiconEntry, TaggerTables, UnknownWord } from './phonemes/tables';
export type {
  SpeechEngine,
  SpeechOptions,
  SpeechSession,
  SpokenClause,
  TalkerPrompt,
  VoiceInfo,
  VoiceQuality,
} from './speech-engine';
export { checkCancelled, SPEECH_FAILURES, SpeechError, type SpeechFailure } from './speech-error';
export { speakable } from './spoken/speakable';
export { type SayClause, type SpokenPart, TextSession } from './text-session';
